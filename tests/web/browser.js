/*
 * browser: Debian's chromium for the tests, with everything off that would speak to anybody but the relay; and what
 * every journey checks: nothing in the console, nothing that axe-core objects to.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import axe from 'axe-core';
import { chromium } from 'playwright-core';

export const OUTPUT = process.env.WEB_TEST_OUTPUT ?? fileURLToPath(new URL('../../build/web-tests', import.meta.url));

fs.mkdirSync(OUTPUT, { recursive: true });

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

export function launch(...args) {
	return launchAt(CHROMIUM, ...args);
}

/* In a network namespace: a browser on that host. */
export async function launchInside(namespace) {
	const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rouse-browser-'));
	const program = path.join(folder, 'chromium');

	fs.writeFileSync(program, `#!/bin/sh\nexec ip netns exec ${namespace} ${CHROMIUM} "$@"\n`, { mode: 0o755 });
	try {
		return await launchAt(program);
	} finally {
		fs.rmSync(folder, { recursive: true });
	}
}

function launchAt(executablePath, ...args) {
	return chromium.launch({
		executablePath,
		args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
			'--disable-component-update', '--disable-sync', ...args],
	});
}

/* A page of its own context; what it says to the console, and to whom it speaks, is in page.said and page.asked. */
export async function open(browser, options = {}) {
	const context = await browser.newContext({ viewport: { width: 390, height: 844 }, locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options });
	const page = await context.newPage();

	page.said = [];
	page.asked = [];
	page.setDefaultTimeout(15000);
	context.on('request', (request) => page.asked.push(request.url()));
	page.on('console', (message) => ['error', 'warning'].includes(message.type()) && page.said.push(message.text()));
	page.on('pageerror', (error) => page.said.push(String(error)));
	return page;
}

/* `expected`: refused requests that the test itself provoked; chromium reports each in the console. */
export function quiet(page, expected = /^$/) {
	assert.deepEqual(page.said.filter((text) => !expected.test(text)), []);
}

/* axe is run from outside of the page's policy, which would not let it in. */
export async function accessible(page) {
	const session = await page.context().newCDPSession(page);
	const { frameTree } = await session.send('Page.getFrameTree');
	const { executionContextId } = await session.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id, worldName: 'axe' });
	const run = (expression) => session.send('Runtime.evaluate', { expression, contextId: executionContextId, awaitPromise: true, returnByValue: true });

	await run(axe.source);
	const { result, exceptionDetails } = await run(`axe.run(document, { resultTypes: ['violations'] }).then((r) => JSON.stringify({
		passes: r.passes.length, violations: r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html + ' ' + n.failureSummary).join(' | ')) }))`);

	assert.equal(exceptionDetails, undefined);
	const { passes, violations } = JSON.parse(result.value);

	assert.ok(passes > 10, 'axe looked at nothing');
	assert.deepEqual(violations, []);
	await session.detach();
}

export const SIZES = { 320: 568, 390: 844, 1280: 800 };

/* The page at every width, light and dark: a picture of each, nothing sticks out, axe is content. */
export async function look(page, name) {
	const before = page.viewportSize();

	for (const [width, height] of Object.entries(SIZES)) {
		await page.setViewportSize({ width: Number(width), height });
		for (const colorScheme of ['light', 'dark']) {
			await page.emulateMedia({ colorScheme });
			await page.waitForTimeout(60);
			await page.screenshot({ path: path.join(OUTPUT, `${name}-${width}-${colorScheme}.png`), fullPage: true });
			const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

			assert.ok(wide <= 0, `${name} at ${width} px sticks out by ${wide} px`);
			await accessible(page);
		}
	}
	await page.emulateMedia({ colorScheme: 'light' });
	await page.setViewportSize(before);
}
