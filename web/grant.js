/*
 * grant: the keys of a grant, and what is made with them: sealed requests, opened answers, links, phrases
 * (docs/protocol.md, 2, 4, 5).
 *
 * Owns every secret computation of the page. Refuses to know the network, the screen and where secrets are kept.
 */

const utf8 = new TextEncoder();

const HOME = /^[\w-]{22}$/;
const GRANT = /^[\w-]{12}$/;
const SECRET_BYTES = 32;
const INVITATION_BYTES = 20;
const PHRASE_ROUNDS = 600000;

/* --- bytes and text --- */

export function toB64(bytes) {
	const text = btoa(String.fromCharCode(...bytes));

	return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/* null for what is no base64url without padding, in its only spelling. */
export function fromB64(text) {
	if (!/^[\w-]*$/.test(text) || text.length % 4 === 1)
		return null;
	const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
	const bytes = Uint8Array.from(plain, (c) => c.charCodeAt(0));

	return toB64(bytes) === text ? bytes : null;
}

/* P of the protocol: each part behind its length, so that no two lists of parts look alike. */
export function joinParts(...parts) {
	const encoded = parts.map((part) => (typeof part === 'string' ? utf8.encode(part) : part));
	const out = new Uint8Array(encoded.reduce((n, part) => n + 4 + part.length, 0));
	const view = new DataView(out.buffer);
	let at = 0;

	for (const part of encoded) {
		view.setUint32(at, part.length);
		out.set(part, at + 4);
		at += 4 + part.length;
	}
	return out;
}

function sameBytes(a, b) {
	let difference = a.length ^ b.length;

	for (let i = 0; i < a.length; i++)
		difference |= a[i] ^ b[i % b.length];
	return difference === 0;
}

/* --- the primitives: the browser's own, or the library's where the page is no secure context --- */

const browsers = {
	async hkdf(secret, salt, info) {
		const key = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits']);
		const how = { name: 'HKDF', hash: 'SHA-256', salt, info };

		return new Uint8Array(await crypto.subtle.deriveBits(how, key, 256));
	},
	async hmac(secret, bytes) {
		const how = { name: 'HMAC', hash: 'SHA-256' };
		const key = await crypto.subtle.importKey('raw', secret, how, false, ['sign']);

		return new Uint8Array(await crypto.subtle.sign('HMAC', key, bytes));
	},
	async pbkdf2(password, salt, iterations) {
		const key = await crypto.subtle.importKey('raw', password, 'PBKDF2', false, ['deriveBits']);
		const how = { name: 'PBKDF2', hash: 'SHA-256', salt, iterations };

		return new Uint8Array(await crypto.subtle.deriveBits(how, key, 256));
	},
};

async function librarys() {
	const { hkdf, hmac, pbkdf2Async, sha256 } = await import('./hashes.js');

	return {
		hkdf: async (secret, salt, info) => hkdf(sha256, secret, salt, info, 32),
		hmac: async (secret, bytes) => hmac(sha256, secret, bytes),
		pbkdf2: (password, salt, iterations) =>
			pbkdf2Async(sha256, password, salt, { c: iterations, dkLen: 32 }),
	};
}

let chosen = null;

function primitives() {
	chosen ??= globalThis.crypto?.subtle ? Promise.resolve(browsers) : librarys();
	return chosen;
}

/* --- links and phrases --- */

/*
 * What a link says, given whole or only what follows its `#`: { home, grant, secret } with the secret as bytes,
 * { invitation }, or null. `origin` is the relay's, null when only the fragment was given.
 */
export function readLink(text) {
	const hash = text.indexOf('#');
	const parts = text.slice(hash + 1).trim().split('.');
	const origin = hash > 0 ? originOf(text.slice(0, hash).trim()) : null;

	if (hash > 0 && !origin)
		return null;
	if (parts.length === 2 && parts[0] === 'invitation')
		return fromB64(parts[1])?.length === INVITATION_BYTES ? { invitation: parts[1], origin } : null;
	if (parts.length !== 3 || !isHome(parts[0]) || !GRANT.test(parts[1]))
		return null;
	const secret = fromB64(parts[2]);

	return secret?.length === SECRET_BYTES ? { home: parts[0], grant: parts[1], secret, origin } : null;
}

function originOf(address) {
	try {
		const url = new URL(address);

		return url.protocol === 'https:' || url.protocol === 'http:' ? url.origin : null;
	} catch {
		return null;
	}
}

export function isHome(text) {
	return HOME.test(text) && fromB64(text) !== null;
}

/* What was typed, as the guard made it: lower case, words joined by one hyphen. */
export function normalisePhrase(typed) {
	return typed.replace(/[A-Z]/g, (c) => c.toLowerCase())
		.replace(/[\s-]+/g, '-').replace(/^-|-$/g, '');
}

/* The secret of a phrase grant; takes about a second, on purpose. */
export async function phraseSecret(typed, salt) {
	return (await primitives()).pbkdf2(utf8.encode(normalisePhrase(typed)), fromB64(salt), PHRASE_ROUNDS);
}

/* --- keys --- */

/*
 * A grant's keys: `view` as the text that is shown to the relay, `request` and `answer` as bytes that never leave
 * the page.
 */
export async function deriveKeys(secret, grant) {
	const { hkdf } = await primitives();
	const salt = utf8.encode('rouse-grant-v1');
	const [view, request, answer] = await Promise.all(['view', 'request', 'answer'].map(
		(word) => hkdf(secret, salt, utf8.encode(word + grant))));

	return { view: toB64(view), request, answer };
}

export function newNonce() {
	return toB64(crypto.getRandomValues(new Uint8Array(16)));
}

/* A sealed request: only the guard can tell that it is genuine, and nobody can make it twice. */
export async function sealRequest(keys, { home, grant, verb, machine, args = '', challenge, nonce }) {
	const { hmac } = await primitives();
	const request = { v: 1, home, grant, verb, machine: String(machine), args, challenge, nonce };
	const mac = await hmac(keys.request, joinParts('rouse-request-v1', '1', home, grant, verb,
		request.machine, args, challenge, nonce));

	return { ...request, mac: toB64(mac) };
}

/* Somebody between the guard and here made this up, changed it or sent it again. */
export class ForgedAnswer extends Error {}

/* Opens the answers to one request, in their order. */
export class AnswerReader {
	constructor(keys, { home, grant, nonce }) {
		this.keys = keys;
		this.home = home;
		this.grant = grant;
		this.nonce = nonce;
		this.last = -1;
		this.over = false;
	}

	/* The body as a value; null for one that was here already. Throws ForgedAnswer. */
	async open(sealed) {
		const { v, nonce, seq, body, mac } = sealed ?? {};

		if (v !== 1 || nonce !== this.nonce || !Number.isSafeInteger(seq) || seq < 0 ||
		    typeof body !== 'string' || typeof mac !== 'string')
			throw new ForgedAnswer();
		const { hmac } = await primitives();
		const expected = await hmac(this.keys.answer, joinParts('rouse-answer-v1', this.home,
			this.grant, nonce, String(seq), body));

		if (!sameBytes(expected, fromB64(mac) ?? new Uint8Array()))
			throw new ForgedAnswer();
		if (seq <= this.last || this.over)
			return null;
		this.last = seq;
		const value = JSON.parse(body);

		this.over = value.step === 'result';
		return value;
	}
}
