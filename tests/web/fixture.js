/*
 * fixture: a relay with its guard for tests of the page: speaks docs/protocol.md, 4 to 6, and can be told to do what a real
 * relay does only when it is hostile, broken or out of luck. What a real relay can be made to do is tested with the
 * real one (journey.test.js).
 *
 * Keys are worked out with node's own crypto, not with the page's code.
 */
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';

export const WEB = fileURLToPath(new URL('../../web', import.meta.url));

export const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'";

const TYPES = {
	'.html': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8',
	'.svg': 'image/svg+xml', '.png': 'image/png', '.webmanifest': 'application/manifest+json',
};

export const b64 = (bytes) => Buffer.from(bytes).toString('base64url');

export function hkdf(secret, word, grant) {
	return Buffer.from(crypto.hkdfSync('sha256', secret, 'rouse-grant-v1', word + grant, 32));
}

export function mac(key, ...parts) {
	const hmac = crypto.createHmac('sha256', key);

	for (const part of parts) {
		const bytes = Buffer.from(part);
		const length = Buffer.alloc(4);

		length.writeUInt32BE(bytes.length);
		hmac.update(length).update(bytes);
	}
	return b64(hmac.digest());
}

/* A grant with everything that both sides know of it. */
export function makeGrant({ phrase, label, ...rest } = {}) {
	const id = b64(crypto.randomBytes(9));
	const salt = crypto.randomBytes(16);
	const secret = phrase ? crypto.pbkdf2Sync(phrase, salt, 600000, 32, 'sha256') : crypto.randomBytes(32);

	return { id, secret, salt: b64(salt), label, can: ['see', 'wake'], expires: null, view: b64(hkdf(secret, 'view', id)),
		request: hkdf(secret, 'request', id), answer: hkdf(secret, 'answer', id), ...rest };
}

const AWAKE = [
	[20, { step: 'accepted' }],
	[60, { step: 'sent', attempt: 1, attempts: 3 }],
	[700, { step: 'awake', seconds: 6.4 }],
	[400, { step: 'ready', port: 'tcp/22', seconds: 7.1 }],
	[50, { step: 'result', result: 'awake', why: null, machine: 'nas', attempts: 1, awake_seconds: 6.4,
		ready: [{ port: 'tcp/22', seconds: 7.1 }] }],
];

export class Fixture {
	constructor() {
		this.home = b64(crypto.randomBytes(16));
		this.name = 'Home';
		this.online = true;
		this.since = new Date(Date.now() - 3 * 3600e3).toISOString();
		this.grants = [];
		this.machines = [];
		this.events = [];
		this.streams = new Set();
		this.requests = []; /* of HTTP: { method, path, bytes } */
		this.wakes = []; /* sealed requests that were authentic */
		this.script = AWAKE;
		this.before = null; /* (req, res) => true: answered already */
		this.challenge = b64(crypto.randomBytes(16));
		this.nonces = new Set();
	}

	async start(host = '127.0.0.1') {
		this.server = http.createServer((req, res) => this.serve(req, res));
		await new Promise((done) => { this.server.listen(this.port ?? 0, host, done); });
		this.port = this.server.address().port;
		this.origin = `http://${host}:${this.port}`;
		return this;
	}

	async stop() {
		this.server.closeAllConnections();
		await new Promise((done) => { this.server.close(done); });
	}

	link(grant) {
		return `${this.origin}/#${this.home}.${grant.id}.${b64(grant.secret)}`;
	}

	grant(options) {
		const grant = makeGrant(options);

		this.grants.push(grant);
		return grant;
	}

	revoke(grant) {
		this.grants = this.grants.filter((g) => g !== grant);
		for (const stream of this.streams)
			if (stream.grant === grant) {
				this.send(stream.res, 'revoked', {});
				stream.res.end();
			}
	}

	send(res, event, data) {
		res.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
	}

	tell(event, data) {
		for (const { res } of this.streams)
			this.send(res, event, data);
	}

	setMachine(id, changes) {
		const machine = this.machines.find((m) => m.id === id);

		Object.assign(machine, changes);
		this.tell('machine', machine);
	}

	setOnline(online) {
		this.online = online;
		this.since = new Date().toISOString();
		this.tell('online', { online, since: this.since });
	}

	addEvent(event) {
		const all = { machine: null, name: null, by: null, who: null, to: null, attempt: null, attempts: null,
			seconds: null, late: false, id: this.events.length + 1, at: new Date().toISOString(), ...event };

		this.events.push(all);
		this.tell('event', all);
	}

	/* --- HTTP --- */

	serve(req, res) {
		const url = new URL(req.url, this.origin);
		const entry = { method: req.method, path: req.url, bytes: 0 };
		const counted = (write) => (chunk, ...rest) => {
			entry.bytes += chunk && typeof chunk !== 'function' ? chunk.length : 0;
			return write.call(res, chunk, ...rest);
		};

		this.requests.push(entry);
		res.write = counted(res.write);
		res.end = counted(res.end);
		if (this.before?.(req, res, url))
			return;
		const [, home, rest] = /^\/api\/v1\/homes\/([^/]+)(.*)$/.exec(url.pathname) ?? [];

		if (home)
			this.serveHome(req, res, url, home, rest);
		else
			this.serveFile(req, res, url.pathname);
	}

	serveFile(req, res, name) {
		const file = path.join(WEB, name === '/' || name.startsWith('/h/') ? 'index.html' : path.basename(name));

		if (!fs.existsSync(file))
			return this.problem(res, 404, 'not-found');
		res.writeHead(200, { 'Content-Type': TYPES[path.extname(file)], 'Content-Encoding': 'gzip', 'Cache-Control': 'no-cache',
			'Content-Security-Policy': POLICY, 'Referrer-Policy': 'no-referrer', 'X-Content-Type-Options': 'nosniff' });
		res.end(zlib.gzipSync(fs.readFileSync(file), { level: 9 }));
	}

	problem(res, status, word, more = {}, headers = {}) {
		res.writeHead(status, { 'Content-Type': 'application/problem+json', ...headers });
		res.end(JSON.stringify({ type: `urn:rouse:problem:${word}`, title: word, status, ...more }));
	}

	json(res, value) {
		res.writeHead(200, { 'Content-Type': 'application/json' });
		res.end(JSON.stringify(value));
	}

	serveHome(req, res, url, home, rest) {
		if (rest === '/phrase')
			return this.json(res, this.phraseOf(url.searchParams.get('label')));
		const grant = this.grants.find((g) => req.headers.authorization === `Bearer ${g.view}`);

		if (!grant || home !== this.home)
			return this.problem(res, 401, 'not-authorized');
		const routes = {
			'': () => this.json(res, this.homeOf(grant)),
			'/events': () => this.json(res, { events: this.events.filter((e) => e.id > Number(url.searchParams.get('after'))) }),
			'/live': () => this.live(req, res, grant),
			'/challenge': () => (this.online ? this.json(res, { challenge: this.challenge, expires_in: 60 })
				: this.problem(res, 503, 'guard-offline', { result: 'guard-offline' })),
			'/requests': () => this.take(req, res, grant),
		};

		return Object.hasOwn(routes, rest) ? routes[rest]() : this.problem(res, 404, 'not-found');
	}

	homeOf(grant) {
		return { home: this.home, name: this.name, online: this.online, since: this.since, guard: 'rouse/0.1.0',
			grant: { id: grant.id, can: grant.can, expires: grant.expires }, machines: this.machines };
	}

	phraseOf(label) {
		const grant = this.grants.find((g) => g.label?.toLowerCase() === label.toLowerCase());
		const made = crypto.createHash('sha256').update(`fake ${label.toLowerCase()}`).digest();

		return grant ? { grant: grant.id, salt: grant.salt } : { grant: b64(made.subarray(0, 9)), salt: b64(made.subarray(9, 25)) };
	}

	live(req, res, grant) {
		const stream = { res, grant };

		res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
		this.send(res, 'home', this.homeOf(grant));
		this.streams.add(stream);
		res.on('close', () => this.streams.delete(stream));
	}

	async take(req, res, grant) {
		let body = '';

		for await (const piece of req)
			body += piece;
		const r = JSON.parse(body);
		const expected = mac(grant.request, 'rouse-request-v1', String(r.v), r.home, r.grant, r.verb, r.machine, r.args,
			r.challenge, r.nonce);

		if (r.mac !== expected || r.challenge !== this.challenge || this.nonces.has(r.nonce))
			return this.problem(res, 403, 'refused', { result: 'refused', why: 'not-authentic' });
		this.nonces.add(r.nonce);
		this.wakes.push(r);
		res.writeHead(200, { 'Content-Type': 'text/event-stream' });
		res.flushHeaders();
		await this.answer(res, grant, r);
	}

	/* The script's lines: [milliseconds or what to wait for, body]; for a body also { cut }, { forge: body }, { problem: word }. */
	async answer(res, grant, r) {
		let seq = 0;
		const script = typeof this.script === 'function' ? this.script(r) : this.script;

		for (const [ms, said] of script) {
			await (typeof ms === 'number' ? new Promise((done) => { setTimeout(done, ms); }) : ms);
			if (said.cut)
				return res.destroy();
			if (said.problem) {
				this.send(res, 'problem', { type: `urn:rouse:problem:${said.problem}`, why: said.why });
				continue;
			}
			const body = JSON.stringify(said.forge ?? said);
			const sealed = { v: 1, nonce: r.nonce, seq, body,
				mac: mac(said.forge ? crypto.randomBytes(32) : grant.answer, 'rouse-answer-v1', r.home, r.grant, r.nonce, String(seq), body) };

			seq++;
			this.send(res, 'answer', sealed);
			if (said.repeat)
				this.send(res, 'answer', sealed);
		}
		this.send(res, 'end', { status: 200, result: null });
		res.end();
	}
}

/* A home as somebody might have it. */
export function furnished(fixture) {
	const ago = (hours) => new Date(Date.now() - hours * 3600e3).toISOString();
	const m = (id, name, state, since, more = {}) => fixture.machines.push({ id, name, state, since: ago(since),
		expected_seconds: 6.2, watts: null, slept: { since: ago(24 * 18), seconds: 0 }, last_wake: null, ...more });

	m(1, 'nas', 'asleep', 3.4, { watts: 38, slept: { since: ago(24 * 18), seconds: 291 * 3600 },
		last_wake: { at: ago(9.2), by: 'grant', who: 'Ann’s phone', seconds: 6.4 } });
	m(2, 'workstation', 'awake', 0.8, { watts: 71, slept: { since: ago(24 * 18), seconds: 322 * 3600 },
		last_wake: { at: ago(0.8), by: 'knock', who: null, seconds: 11.8 } });
	m(3, 'game-host', 'waking', 0.001, { expected_seconds: 21, watts: 95, slept: { since: ago(24 * 18), seconds: 402 * 3600 },
		last_wake: { at: ago(24 * 3.3), by: 'request', who: null, seconds: 20.2 } });
	m(4, 'backup', 'drowsy', 0.02, { last_wake: { at: ago(30), by: 'hand', who: null, seconds: null } });
	m(5, 'printer', 'unknown', 0.3, { slept: null });
	const e = (hours, event, more) => fixture.addEvent({ at: ago(hours), event, ...more });

	e(31, 'no-sign-of-life', { machine: 4, name: 'backup', attempts: 3, seconds: 90 });
	e(30, 'awake', { machine: 4, name: 'backup', by: 'hand' });
	e(9.2, 'request', { machine: 1, name: 'nas', by: 'grant', who: 'Ann’s phone' });
	e(9.2, 'awake', { machine: 1, name: 'nas', by: 'grant', seconds: 6.4, attempt: 1 });
	e(9.2, 'ready', { machine: 1, name: 'nas', to: 'tcp/22', seconds: 7.1 });
	e(3.4, 'goodbye', { machine: 1, name: 'nas' });
	e(3.4, 'asleep', { machine: 1, name: 'nas', seconds: 2.2 });
	e(0.8, 'knock', { machine: 2, name: 'workstation', by: 'knock', to: 'tcp/3389' });
	e(0.8, 'attempt', { machine: 2, name: 'workstation', attempt: 2, attempts: 3 });
	e(0.8, 'awake', { machine: 2, name: 'workstation', by: 'knock', seconds: 11.8, attempt: 2 });
	e(0.02, 'goodbye', { machine: 4, name: 'backup' });
	e(0.001, 'request', { machine: 3, name: 'game-host', by: 'request' });
	return fixture;
}
