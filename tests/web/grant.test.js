/* The page's keys, requests and answers against docs/protocol-vectors.json: with the browser's cryptography and without. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { webcrypto } from 'node:crypto';

const vectors = JSON.parse(fs.readFileSync(new URL('../../docs/protocol-vectors.json', import.meta.url)));

function provide(crypto) {
	Object.defineProperty(globalThis, 'crypto', { value: crypto, configurable: true });
}

/* A module decides once which primitives it takes: each its own copy. */
provide({ getRandomValues: (a) => webcrypto.getRandomValues(a) });
const poor = await import('../../web/grant.js?insecure');

await poor.deriveKeys(new Uint8Array(32), 'AAAAAAAAAAAA');
provide(webcrypto);
const rich = await import('../../web/grant.js?secure');

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const unhex = (text) => new Uint8Array(Buffer.from(text, 'hex'));
const text = (bytes) => rich.toB64(bytes);
const { id, secret } = vectors.grant;

for (const [name, grant] of [['the browser’s cryptography', rich], ['the library', poor]]) {
	test(`${name}: keys of a grant`, async () => {
		const keys = await grant.deriveKeys(grant.fromB64(secret), id);

		assert.equal(keys.view, vectors.grant.view);
		assert.equal(text(keys.request), vectors.grant.request);
		assert.equal(text(keys.answer), vectors.grant.answer);
	});

	test(`${name}: a phrase as it is typed`, async () => {
		const { typed, salt, secret: expected } = vectors.phrase;

		assert.equal(text(await grant.phraseSecret(typed, salt)), expected);
	});

	test(`${name}: sealed requests`, async () => {
		const keys = await grant.deriveKeys(grant.fromB64(secret), id);

		for (const { sealed } of vectors.requests)
			assert.deepEqual(await grant.sealRequest(keys, sealed), sealed);
	});

	test(`${name}: answers are opened, and any other bit is noticed`, async () => {
		const keys = await grant.deriveKeys(grant.fromB64(secret), id);

		for (const { home, grant: of, sealed } of vectors.answers) {
			const reader = () => new grant.AnswerReader(keys, { home, grant: of, nonce: sealed.nonce });

			assert.deepEqual(await reader().open(sealed), JSON.parse(sealed.body));
			const forged = [{ seq: sealed.seq + 1 }, { body: `${sealed.body} ` }, { v: 2 }, { seq: -1 }, { seq: '0' }, { body: null },
				{ nonce: 'AAAAAAAAAAAAAAAAAAAAAA' }, { mac: '' }, { mac: text(new Uint8Array(32)) }, { mac: `${sealed.mac}A` }];
			const mac = grant.fromB64(sealed.mac);

			for (let bit = 0; bit < 256; bit += 37) {
				const other = mac.slice();

				other[bit >> 3] ^= 1 << (bit & 7);
				forged.push({ mac: text(other) });
			}
			for (const change of forged)
				await assert.rejects(reader().open({ ...sealed, ...change }), grant.ForgedAnswer, JSON.stringify(change));
			await assert.rejects(new grant.AnswerReader(keys, { home: `${home}x`, grant: of, nonce: sealed.nonce }).open(sealed), grant.ForgedAnswer);
			await assert.rejects(reader().open(null), grant.ForgedAnswer);
		}
	});
}

test('answers count once, in rising order, and not after the result', async () => {
	const keys = await rich.deriveKeys(rich.fromB64(secret), id);
	const [first, last] = vectors.answers;
	const reader = new rich.AnswerReader(keys, { home: first.home, grant: first.grant, nonce: first.sealed.nonce });

	assert.notEqual(await reader.open(first.sealed), null);
	assert.equal(await reader.open(first.sealed), null, 'repeated');
	assert.equal((await reader.open(last.sealed)).step, 'result');
	assert.equal(reader.over, true);
	assert.equal(await reader.open(last.sealed), null, 'after the result');
	const reversed = new rich.AnswerReader(keys, { home: first.home, grant: first.grant, nonce: first.sealed.nonce });

	await reversed.open(last.sealed);
	assert.equal(await reversed.open(first.sealed), null, 'falling');
});

test('parts are joined with their lengths', () => {
	for (const { parts, hex: expected } of vectors.parts)
		assert.equal(hex(rich.joinParts(...parts)), expected);
	for (const { sealed: r, signed } of vectors.requests)
		assert.equal(hex(rich.joinParts('rouse-request-v1', '1', r.home, r.grant, r.verb, r.machine, r.args, r.challenge, r.nonce)), signed);
});

test('base64url in its only spelling', () => {
	for (const { hex: bytes, text: spelt } of vectors.b64) {
		assert.equal(rich.toB64(unhex(bytes)), spelt);
		assert.equal(hex(rich.fromB64(spelt)), bytes);
	}
	for (const wrong of vectors.b64_invalid)
		assert.equal(rich.fromB64(wrong), null, JSON.stringify(wrong));
});

test('what is typed becomes the phrase that the guard made', () => {
	assert.equal(rich.normalisePhrase(vectors.phrase.typed), vectors.phrase.normalised);
	assert.equal(rich.normalisePhrase('-a--b \t\n C-'), 'a-b-c');
	assert.equal(rich.normalisePhrase(''), '');
});

test('a nonce is 16 bytes and never the same', () => {
	const nonces = new Set(Array.from({ length: 50 }, () => rich.newNonce()));

	assert.equal(nonces.size, 50);
	for (const nonce of nonces)
		assert.equal(rich.fromB64(nonce).length, 16);
});

test('links', () => {
	const home = vectors.join.home;
	const whole = `https://relay.example/#${home}.${id}.${secret}`;
	const link = rich.readLink(whole);

	assert.deepEqual([link.home, link.grant, text(link.secret), link.origin], [home, id, secret, 'https://relay.example']);
	assert.equal(rich.readLink(`#${home}.${id}.${secret}`).origin, null);
	assert.equal(rich.readLink(` ${home}.${id}.${secret}\n`).home, home);
	assert.deepEqual(rich.readLink(`http://127.0.0.1:8080/#invitation.${'A'.repeat(27)}`), { invitation: 'A'.repeat(27), origin: 'http://127.0.0.1:8080' });
	for (let n = 0; n < whole.length; n++)
		assert.equal(rich.readLink(whole.slice(0, n)), null, `cut off after ${n}`);
	for (const wrong of [`${whole}A`, `${whole}.x`, whole.replace(id, 'short'), whole.replace(home, `${home.slice(0, -1)}!`),
		`javascript:alert(1)#${home}.${id}.${secret}`, `nonsense#${home}.${id}.${secret}`, '#invitation.', '#invitation.AAAA', '', '#', '#..'])
		assert.equal(rich.readLink(wrong), null, wrong);
});
