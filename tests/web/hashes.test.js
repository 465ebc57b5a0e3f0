/* web/hashes.js is what its header says: the library as it is published, in one file. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { buildSync } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));

test('the library of the page is the published one', () => {
	const { outputFiles } = buildSync({ absWorkingDir: here, entryPoints: ['hashes-entry.js'], bundle: true, format: 'esm',
		charset: 'utf8', legalComments: 'none', preserveSymlinks: true, write: false });
	const page = fs.readFileSync(new URL('../../web/hashes.js', import.meta.url), 'utf8');
	const licence = fs.readFileSync(new URL('node_modules/@noble/hashes/LICENSE', import.meta.url), 'utf8');
	const head = page.slice(0, page.indexOf('*/'));
	const version = JSON.parse(fs.readFileSync(new URL('node_modules/@noble/hashes/package.json', import.meta.url))).version;
	const bare = (text) => text.replace(/^ \*/gm, '').replace(/\s+/g, ' ').trim();

	assert.equal(page.slice(page.indexOf('*/') + 3), outputFiles[0].text);
	assert.ok(bare(head).includes(bare(licence)), 'the licence is there');
	assert.ok(head.includes(`@noble/hashes ${version},`));
});
