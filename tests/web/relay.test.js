/* The page as the real relay serves it, with a guard that does what it is told: what both must agree about. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { launch, look, open, quiet } from './browser.js';
import { Guard, Relay, built } from './relay.js';

let browser, relay, guard, page;

/* A build without the relay is a failure, not a reason to be silent. */
before(async () => {
	assert.ok(built, 'rouse-relay is not built');
	browser = await launch();
});
after(() => browser?.close());
beforeEach(async () => {
	relay = await new Relay().start();
	guard = new Guard(relay);
	await guard.join((await relay.invite()).invitation);
	page = await open(browser);
});
afterEach(async () => {
	await page.context().close();
	await guard.stop();
	await relay.stop();
});

const machine = (name) => page.locator('.machine', { has: page.getByRole('heading', { name, exact: true }) });
const wake = (name) => page.getByRole('button', { name: `Wake ${name}`, exact: true });
const MACHINE = { t: 'machine', id: 1, name: 'nas', since: new Date().toISOString(), expected_seconds: 6.4, watts: 40, slept: null, last_wake: null };
const REFUSED = /status of (401|403|503)|ERR_(CONNECTION|EMPTY|INCOMPLETE|INTERNET|FAILED)/;

test('from the link to "awake": the whole way through the relay', async () => {
	await guard.do('event', { ident: 1 });
	const link = await guard.link();

	await page.goto(link);
	await machine('nas').waitFor();
	assert.equal(page.url(), `${relay.origin}/`);
	await page.getByText('Guard online').waitFor();
	await page.locator('.happened').getByText('awake after 6.4 s').waitFor();
	await page.locator('.sleeping').getByText('kWh').first().waitFor();
	await guard.do('set', { delay: 0.5 });
	await wake('nas').click();
	await machine('nas').getByText(/Awake after 6\.4 s/).waitFor();
	await machine('nas').getByText('nas is awake after 6.4 s').waitFor();
	await machine('nas').getByText('tcp/22 ready after 7.1 s').waitFor();
	assert.equal(await guard.do('requests'), 1);
	await look(page, 'relay-awake');
	const secret = link.split('.').at(-1);

	assert.ok(!relay.log().includes(secret));
	quiet(page);
});

test('what the relay serves: strict headers, few bytes, few requests', async () => {
	const link = await guard.link();
	let bytes = 0;

	/* As transferred: compressed. The stream has no length. */
	page.on('response', (answer) => { bytes += Number(answer.headers()['content-length'] ?? 0); });
	const response = await page.goto(link);

	await machine('nas').waitFor();
	await page.waitForTimeout(500);
	const headers = await response.allHeaders();
	const policy = headers['content-security-policy'];

	for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"])
		assert.ok(policy.includes(part), part);
	assert.ok(!/unsafe|\*|https?:/.test(policy), policy);
	assert.equal(headers['referrer-policy'], 'no-referrer');
	assert.equal(headers['x-content-type-options'], 'nosniff');
	assert.equal(headers['content-encoding'], 'gzip');
	assert.ok(page.asked.length <= 8, page.asked.join('\n'));
	assert.ok(bytes > 10240 && bytes <= 60 * 1024, `${bytes} bytes`);
	for (const url of page.asked)
		assert.equal(new URL(url).origin, relay.origin);
	quiet(page);
});

test('what the guard says shows at once', async () => {
	await page.goto(await guard.link());
	await machine('nas').waitFor();
	const soon = { timeout: 5000 };

	await guard.do('tell', { message: { ...MACHINE, id: 2, name: 'attic', state: 'awake' } });
	await machine('attic').waitFor(soon);
	await guard.do('tell', { message: { ...MACHINE, state: 'waking' } });
	await machine('nas').getByText('waking').waitFor(soon);
	await guard.do('tell', { message: { t: 'machine-gone', id: 2 } });
	await machine('attic').waitFor({ state: 'detached', ...soon });
	await guard.do('event', { ident: 7, kind: 'goodbye' });
	await page.locator('.happened').getByText('said goodbye').waitFor(soon);
	quiet(page);
});

test('the guard goes offline and comes back', async () => {
	await page.goto(await guard.link());
	await machine('nas').waitFor();
	await guard.do('close');
	await page.getByText('The guard is offline since').waitFor();
	await page.reload();
	await page.getByText('The guard is offline since').waitFor();
	await machine('nas').waitFor();
	await guard.do('join');
	await page.getByText('Guard online').waitFor();
	await wake('nas').click();
	await machine('nas').getByText('nas is awake after 6.4 s').waitFor();
	quiet(page);
});

test('a grant is revoked: the page is told, and a reload shows nothing', async () => {
	await page.goto(await guard.link());
	await machine('nas').waitFor();
	await guard.do('revoke', { ident: guard.last });
	await page.getByText('This key does not work').waitFor();
	await page.reload();
	await page.getByText('This key does not work').waitFor();
	assert.equal(await page.locator('.machine').count(), 0);
	quiet(page, REFUSED);
});

test('a grant sees only its machines, and wakes only when it may', async () => {
	await guard.do('set', { machines: [{ ...MACHINE, state: 'asleep' }, { ...MACHINE, id: 2, name: 'secret', state: 'asleep' }] });
	await page.goto(await guard.link({ machines: [1], can: ['see'] }));
	await machine('nas').waitFor();
	assert.equal(await page.locator('.machine').count(), 1);
	assert.equal(await page.getByRole('button', { name: /^Wake/ }).count(), 0);
	quiet(page);
});

test('failures and refusals come through', async () => {
	await page.goto(await guard.link());
	await machine('nas').waitFor();
	const failed = { why: null, machine: 'nas', attempts: 3, awake_seconds: null, ready: [] };

	await guard.do('set', { steps: [{ step: 'accepted' }], result: { ...failed, result: 'no-sign-of-life' } });
	await wake('nas').click();
	await machine('nas').getByText('no sign of life after 3 attempts').waitFor();
	await guard.do('set', { steps: [], result: { ...failed, result: 'refused', why: 'limited' } });
	await wake('nas').click();
	await machine('nas').getByText('Asked too often').waitFor();
	quiet(page);
});

test('the relay is killed and comes back', async () => {
	await page.goto(await guard.link());
	await machine('nas').waitFor();
	await relay.end('SIGKILL');
	await page.getByText('The relay cannot be reached').waitFor();
	await relay.start();
	await guard.do('join');
	await page.getByText('Guard online').waitFor({ timeout: 40000 });
	await wake('nas').click();
	await machine('nas').getByText('nas is awake after 6.4 s').waitFor();
	quiet(page, REFUSED);
});

test('a phrase is typed at the home’s own address; a wrong one fits nothing', async () => {
	const phrase = 'apple-bread-cloud-delta-eagle-forest';

	await guard.link({ phrase, label: 'nas' });
	await page.goto(`${relay.origin}/h/${guard.home}`);
	await page.getByLabel('Label').fill('NAS');
	await page.getByLabel('Key', { exact: true }).fill('not-the-key');
	await page.keyboard.press('Enter');
	await page.getByText('This label and this key do not fit').waitFor();
	await page.getByLabel('Key', { exact: true }).fill(phrase.replaceAll('-', ' ').toUpperCase());
	await page.keyboard.press('Enter');
	await machine('nas').getByText('nas is awake after 6.4 s').waitFor();
	assert.equal(await guard.do('requests'), 1);
	quiet(page, REFUSED);
});
