/*
 * The whole journey, nothing made up: invitation, join, share, open the link, wake a machine of the virtual LAN, watch,
 * revoke, refused. The relay is on a host of its own and comes over plain http, as on a home network: the page's own
 * cryptography does the work.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { launchInside, look, open, quiet } from './browser.js';
import { Driver } from './relay.js';

const BUILD = process.env.ROUSE_BUILD ?? fileURLToPath(new URL('../../build', import.meta.url));
const skip = reason();

function reason() {
	if (process.getuid() !== 0)
		return 'needs root (network namespaces)';
	if (!/^ +share /m.test(execFileSync(path.join(BUILD, 'rouse'), ['--help'], { encoding: 'utf8' })))
		return 'this rouse cannot share yet';
	return false;
}

let lab, browser, page, where;

before(async () => {
	if (skip)
		return;
	lab = new Driver('journey_lab.py');
	where = await lab.heard();
	browser = await launchInside(where.browser);
	page = await open(browser);
});
after(async () => {
	await browser?.close();
	await lab?.stop();
});

const machine = () => page.locator('.machine', { has: page.getByRole('heading', { name: 'nas', exact: true }) });
const wake = () => page.getByRole('button', { name: 'Wake nas', exact: true });
const REFUSED = /status of (401|403)/;
let grant;

test('invitation, join, share, open the link', { skip }, async () => {
	const { url, invitation } = await lab.do('invite');

	assert.equal(new URL(url).origin, where.url);
	await lab.do('rouse', { argv: ['join', where.url, invitation] });
	grant = JSON.parse(await lab.do('rouse', { argv: ['share', '--machine', 'nas', '--can', 'wake', '--name', 'Ann’s phone', '--json'] }));
	await page.goto(grant.link);
	await machine().waitFor();
	assert.equal(page.url(), `${where.url}/`);
	await page.getByText('Guard online').waitFor();
	quiet(page);
});

test('the machine goes to sleep: the page shows it', { skip }, async () => {
	await lab.do('sleep');
	await machine().getByText('asleep').waitFor({ timeout: 15000 });
	await look(page, 'journey-asleep');
});

test('wake it and watch', { skip }, async () => {
	const magics = await lab.do('magics');

	await wake().click();
	await machine().getByText(/Magic packet sent/).waitFor();
	await machine().getByText(/nas is awake after \d+\.\d s/).waitFor();
	assert.ok(await lab.do('magics') > magics);
	assert.equal(await lab.do('state'), 'awake');
	await machine().locator('.state', { hasText: 'awake' }).waitFor();
	await machine().getByText(/Last woken .* by Ann’s phone, awake after/).waitFor();
	await page.locator('.happened').getByText(/woken by Ann’s phone · .*awake after \d+\.\d s/).waitFor();
	await look(page, 'journey-awake');
	await wake().click();
	await machine().getByText('nas is awake already').waitFor();
	quiet(page);
});

test('revoked: the page says so at once, nothing wakes any more', { skip }, async () => {
	await lab.do('sleep');
	await machine().getByText('asleep').waitFor();
	const magics = await lab.do('magics');

	await lab.do('rouse', { argv: ['revoke', grant.id] });
	await page.getByText('This key does not work').waitFor();
	await look(page, 'journey-revoked');
	await page.reload();
	await page.getByText('This key does not work').waitFor();
	assert.equal(await page.locator('.machine').count(), 0);
	await page.goto('about:blank');
	await page.goto(grant.link);
	await page.getByText('This key does not work').waitFor();
	assert.equal(await lab.do('magics'), magics);
	quiet(page, REFUSED);
});
