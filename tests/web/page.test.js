/* What a person does with the page, in a real browser, against the fixture: also what a real relay would not do. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { launch, look, open, quiet } from './browser.js';
import { Fixture, POLICY, WEB, furnished } from './fixture.js';

let browser, relay, page, grant;

before(async () => { browser = await launch(); });
after(() => browser.close());
beforeEach(async () => {
	relay = furnished(await new Fixture().start());
	grant = relay.grant();
	page = await open(browser);
});
afterEach(async () => {
	await page.context().close();
	await relay.stop();
});

const machine = (name) => page.locator('.machine', { has: page.getByRole('heading', { name, exact: true }) });
const wake = (name) => page.getByRole('button', { name: `Wake ${name}`, exact: true });
const REFUSED = /status of (401|403|503)|ERR_(CONNECTION|EMPTY|INCOMPLETE|INTERNET|FAILED)/;

async function openHome() {
	await page.goto(relay.link(grant));
	await machine('nas').waitFor();
}

test('a link shows its home; the secret leaves the address bar and is never sent', async () => {
	await openHome();
	assert.equal(page.url(), `${relay.origin}/`);
	assert.match(await machine('nas').innerText(), /asleep since [\s\S]*\(3 h 24 min\)[\s\S]*Last woken .* by Ann’s phone, awake after 6\.4 s/);
	assert.match(await machine('workstation').innerText(), /awake since/);
	assert.match(await page.locator('.happened').innerText(), /workstation woken by a knock at tcp\/3389 · awake after 11\.8 s/);
	assert.match(await page.locator('.sleeping').innerText(), /nas\s+294 h since [\s\S]*294 h × 38 W ÷ 1000 = 11\.2 kWh[\s\S]*Energy saved in kWh = hours asleep × watts ÷ 1000/);
	await look(page, 'home');
	const secret = relay.link(grant).split('.').at(-1);

	assert.ok(!(await page.content()).includes(secret));
	assert.ok(!JSON.stringify(relay.requests).includes(secret));
	assert.ok(await page.evaluate((s) => JSON.stringify(localStorage).includes(s), secret), 'kept for the next time');
	quiet(page);
	await page.reload();
	await machine('nas').waitFor();
});

test('few bytes, few requests, nobody else is asked', async () => {
	await openHome();
	await page.locator('.happened').waitFor();
	await page.waitForTimeout(500);
	const bytes = relay.requests.reduce((n, r) => n + r.bytes, 0);

	assert.ok(bytes <= 60 * 1024, `${bytes} bytes`);
	assert.ok(bytes > 10 * 1024);
	assert.ok(relay.requests.length <= 8, relay.requests.map((r) => r.path).join('\n'));
	for (const url of page.asked)
		assert.equal(new URL(url).origin, relay.origin);
});

test('waking shows each step, the time it usually takes, and the result', async () => {
	await openHome();
	let goOn;
	const seen = new Promise((done) => { goOn = done; });

	relay.script = [[150, { step: 'accepted' }], [150, { step: 'sent', attempt: 1, attempts: 3 }], [600, { step: 'sent', attempt: 2, attempts: 3 }],
		[seen, { step: 'awake', seconds: 6.4 }], [300, { step: 'ready', port: 'tcp/22', seconds: 7.1 }],
		[300, { step: 'result', result: 'awake', why: null, machine: 'nas', attempts: 2, awake_seconds: 6.4, ready: [{ port: 'tcp/22', seconds: 7.1 }] }]];
	await wake('nas').focus();
	await page.keyboard.press('Enter');
	const text = (pattern) => machine('nas').getByText(pattern).waitFor();

	await text('The guard has accepted it');
	await text('Magic packet sent, attempt 1 of 3');
	await text('Magic packet sent, attempt 2 of 3');
	assert.match(await machine('nas').locator('.clock').innerText(), /^\d+\.\d s, usually 6\.2 s$/);
	assert.equal(await machine('nas').getByText('attempt 1 of 3').count(), 0);
	const waking = page.getByRole('button', { name: 'Waking… nas' });

	assert.equal(await waking.getAttribute('aria-disabled'), 'true');
	await waking.click({ force: true });
	relay.setMachine(1, { state: 'waking', since: new Date().toISOString() });
	await look(page, 'waking');
	goOn();
	await machine('nas').locator('.steps').getByText('Awake after 6.4 s').waitFor();
	relay.setMachine(1, { state: 'awake', since: new Date().toISOString() });
	await text('nas is awake after 6.4 s');
	await text('tcp/22 ready after 7.1 s');
	assert.match(await page.locator('#said').innerText(), /nas is awake after 6\.4 s/);
	assert.equal(relay.wakes.length, 1, 'pressed twice, asked once');
	assert.deepEqual([relay.wakes[0].verb, relay.wakes[0].machine], ['wake', '1']);
	assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Wake', 'the focus stays');
	await look(page, 'awake');
	quiet(page);
});

const endings = {
	'no sign of life': [[[0, { step: 'accepted' }], [0, { step: 'result', result: 'no-sign-of-life', attempts: 3, ready: [] }]],
		/no sign of life after 3 attempts[\s\S]*power and its cable/],
	'not permitted': [[[0, { step: 'result', result: 'refused', why: 'not-permitted', ready: [] }]], /This key may not do that/],
	'already awake': [[[0, { step: 'result', result: 'already-awake', ready: [] }]], /nas is awake already/],
	'a forged answer': [[[0, { step: 'accepted' }], [0, { forge: { step: 'awake', seconds: 1 } }]], /not the guard’s[\s\S]*Do not trust/],
	'repeated answers': [[[0, { step: 'accepted', repeat: true }], [0, { step: 'result', result: 'awake', awake_seconds: 6.4, attempts: 1, ready: [], repeat: true }]], /nas is awake after 6\.4 s/],
	'the guard is lost': [[[0, { problem: 'guard-lost' }]], /went away just then[\s\S]*try again/],
	'the guard is silent': [[[0, { problem: 'guard-silent' }]], /does not answer/],
	'an end without result': [[[0, { step: 'accepted' }]], /connection broke off/],
	'cut off': [[[0, { step: 'accepted' }], [100, { cut: true }]], /connection broke off[\s\S]*The guard goes on/],
};

for (const [name, [script, expected]] of Object.entries(endings))
	test(`a wake that ends otherwise: ${name}`, async () => {
		await openHome();
		relay.script = script;
		await wake('nas').click();
		await machine('nas').locator('.notice').waitFor();
		assert.match(await machine('nas').innerText(), expected);
		assert.equal(await wake('nas').getAttribute('aria-disabled'), 'false', 'can be tried again');
		if (name === 'no sign of life')
			await look(page, 'no-sign-of-life');
		quiet(page, REFUSED);
	});

test('what is awake can be sent to sleep, by a key that may', async () => {
	const sleep = (name) => page.getByRole('button', { name: `Send to sleep: ${name}`, exact: true });

	await openHome();
	assert.equal(await sleep('workstation').count(), 0, 'this key may not');
	grant.can = ['see', 'wake', 'sleep'];
	await page.reload();
	await sleep('workstation').waitFor();
	assert.equal(await wake('workstation').count(), 0, 'one button in one place');
	assert.equal(await sleep('nas').count(), 0, 'it sleeps already');
	relay.script = [[100, { step: 'accepted' }], [100, { step: 'result', result: 'refused', why: 'sleeper-refused', text: 'busy: 1 connection to ssh', ready: [] }]];
	await sleep('workstation').focus();
	await page.keyboard.press('Enter');
	await machine('workstation').getByText('busy: 1 connection to ssh').waitFor();
	assert.deepEqual([relay.wakes[0].verb, relay.wakes[0].machine], ['sleep', '2']);
	let goOn;
	const seen = new Promise((done) => { goOn = done; });

	relay.script = [[50, { step: 'accepted' }], [50, { step: 'going' }], [seen, { step: 'result', result: 'asleep', asleep_seconds: 2.1, ready: [] }]];
	await sleep('workstation').focus();
	await page.keyboard.press('Enter');
	await machine('workstation').getByText('It is willing, and goes to sleep').waitFor();
	relay.setMachine(2, { state: 'asleep', since: new Date().toISOString() });
	goOn();
	await machine('workstation').getByText('workstation is asleep').waitFor();
	await wake('workstation').waitFor();
	assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Wake', 'the focus stays in its place');
	quiet(page);
});

test('a request that came too late is made once more, not more often', async () => {
	await openHome();
	let n = 0;

	relay.script = () => (n++ === 0 ? [[0, { step: 'result', result: 'refused', why: 'challenge-expired', ready: [] }]]
		: [[0, { step: 'result', result: 'awake', awake_seconds: 3, attempts: 1, ready: [] }]]);
	await wake('nas').click();
	await machine('nas').getByText('awake after 3.0 s').waitFor();
	relay.script = [[0, { step: 'result', result: 'refused', why: 'challenge-expired', ready: [] }]];
	await wake('nas').click();
	await machine('nas').getByText('came too late').waitFor();
	assert.equal(relay.wakes.length, 4);
});

test('what changes at home shows at once', async () => {
	await openHome();
	relay.setMachine(1, { state: 'waking', since: new Date().toISOString() });
	await machine('nas').getByText('waking').waitFor({ timeout: 5000 });
	relay.machines.push({ id: 9, name: 'attic', state: 'awake', since: null, expected_seconds: null, watts: null, slept: null, last_wake: null });
	relay.tell('machine', relay.machines.at(-1));
	await machine('attic').waitFor({ timeout: 5000 });
	assert.equal(await page.locator('.machine h3').first().innerText(), 'attic', 'by name');
	relay.tell('machine-gone', { id: 9 });
	await machine('attic').waitFor({ state: 'detached', timeout: 5000 });
	relay.addEvent({ machine: 1, name: 'nas', event: 'awake', seconds: 5.5 });
	await page.locator('.happened').getByText('awake after 5.5 s').waitFor({ timeout: 5000 });
	quiet(page);
});

test('a guard that is offline cannot be overlooked, and nothing is asked of it', async () => {
	await openHome();
	relay.setOnline(false);
	await page.getByText('The guard is offline since').waitFor();
	await page.getByText('Nothing can be woken until it is back').waitFor();
	await look(page, 'offline');
	const asked = relay.requests.length;

	assert.equal(await wake('nas').getAttribute('aria-disabled'), 'true');
	await wake('nas').click({ force: true });
	assert.match(await page.locator('#said').innerText(), /guard is offline/);
	assert.equal(relay.requests.length, asked);
	relay.setOnline(true);
	await page.getByText('Guard online').waitFor();
	assert.equal(await page.locator('.trouble').getByText('The guard is offline').count(), 0);
	await page.goto('about:blank');
	relay.setOnline(false);
	await page.goto(relay.origin);
	await page.getByText('The guard is offline since').waitFor();
	quiet(page);
});

test('the guard goes offline between looking and pressing', async () => {
	await openHome();
	relay.online = false;
	await wake('nas').click();
	await machine('nas').getByText('The guard is offline').waitFor();
	await machine('nas').getByText('Nothing was sent').waitFor();
});

test('a relay that goes away: said, tried again, back', async () => {
	await openHome();
	await relay.stop();
	await page.getByText('The relay cannot be reached').waitFor();
	await page.getByText(/Trying again in \d+ s/).waitFor();
	await machine('nas').waitFor();
	await look(page, 'unreachable');
	await wake('nas').click();
	await machine('nas').getByText('The relay cannot be reached').waitFor();
	relay.machines[0].state = 'awake';
	// Its own next try must not come in between.
	await page.getByText(/Trying again in ([4-9]|\d\d) s/).waitFor({ timeout: 60000 });
	await relay.start();
	await page.getByRole('button', { name: 'Try now' }).click();
	await page.getByText('Guard online').waitFor();
	assert.match(await machine('nas').innerText(), /awake since/);
	assert.equal(await page.getByText('Trying again').count(), 0);
	quiet(page, REFUSED);
});

test('a stream that breaks now and then is not worth a word', async () => {
	await openHome();
	const streams = () => relay.requests.filter((r) => r.path.endsWith('/live')).length;

	for (const { res } of relay.streams)
		res.destroy();
	await page.waitForTimeout(400);
	assert.equal(await page.locator('.trouble .notice').count(), 0);
	for (let i = 0; i < 50 && streams() < 2; i++)
		await page.waitForTimeout(100);
	assert.equal(streams(), 2);
	await page.getByText('Guard online').waitFor();
});

test('a key that is revoked while the page is open, and one that was before', async () => {
	await openHome();
	relay.revoke(grant);
	await page.getByText('This key does not work').waitFor();
	await page.getByText('Ask whoever gave it to you for a new one').waitFor();
	await look(page, 'revoked');
	await page.reload();
	await page.getByText('This key does not work').waitFor();
	assert.equal(await page.locator('.machine').count(), 0);
	await page.getByRole('button', { name: 'Remove from this browser' }).click();
	await page.getByRole('dialog').waitFor();
	await look(page, 'remove');
	await page.keyboard.press('Escape');
	assert.equal(await page.locator('.home').count(), 1, 'Escape keeps it');
	await page.getByRole('button', { name: 'Remove from this browser' }).click();
	await page.getByRole('button', { name: 'Remove it' }).click();
	await page.getByText('This browser has no home yet').waitFor();
	assert.equal(await page.evaluate(() => localStorage.getItem('rouse.grants')), '[]');
	quiet(page, REFUSED);
});

test('links that open nothing: cut off, of another relay, an invitation', async () => {
	await page.goto(relay.link(grant).slice(0, -3));
	await page.getByText('This link is not complete').waitFor();
	await page.getByText('This browser has no home yet').waitFor();
	assert.equal(page.url(), `${relay.origin}/`);
	await look(page, 'bad-link');
	await page.getByLabel('Link').fill(relay.link(grant).replace(/:\d+/, ':9'));
	await page.getByRole('button', { name: 'Add this home' }).click();
	await page.getByText('Open it at http://127.0.0.1:9').waitFor();
	await page.getByLabel('Link').fill(relay.link(grant));
	await page.getByRole('button', { name: 'Add this home' }).click();
	await machine('nas').waitFor();
	await page.goto(`${relay.origin}/#invitation.${'A'.repeat(27)}`);
	await page.getByText(`rouse join ${relay.origin} ${'A'.repeat(27)}`).waitFor();
	assert.equal(page.url(), `${relay.origin}/`);
	await look(page, 'invitation');
	quiet(page);
});

test('several homes in one list; a newer link takes the place of the older', async () => {
	await openHome();
	const other = relay.grant({ can: ['see'] });

	relay.name = 'Cabin';
	await page.goto(relay.link(other));
	await page.getByText('This link is used for Cabin from now on').waitFor();
	assert.equal(await page.locator('.home').count(), 1);
	assert.equal(await page.getByRole('button', { name: /^Wake/ }).count(), 0, 'this key may only see');
	const second = furnished(new Fixture());

	/* The same relay, another home. */
	relay.before = (req, res, url) => url.pathname.includes(second.home) && (second.serve(req, res), true);
	second.name = 'Office';
	second.origin = relay.origin;
	await page.goto(second.link(second.grant()));
	await page.getByRole('heading', { name: 'Office' }).waitFor();
	await page.getByRole('heading', { name: 'Cabin' }).waitFor();
	assert.equal(await page.locator('.home').count(), 2);
	await look(page, 'two-homes');
	quiet(page);
});

test('another window’s changes show here', async () => {
	await openHome();
	const other = await page.context().newPage();

	await other.goto(relay.origin);
	await other.getByRole('button', { name: 'Remove from this browser' }).click();
	await other.getByRole('button', { name: 'Remove it' }).click();
	await machine('nas').waitFor({ state: 'detached' });
});

test('the page has its policy with it, whoever serves it', async () => {
	await page.goto(relay.origin);
	const policy = await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content');

	/* Browsers take frame-ancestors from a header only. */
	assert.equal(policy, POLICY.replace("frame-ancestors 'none'; ", ''));
});

test('it can be installed', async () => {
	await openHome();
	const session = await page.context().newCDPSession(page);
	const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
	const { errors, url } = await session.send('Page.getAppManifest');

	assert.deepEqual(errors, []);
	assert.equal(url, `${relay.origin}/manifest.webmanifest`);
	/* What is left is the test's own: contexts of tests are private windows. */
	assert.deepEqual(installabilityErrors.map((e) => e.errorId).filter((id) => id !== 'in-incognito'), []);
	const icon = fs.readFileSync(path.join(WEB, 'icon.png'));

	assert.deepEqual([icon.readUInt32BE(16), icon.readUInt32BE(20)], [512, 512]);
});

const PHRASE = 'apple-bread-cloud-delta-eagle-forest';

test('a label and a key are typed: the machine wakes; nothing is kept', async () => {
	relay.grant({ phrase: PHRASE, label: 'NAS' });
	await page.goto(`${relay.origin}/h/${relay.home}`);
	await page.getByLabel('Label').fill('nas');
	const key = page.getByLabel('Key', { exact: true });

	assert.equal(await key.getAttribute('type'), 'password');
	await key.fill(' Apple bread  CLOUD-delta eagle forest');
	await look(page, 'typed');
	await key.press('Enter');
	await machine('nas').getByText('nas is awake after 6.4 s').waitFor();
	assert.equal(relay.wakes.length, 1);
	assert.equal(relay.wakes[0].machine, '1');
	await page.getByText('forgotten when this page is closed').waitFor();
	assert.ok(!(await page.evaluate(() => JSON.stringify(localStorage))).includes('secret'));
	assert.ok(!JSON.stringify(relay.requests).toLowerCase().includes('apple'));
	assert.equal(page.url(), `${relay.origin}/h/${relay.home}`);
	await page.goto(relay.origin);
	await page.getByText('This browser has no home yet').waitFor();
	quiet(page);
});

test('a wrong label looks like a wrong key', async () => {
	relay.grant({ phrase: PHRASE, label: 'nas' });
	const said = [];

	for (const [label, key] of [['nas', 'wrong-key-of-six-words-here'], ['nobody', PHRASE]]) {
		await page.goto(`${relay.origin}/h/${relay.home}`);
		await page.getByLabel('Label').fill(label);
		await page.getByLabel('Key', { exact: true }).fill(key);
		await page.getByRole('button', { name: 'Wake' }).click();
		await page.locator('.form-said .notice').waitFor();
		said.push(await page.locator('.form-said').innerText());
	}
	assert.match(said[0], /This label and this key do not fit/);
	assert.equal(said[0], said[1]);
	assert.equal(relay.wakes.length, 0);
	await look(page, 'wrong-key');
	quiet(page, REFUSED);
});

test('a typed key can be kept, shown while typed, and only look', async () => {
	relay.grant({ phrase: PHRASE, label: 'nas' });
	await page.goto(`${relay.origin}/h/${relay.home}`);
	await page.getByLabel('Label').fill('nas');
	await page.getByLabel('Key', { exact: true }).fill(PHRASE);
	await page.getByRole('button', { name: 'Show the key' }).click();
	assert.equal(await page.getByLabel('Key', { exact: true }).getAttribute('type'), 'text');
	await page.getByLabel('Keep it in this browser').check();
	await page.getByRole('button', { name: 'Only look' }).click();
	await machine('nas').waitFor();
	assert.equal(relay.wakes.length, 0);
	assert.ok(!(await page.evaluate(() => JSON.stringify(localStorage))).includes('apple'), 'the key as typed is not kept');
	await page.goto(relay.origin);
	await machine('nas').waitFor();
});

test('an address of a home that is cut off', async () => {
	await page.goto(`${relay.origin}/h/short`);
	await page.getByText('This address is not complete').waitFor();
	await page.getByLabel('Home').fill(`${relay.origin}/h/${relay.home}`);
	await page.getByRole('button', { name: 'Go there' }).click();
	await page.getByText('Wake a machine of this home').waitFor();
	quiet(page);
});

test('names are text, whatever they say', async () => {
	relay.name = '<img src=x onerror=alert(1)>';
	relay.machines[0].name = '<script>alert(2)</script>';
	relay.addEvent({ machine: 1, name: '"><svg onload=alert(3)>', event: 'asleep' });
	page.on('dialog', () => assert.fail('it ran'));
	await page.goto(relay.link(grant));
	await page.getByRole('heading', { name: '<img src=x onerror=alert(1)>' }).waitFor();
	await page.getByRole('heading', { name: '<script>alert(2)</script>' }).waitFor();
	assert.equal(await page.locator('img, main script').count(), 0);
	quiet(page);
});

test('over plain http from another host the library does the work, and the page says so', async () => {
	await page.context().close();
	const port = relay.port;

	await browser.close();
	browser = await launch('--host-resolver-rules=MAP relay.home.arpa 127.0.0.1');
	page = await open(browser);
	relay.origin = `http://relay.home.arpa:${port}`;
	await page.goto(relay.link(grant));
	await machine('nas').waitFor();
	assert.equal(await page.evaluate(() => isSecureContext), false);
	await page.getByText('This page came over plain http').waitFor();
	await wake('nas').click();
	await machine('nas').getByText('nas is awake after 6.4 s').waitFor();
	relay.grant({ phrase: PHRASE, label: 'typed' });
	await page.goto(`${relay.origin}/h/${relay.home}`);
	await page.getByLabel('Label').fill('typed');
	await page.getByLabel('Key', { exact: true }).fill(PHRASE);
	await page.getByRole('button', { name: 'Only look' }).click();
	await page.locator('.home').nth(1).locator('.machine').first().waitFor({ timeout: 60000 });
	quiet(page);
});

test('many machines, without colour, large letters, no motion', async () => {
	for (let id = 100; id < 220; id++)
		relay.machines.push({ id, name: `desk-${id}-with-a-rather-long-name-${'x'.repeat(20)}`, state: 'asleep', since: null, expected_seconds: null, watts: null, slept: null, last_wake: null });
	await page.emulateMedia({ reducedMotion: 'reduce', forcedColors: 'active' });
	await openHome();
	assert.equal(await page.locator('.machine').count(), 125);
	await page.setViewportSize({ width: 320, height: 568 });
	await page.evaluate(() => { document.documentElement.style.fontSize = '200%'; });
	assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
	const out = await page.evaluate(() => [...document.querySelectorAll('body *')]
		.filter((e) => e.getBoundingClientRect().right > innerWidth).map((e) => `${e.localName}.${e.className} ${e.textContent.slice(0, 40)}`));

	assert.deepEqual(out.slice(0, 5), []);
	quiet(page);
});
