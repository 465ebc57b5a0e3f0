/*
 * relay: the real rouse-relay on loopback, and the guard of tests/relay beside it, for tests of the page. Both end with
 * stop(), and with the test's process.
 */
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const PROGRAM = path.join(process.env.ROUSE_BUILD ?? here('../../build'), 'rouse-relay');
const OPEN = ['connections-per-address = 0', 'connects-per-address = off', 'requests-per-address = off', 'failures-per-address = off',
	'phrases-per-address = off', 'enrolments-per-address = off', 'requests-per-grant = off', 'requests-per-home = off', 'drain = 1s'];

export const built = fs.existsSync(PROGRAM);

/*
 * One that no connection takes for its own end, while the relay is started again: below the range of those, and of the ports of
 * tests/relay.
 */
function freePort() {
	const port = 26000 + Math.floor(Math.random() * 4000);

	return new Promise((done) => {
		const server = net.createServer().on('error', () => done(freePort())).listen(port, '127.0.0.1', () => {
			server.close(() => done(port));
		});
	});
}

async function listens(port) {
	for (let i = 0; i < 200; i++) {
		const there = await new Promise((done) => {
			const socket = net.connect(port, '127.0.0.1', () => done(true)).on('error', () => done(false));

			socket.on('connect', () => socket.destroy());
		});

		if (there)
			return;
		await new Promise((done) => { setTimeout(done, 50); });
	}
	throw new Error('the relay does not listen');
}

/* Ends the child with this process, however that ends. */
function child(command, args, options) {
	const process_ = spawn(command, args, options);
	const end = () => process_.kill('SIGKILL');

	process.on('exit', end);
	process_.on('exit', () => process.off('exit', end));
	return process_;
}

export class Relay {
	async start() {
		this.folder ??= fs.mkdtempSync(path.join(os.tmpdir(), 'rouse-web-'));
		this.port ??= await freePort();
		this.origin = `http://127.0.0.1:${this.port}`;
		this.config = path.join(this.folder, 'relay.conf');
		fs.writeFileSync(this.config, ['[relay]', `listen = 127.0.0.1:${this.port}`, `database = ${this.folder}/relay.db`,
			`public-url = ${this.origin}`, ...OPEN, ''].join('\n'));
		const log = fs.openSync(path.join(this.folder, 'log'), 'a');

		this.process = child(PROGRAM, ['-c', this.config], { stdio: ['ignore', log, log] });
		await listens(this.port);
		return this;
	}

	async end(signal) {
		if (this.process.exitCode !== null || this.process.signalCode !== null)
			return;
		const ended = new Promise((done) => { this.process.on('exit', done); });

		this.process.kill(signal);
		await ended;
	}

	async stop() {
		await this.end('SIGTERM');
		fs.rmSync(this.folder, { recursive: true });
	}

	async invite() {
		const { stdout } = await promisify(execFile)(PROGRAM, ['-c', this.config, 'invite', '--json']);

		return JSON.parse(stdout);
	}

	log() {
		return fs.readFileSync(path.join(this.folder, 'log'), 'utf8');
	}
}

/* A Python program that answers a line of JSON for each: driver.do('join', { invitation }). */
export class Driver {
	constructor(name, ...args) {
		this.process = child('/usr/bin/python3', [here(name), ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
		this.lines = readline.createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
	}

	async heard() {
		const { value = '{"failed":"it ended"}' } = await this.lines.next();
		const { ok, failed } = JSON.parse(value);

		if (failed)
			throw new Error(failed);
		return ok;
	}

	do(what, options = {}) {
		this.process.stdin.write(`${JSON.stringify({ do: what, ...options })}\n`);
		return this.heard();
	}

	/* Lets it clean up. */
	async stop() {
		const ended = new Promise((done) => { this.process.on('exit', done); });

		this.process.stdin.end();
		if (this.process.exitCode === null)
			await ended;
	}
}

/* A guard that does what it is told. */
export class Guard extends Driver {
	constructor(relay) {
		super('guard.py', relay.origin);
		this.relay = relay;
	}

	async join(invitation) {
		this.home = (await this.do('join', { invitation })).home;
	}

	async link(options) {
		const { id, secret } = await this.do('grant', options);

		this.last = id;
		return `${this.relay.origin}/#${this.home}.${id}.${secret}`;
	}
}
