/*
 * home: what this browser knows of a home: its key (kept in localStorage), its machines and events (from the relay,
 * as they change), and how a machine of it is woken (docs/protocol.md, 4 to 6).
 *
 * Owns the conversation with the relay. Refuses to know the screen. What the relay says is read into values of known
 * shape; a relay that lies can make them wrong, but not make the page run anything.
 */

import { AnswerReader, ForgedAnswer, deriveKeys, fromB64, newNonce, sealRequest } from './grant.js';

const STATES = ['unknown', 'awake', 'drowsy', 'asleep', 'waking'];
const EVENTS_KEPT = 60;
const STREAM_TEXT_MAX = 4 << 20;
const CALL_MS = 20000;
const WAKE_MS = 330000;
const SILENCE_MS = 40000;
const POLL_MS = 20000;
const RETRY_MAX_MS = 30000;

/*
 * What went wrong, by its word: a type of the protocol's problems, or
 *   unreachable     nothing answered      not-a-relay  something else answered
 *   cut-off         the answers to a request stopped coming
 *   forged          an answer that the guard did not make
 */
export class Problem extends Error {
	constructor(kind, { why = null, wait = null } = {}) {
		super(kind);
		this.kind = kind;
		this.why = why;
		this.wait = wait;
	}
}

/* --- the store: grants that this browser keeps --- */

const STORE = 'rouse.grants';

export const store = {
	/* Where the browser keeps nothing for us, grants live as long as the page. */
	lasting: true,
	fallback: [],

	all() {
		try {
			const list = JSON.parse(localStorage.getItem(STORE) ?? '[]');

			return this.lasting && Array.isArray(list) ? list.filter(validEntry) : this.fallback;
		} catch {
			return this.fallback;
		}
	},
	write(list) {
		this.fallback = list;
		try {
			localStorage.setItem(STORE, JSON.stringify(list));
		} catch {
			this.lasting = false;
		}
	},
	/* The newest is last; an entry of the same grant is replaced in its place. */
	put(entry) {
		const list = this.all();
		const at = list.findIndex((other) => other.grant === entry.grant);

		list.splice(at < 0 ? list.length : at, at < 0 ? 0 : 1, entry);
		this.write(list);
	},
	remove(grant) {
		this.write(this.all().filter((entry) => entry.grant !== grant));
	},
	concerns: (event) => event.key === STORE || event.key === null,
};

function validEntry(entry) {
	return typeof entry?.home === 'string' && typeof entry.grant === 'string' &&
		typeof entry.secret === 'string' && fromB64(entry.secret)?.length === 32;
}

/* --- calls --- */

const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });

async function ask(path, { view, body, accept = 'application/json', signal } = {}) {
	const headers = { Accept: accept };

	if (view)
		headers.Authorization = `Bearer ${view}`;
	if (body)
		headers['Content-Type'] = 'application/json';
	let response;
	try {
		response = await fetch(`/api/v1/homes/${path}`, {
			method: body ? 'POST' : 'GET', headers, signal,
			body: body && JSON.stringify(body),
			cache: 'no-store', credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer',
		});
	} catch {
		throw new Problem('unreachable');
	}
	if (!response.ok)
		throw await problemOf(response);
	return response;
}

async function problemOf(response) {
	const said = await response.json().catch(() => null);
	const [, word] = /^urn:rouse:problem:([a-z-]+)$/.exec(said?.type ?? '') ?? [];

	if (!word)
		return new Problem(response.status >= 500 ? 'unreachable' : 'not-a-relay');
	return saidProblem(word, said, Number(response.headers.get('Retry-After')));
}

function saidProblem(word, said, wait) {
	return new Problem(word, { why: textOf(said.why), wait: wait > 0 ? wait : null });
}

async function askJson(path, options = {}) {
	const response = await ask(path, { signal: AbortSignal.timeout(CALL_MS), ...options });

	try {
		return await response.json();
	} catch {
		throw new Problem('not-a-relay');
	}
}

/* Where a phrase leads; the relay makes something up for a label that is not known. */
export async function askPhrase(home, label) {
	const { grant, salt } = await askJson(`${home}/phrase?label=${encodeURIComponent(label)}`);

	if (typeof grant !== 'string' || fromB64(grant)?.length !== 9 ||
	    typeof salt !== 'string' || fromB64(salt)?.length !== 16)
		throw new Problem('not-a-relay');
	return { grant, salt };
}

/* The events of a text/event-stream, as { event, data }. `heard` is called for every piece that arrives. */
export async function* serverEvents(response, heard = () => {}) {
	const decoder = new TextDecoder();
	const reader = response.body.getReader();
	let rest = '', event = 'message', data = [];

	for (;;) {
		const { value, done } = await reader.read();

		if (done)
			return;
		heard();
		rest += decoder.decode(value, { stream: true });
		if (rest.length > STREAM_TEXT_MAX)
			throw new Problem('not-a-relay');
		const lines = rest.split('\n');

		rest = lines.pop();
		for (const line of lines.map((l) => l.replace(/\r$/, ''))) {
			if (line === '') {
				if (data.length > 0)
					yield { event, data: data.join('\n') };
				event = 'message';
				data = [];
			} else if (line.startsWith('event:')) {
				event = line.slice(6).trim();
			} else if (line.startsWith('data:')) {
				data.push(line.slice(5).replace(/^ /, ''));
			}
		}
	}
}

/* --- what the relay says, as values --- */

const textOf = (v) => (typeof v === 'string' && v !== '' ? v : null);
const numberOf = (v) => (Number.isFinite(v) && v >= 0 ? v : null);

function timeOf(v) {
	const ms = typeof v === 'string' ? Date.parse(v) : NaN;

	return Number.isNaN(ms) ? null : ms;
}

function machineOf(m) {
	return {
		id: m.id,
		name: textOf(m.name) ?? `machine ${m.id}`,
		state: STATES.includes(m.state) ? m.state : 'unknown',
		since: timeOf(m.since),
		expected: numberOf(m.expected_seconds),
		watts: numberOf(m.watts),
		slept: m.slept ? { since: timeOf(m.slept.since), seconds: numberOf(m.slept.seconds) ?? 0 } : null,
		lastWake: m.last_wake ? wakeOf(m.last_wake) : null,
	};
}

function wakeOf(w) {
	return { at: timeOf(w.at), by: textOf(w.by), who: textOf(w.who), seconds: numberOf(w.seconds) };
}

function eventOf(e) {
	return {
		id: e.id, at: timeOf(e.at), machine: numberOf(e.machine), name: textOf(e.name), event: textOf(e.event) ?? 'unknown',
		by: textOf(e.by), who: textOf(e.who), to: textOf(e.to), attempt: numberOf(e.attempt),
		attempts: numberOf(e.attempts), seconds: numberOf(e.seconds), late: e.late === true,
	};
}

const withId = (list) => (Array.isArray(list) ? list.filter((x) => Number.isSafeInteger(x?.id)) : []);

/* Seconds that a machine slept since its counting began, with the sleep that lasts now. */
export function sleptSeconds(machine, now) {
	const running = machine.state === 'asleep' && machine.since !== null ? (now - machine.since) / 1000 : 0;

	return (machine.slept?.seconds ?? 0) + Math.max(0, running);
}

/* --- a home --- */

/*
 * `link` is how it stands with the relay: `connecting`, `live`, `lost` (with `problem` and `retryAt`), or `refused`.
 * `online` is the guard's: null until the relay has said.
 */
export class Home {
	constructor(entry, changed) {
		this.entry = entry;
		this.changed = changed;
		this.name = entry.name ?? null;
		this.link = 'connecting';
		this.problem = null;
		this.retryAt = 0;
		this.online = null;
		this.since = null;
		this.expires = null;
		this.can = [];
		this.machines = new Map();
		this.events = new Map();
		this.run = 0; /* which connection counts; an older one ends by itself */
		this.keys = null;
		this.takes = 0; /* how often the relay has told the whole home */
		this.heardAt = 0;
	}

	mayWake() {
		return this.can.includes('wake');
	}

	maySleep() {
		return this.can.includes('sleep');
	}

	async ask(path, options) {
		this.keys ??= deriveKeys(fromB64(this.entry.secret), this.entry.grant);
		const { view } = await this.keys;

		return (options?.accept ? ask : askJson)(`${this.entry.home}${path}`, { view, ...options });
	}

	/* Asks once; throws the problem. */
	async open() {
		this.take('home', await this.ask(''));
	}

	/* Keeps up with the home, by its stream or by asking now and then, until stop(). */
	async follow(streaming) {
		const run = ++this.run;
		let failures = 0;

		while (run === this.run) {
			const before = this.takes;

			try {
				await (streaming ? this.stream(run) : this.poll());
				this.problem = null;
			} catch (problem) {
				this.problem = problem instanceof Problem ? problem : new Problem('unreachable');
			}
			if (run !== this.run)
				return;
			if (this.problem?.kind === 'not-authorized')
				return this.refuse();
			failures = this.takes > before ? 0 : failures + 1;
			await (streaming || this.problem ? this.retryLater(failures) : this.pause(POLL_MS));
		}
	}

	/* The first time nothing is said of it: phones and proxies cut streams now and then. */
	async retryLater(failures) {
		const least = (this.problem?.wait ?? 0) * 1000;
		const delay = Math.min(RETRY_MAX_MS, 1000 * 2 ** failures) * (0.8 + Math.random() * 0.4);
		const ms = Math.max(least, delay);

		if (failures > 0) {
			this.link = 'lost';
			this.retryAt = Date.now() + ms;
			this.changed(this);
		}
		await this.pause(ms);
	}

	async pause(ms) {
		await Promise.race([sleep(ms), new Promise((now) => { this.nudge = now; })]);
	}

	stop() {
		this.run++;
		this.abort?.abort();
		this.nudge?.();
	}

	refuse() {
		this.stop();
		this.link = 'refused';
		this.changed(this);
	}

	/* Again at once, without waiting for the next try. A stream that still speaks is left alone. */
	hurry() {
		if (this.link === 'lost')
			this.nudge?.();
		else if (this.link === 'live' && Date.now() - this.heardAt > SILENCE_MS / 2)
			this.abort?.abort();
	}

	async stream(run) {
		const abort = this.abort = new AbortController();
		const watch = setInterval(() => {
			if (Date.now() - this.heardAt > SILENCE_MS)
				abort.abort();
		}, 2000);

		this.heardAt = Date.now();
		try {
			const response = await this.ask('/live', { accept: 'text/event-stream', signal: abort.signal });

			for await (const { event, data } of serverEvents(response, () => { this.heardAt = Date.now(); })) {
				if (run !== this.run)
					return;
				this.take(event, JSON.parse(data));
				if (event === 'home')
					this.askEvents();
				if (event === 'revoked')
					return;
			}
		} finally {
			clearInterval(watch);
			abort.abort();
		}
	}

	async poll() {
		await this.open();
		await this.askEvents();
	}

	/* Those that are not here yet. Without them the page is poorer, not wrong. */
	async askEvents() {
		const last = Math.max(0, ...this.events.keys());

		try {
			const { events } = await this.ask(`/events?limit=${EVENTS_KEPT}${last ? `&after=${last}` : ''}`);

			withId(events).forEach((e) => this.events.set(e.id, eventOf(e)));
			this.changed(this);
		} catch { /* the stream says what is wrong */ }
	}

	/* One message of the stream. */
	take(event, said) {
		const messages = {
			'home': () => this.takeHome(said),
			'machines': () => this.takeMachines(said.list),
			'machine': () => withId([said]).forEach((m) => this.machines.set(m.id, machineOf(m))),
			'machine-gone': () => this.machines.delete(said.id),
			'online': () => this.takeOnline(said),
			'event': () => withId([said]).forEach((e) => this.events.set(e.id, eventOf(e))),
			'revoked': () => this.refuse(),
		};

		if (!Object.hasOwn(messages, event) || typeof said !== 'object' || said === null)
			return;
		messages[event]();
		while (this.events.size > EVENTS_KEPT)
			this.events.delete(Math.min(...this.events.keys()));
		this.changed(this);
	}

	takeHome(said) {
		this.takes++;
		this.link = 'live';
		this.problem = null;
		this.name = textOf(said.name) ?? 'Home';
		this.can = Array.isArray(said.grant?.can) ? said.grant.can : [];
		this.expires = timeOf(said.grant?.expires);
		this.takeOnline(said);
		this.takeMachines(said.machines);
	}

	takeOnline(said) {
		this.online = said.online === true;
		this.since = timeOf(said.since);
	}

	takeMachines(list) {
		this.machines = new Map(withId(list).map((m) => [m.id, machineOf(m)]));
	}

	/*
	 * Wakes a machine, or asks it to sleep. Yields what the guard says, each authenticated: { step, … } up to the result; throws a Problem.
	 * A request that the guard found too old was not carried out: it is made once more.
	 */
	async* carryOut(verb, machine) {
		for (let again = true; ; again = false) {
			let expired = false;

			for await (const said of this.request(verb, machine)) {
				expired = again && said.step === 'result' && said.why === 'challenge-expired';
				if (!expired)
					yield said;
			}
			if (!expired)
				return;
		}
	}

	async* request(verb, machine) {
		const { home, grant } = this.entry;
		const { challenge } = await this.ask('/challenge');
		const about = { home, grant, verb, machine, challenge, nonce: newNonce() };
		const keys = await this.keys;
		const response = await this.ask('/requests', {
			body: await sealRequest(keys, about),
			accept: 'text/event-stream',
			signal: AbortSignal.timeout(WAKE_MS),
		});
		const answers = new AnswerReader(keys, about);

		for await (const { event, data } of cutOff(serverEvents(response))) {
			if (event === 'answer') {
				const said = await openAnswer(answers, data);

				if (said)
					yield said;
			} else if (event === 'problem') {
				throw saidProblemText(data);
			} else if (event === 'end') {
				break;
			}
		}
		if (!answers.over)
			throw new Problem(answers.last < 0 ? 'guard-lost' : 'cut-off');
	}
}

/* A connection that breaks while answers come is another thing than a relay that cannot be reached. */
async function* cutOff(stream) {
	try {
		yield* stream;
	} catch {
		throw new Problem('cut-off');
	}
}

async function openAnswer(answers, data) {
	try {
		return await answers.open(JSON.parse(data));
	} catch (e) {
		if (e instanceof ForgedAnswer || e instanceof SyntaxError)
			throw new Problem('forged');
		throw e;
	}
}

function saidProblemText(data) {
	try {
		const said = JSON.parse(data);
		const [, word] = /^urn:rouse:problem:([a-z-]+)$/.exec(said.type) ?? [];

		return saidProblem(word ?? 'internal', said, null);
	} catch {
		return new Problem('internal');
	}
}
