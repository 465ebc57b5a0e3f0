/* What the page believes of what a relay says, and what it keeps. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto;

const kept = new Map();

globalThis.localStorage = { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, v) };
const { Home, Problem, serverEvents, sleptSeconds, store } = await import('../../web/home.js');
const secret = 'MjM0NTY3ODk6Ozw9Pj9AQUJDREVGR0hJSktMTU5PUFE';
const entry = (grant, more = {}) => ({ home: 'Mt0gsSCH40JTQSoYQ0I7hg', grant, secret, kind: 'link', name: null, added: 1, ...more });

function response(...pieces) {
	return { body: new ReadableStream({ start(c) {
		pieces.forEach((p) => c.enqueue(typeof p === 'string' ? new TextEncoder().encode(p) : p));
		c.close();
	} }) };
}

async function all(...pieces) {
	const events = [];

	for await (const e of serverEvents(response(...pieces)))
		events.push(e);
	return events;
}

const STREAM = ': hello\n\nevent: home\ndata: {"name":"Häuschen ☃"}\n\n\nevent: x\ndata: a\r\ndata: b\r\n\r\ndata:c\n\nevent: unfinished\ndata: z\n';
const READ = [{ event: 'home', data: '{"name":"Häuschen ☃"}' }, { event: 'x', data: 'a\nb' }, { event: 'message', data: 'c' }];

test('a stream of events reads the same however it is cut', async () => {
	const bytes = new TextEncoder().encode(STREAM);

	assert.deepEqual(await all(STREAM), READ);
	for (let at = 1; at < bytes.length; at++)
		assert.deepEqual(await all(bytes.slice(0, at), bytes.slice(at)), READ, `cut at ${at}`);
	assert.deepEqual(await all(...[...bytes].map((b) => new Uint8Array([b]))), READ);
});

test('a stream without end of line is given up', async () => {
	await assert.rejects(all(...Array.from({ length: 80 }, () => 'x'.repeat(65536))), Problem);
});

test('what a relay makes up becomes values of known shape', () => {
	const home = new Home(entry('AAAAAAAAAAAA'), () => {});
	const strange = [null, 3, 'x', [], {}, { list: 5 }, { list: [null, {}, { id: 'x' }, { id: 1.5 }] }, { id: null }];

	for (const event of ['home', 'machines', 'machine', 'machine-gone', 'online', 'event', '__proto__', 'constructor', 'toString'])
		for (const said of strange)
			home.take(event, said);
	assert.equal(home.machines.size, 0);
	assert.equal(home.events.size, 0);
	home.take('machine', { id: 1, name: { evil: 1 }, state: 'toString', since: 'never', expected_seconds: -1, watts: '9', slept: 4, last_wake: 'x' });
	assert.deepEqual(home.machines.get(1), { id: 1, name: 'machine 1', state: 'unknown', since: null, expected: null, watts: null,
		slept: { since: null, seconds: 0 }, lastWake: { at: null, by: null, who: null, seconds: null } });
});

test('machines come, change and go; the list replaces', () => {
	const home = new Home(entry('AAAAAAAAAAAA'), () => {});
	const states = () => [...home.machines.values()].map((m) => `${m.id} ${m.state}`);

	home.take('home', { name: 'Home', online: true, since: '2026-11-21T12:00:00Z', grant: { can: ['wake'] }, machines: [{ id: 1, state: 'asleep' }, { id: 2, state: 'awake' }] });
	assert.deepEqual(states(), ['1 asleep', '2 awake']);
	assert.deepEqual([home.link, home.online, home.mayWake(), home.since], ['live', true, true, Date.UTC(2026, 10, 21, 12)]);
	home.take('machine', { id: 1, state: 'waking' });
	home.take('machine-gone', { id: 2 });
	assert.deepEqual(states(), ['1 waking']);
	home.take('machines', { list: [{ id: 7, state: 'drowsy' }] });
	assert.deepEqual(states(), ['7 drowsy']);
	home.take('online', { online: false, since: null });
	assert.equal(home.online, false);
	home.take('revoked', {});
	assert.equal(home.link, 'refused');
});

test('only the last events are kept', () => {
	const home = new Home(entry('AAAAAAAAAAAA'), () => {});

	for (let id = 1; id <= 200; id++)
		home.take('event', { id, event: 'awake' });
	assert.deepEqual([home.events.size, Math.min(...home.events.keys())], [60, 141]);
});

test('time asleep goes on while a machine sleeps', () => {
	const now = Date.now();
	const machine = { state: 'asleep', since: now - 10000, slept: { since: 0, seconds: 100 } };

	assert.equal(sleptSeconds(machine, now), 110);
	assert.equal(sleptSeconds({ ...machine, state: 'awake' }, now), 100);
	assert.equal(sleptSeconds({ ...machine, since: now + 5000 }, now), 100, 'a clock that is behind');
	assert.equal(sleptSeconds({ ...machine, slept: null, since: null }, now), 0);
});

test('the store keeps, replaces, removes, and overlooks what is none of it', () => {
	kept.clear();
	assert.deepEqual(store.all(), []);
	store.put(entry('AAAAAAAAAAAA'));
	store.put(entry('BBBBBBBBBBBB'));
	store.put(entry('AAAAAAAAAAAA', { name: 'Home' }));
	assert.deepEqual(store.all().map((e) => [e.grant, e.name]), [['AAAAAAAAAAAA', 'Home'], ['BBBBBBBBBBBB', null]]);
	store.remove('AAAAAAAAAAAA');
	assert.deepEqual(store.all().map((e) => e.grant), ['BBBBBBBBBBBB']);
	store.fallback = [];
	for (const broken of ['{', '7', 'null', '[null, 3, {"home":"x"}, {"home":"x","grant":"y","secret":"short"}]']) {
		kept.set('rouse.grants', broken);
		assert.deepEqual(store.all(), [], broken);
	}
});

test('where nothing can be kept, grants last as long as the page', () => {
	globalThis.localStorage = { getItem: () => { throw new Error('denied'); }, setItem: () => { throw new Error('denied'); } };
	store.write([]);
	store.put(entry('CCCCCCCCCCCC'));
	assert.deepEqual(store.all().map((e) => e.grant), ['CCCCCCCCCCCC']);
	assert.equal(store.lasting, false);
});
