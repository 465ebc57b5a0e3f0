/*
 * words: how the page says things: times, durations, who woke what, results, problems and what to do about them.
 *
 * Values in, text out. Refuses to know the screen and the network.
 */

/* --- time --- */

/* English, but the clock as the reader is used to it. */
const { hour12 } = new Intl.DateTimeFormat(undefined, { hour: 'numeric' }).resolvedOptions();
const format = (options) => new Intl.DateTimeFormat('en-GB', options);
const clock = format(hour12 ? { hour: 'numeric', minute: '2-digit', hourCycle: 'h12' }
	: { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const weekday = format({ weekday: 'short' });
const date = format({ day: 'numeric', month: 'short' });
const dateYear = format({ day: 'numeric', month: 'short', year: 'numeric' });

const startOfDay = (ms) => new Date(ms).setHours(0, 0, 0, 0);

export function dayText(ms, now) {
	const days = Math.round((startOfDay(now) - startOfDay(ms)) / 86400000);

	if (days === 0 || days === 1)
		return days === 0 ? 'Today' : 'Yesterday';
	return new Date(ms).getFullYear() === new Date(now).getFullYear() ? date.format(ms) : dateYear.format(ms);
}

export const clockText = (ms) => clock.format(ms);

/* "14:02", "Thu 14:02", "3 Nov 14:02": as short as is clear. */
export function timeText(ms, now) {
	const days = Math.round((startOfDay(now) - startOfDay(ms)) / 86400000);

	if (days === 0)
		return clock.format(ms);
	return `${days > 0 && days < 7 ? weekday.format(ms) : dayText(ms, now)} ${clock.format(ms)}`;
}

/* "6.4 s", "3 min", "3 h 20 min", "12 days". */
export function durationText(seconds) {
	const minutes = Math.round(seconds / 60);

	if (seconds < 120)
		return secondsText(seconds);
	if (minutes < 60)
		return `${minutes} min`;
	if (minutes < 48 * 60)
		return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ''}`;
	return `${Math.floor(minutes / 1440)} days`;
}

export const secondsText = (seconds) => `${seconds < 100 ? seconds.toFixed(1) : Math.round(seconds)} s`;

/* For what is only expected. */
export const aboutText = (seconds) => (seconds < 10 ? secondsText(seconds) : durationText(Math.round(seconds)).replace('.0', ''));

/* Since when, and for how long: two texts, either may be empty. */
export function sinceTexts({ state, since, expected }, now) {
	const seconds = since === null ? 0 : (now - since) / 1000;
	const usual = state === 'waking' && expected ? `(usually ${aboutText(expected)})` : '';

	if (since === null)
		return ['', usual];
	/* Within a day the clock says it all. */
	return [`since ${seconds < 20 * 3600 ? clockText(since) : timeText(since, now)}`, usual || (seconds < 60 ? '' : `(${durationText(Math.max(120, seconds))})`)];
}

/* --- energy --- */

const few = (x) => String(x < 100 ? Number(x.toPrecision(3)) : Math.round(x));

/* What sleeping saved, as its own calculation. */
export function savedText(seconds, watts) {
	const hours = seconds / 3600;

	return `${few(hours)} h × ${few(watts)} W ÷ 1000 = ${few(hours * watts / 1000)} kWh`;
}

/* [name, how long it slept, what that saved] of each { machine, seconds }, then of all together. */
export function sleptTexts(slept, now) {
	const hours = (seconds) => (seconds < 1 ? 'not yet asleep' : seconds < 60 ? 'less than a minute' : `${few(seconds / 3600)} h`);
	const day = ({ since }) => (since === null ? '' : ` since ${dayText(since, now).replace(/^[TY]/, (c) => c.toLowerCase())}`);
	const texts = slept.map(({ machine, seconds }) => [machine.name, hours(seconds) + (seconds < 60 ? '' : day(machine.slept)),
		machine.watts === null ? 'watts not set' : savedText(seconds, machine.watts)]);
	const sum = (of) => slept.reduce((n, item) => n + of(item), 0);

	if (slept.length > 1)
		texts.push(['All together', hours(sum((s) => s.seconds)),
			`${few(sum((s) => s.seconds / 3600 * (s.machine.watts ?? 0) / 1000))} kWh`]);
	return texts;
}

/* --- machines --- */

const BY = {
	knock: 'a knock', request: 'a request at home', hand: 'hand', exit: 'the guard, as it stopped',
	grant: 'a key of this home',
};

const byText = (by, who) => who ?? BY[by] ?? by ?? 'somebody';

export function lastWakeText(wake, now) {
	const when = wake.at === null ? '' : ` ${timeText(wake.at, now)}`;
	const took = wake.seconds === null ? '' : `, awake after ${secondsText(wake.seconds)}`;

	return `Last woken${when} by ${byText(wake.by, wake.who)}${took}`;
}

/* --- events --- */

const service = (e) => (e.to ? ` at ${e.to}` : '');
const after = (e) => (e.seconds === null ? '' : ` after ${secondsText(e.seconds)}`);

const EVENTS = {
	'added': () => 'guarded from now on',
	'updated': () => 'its description changed',
	'removed': () => 'not guarded any more',
	'goodbye': () => 'said goodbye',
	'stayed-awake': () => 'said goodbye but stayed awake',
	'asleep': () => 'fell asleep',
	'knock': (e) => `woken by ${e.who ?? `a knock${service(e)}`}`,
	'request': (e) => (e.by === 'exit' ? 'woken by the guard, as it stopped'
		: `woken by ${byText(e.by ?? 'request', e.who)}`),
	'attempt': (e) => `attempt ${e.attempt ?? '?'} of ${e.attempts ?? '?'}`,
	'awake': (e) => (e.by === 'hand' ? 'woken by hand, or by another magic packet'
		: `awake${after(e)}${e.late ? ', after all attempts had failed' : ''}`),
	'ready': (e) => `${e.to ?? 'a port'} ready${after(e)}`,
	'replayed': () => 'held packets given to it',
	'no-sign-of-life': (e) => `no sign of life${e.attempts ? ` after ${countText(e.attempts, 'attempt')}` : ''}`,
	'conflict': () => 'another host uses its address',
	'yielded': () => 'another guard answers for it',
	'reclaimed': () => 'answered for by the guard again',
	'nic-answers': () => 'asleep, although its network card still answers',
	'gate-over': (e) => `${e.to ?? 'a port'} did not answer in time`,
	'scanner': () => 'somebody scanned: wakes nothing for a while',
	'wake-limit': () => 'somebody woke too often: wakes nothing for a while',
	'left-out': () => 'many more events, not kept',
	'paired': () => 'paired with its sleeper',
	'unpaired': () => 'not paired any more',
	'stays': () => 'took its goodbye back',
};

const countText = (n, one) => `${n} ${one}${n === 1 ? '' : 's'}`;
const eventText = (e) => (Object.hasOwn(EVENTS, e.event) ? EVENTS[e.event](e) : e.event);

/* What may follow in the same story. */
const WAKE = ['attempt', 'awake', 'ready', 'replayed', 'no-sign-of-life', 'gate-over'];
const GOES_ON = { knock: WAKE, request: WAKE, goodbye: ['asleep', 'stayed-awake', 'nic-answers'] };

/*
 * Events as stories, newest first: what belongs to one wake is one entry { at, name, texts, failed }: who or what, then
 * how it went. `events` in any order.
 */
export function stories(events) {
	const told = [];
	const open = new Map(); /* by machine */

	for (const e of [...events].sort((a, b) => a.id - b.id)) {
		const story = open.get(e.machine);

		if (story?.next.includes(e.event)) {
			goOn(story, e);
			continue;
		}
		const begun = { at: e.at, name: e.name, texts: [eventText(e)], failed: e.event === 'no-sign-of-life',
			next: Object.hasOwn(GOES_ON, e.event) ? GOES_ON[e.event] : [] };

		told.unshift(begun);
		if (e.machine !== null)
			open.set(e.machine, begun);
	}
	return told;
}

function goOn(story, e) {
	/* Of several attempts the last one says it all. */
	if (story.last === 'attempt')
		story.texts.pop();
	story.texts.push(eventText(e));
	story.failed = e.event === 'no-sign-of-life';
	story.last = e.event;
}

/* --- waking --- */

/* A step of a wake that goes on. */
export function stepText(said) {
	switch (said.step) {
	case 'accepted':
		return 'The guard has accepted it';
	case 'sent':
		return said.attempts > 1 ? `Magic packet sent, attempt ${said.attempt} of ${said.attempts}`
			: 'Magic packet sent';
	case 'awake':
		return `Awake after ${secondsText(Number(said.seconds))}`;
	case 'ready':
		return `${said.port} ready after ${secondsText(Number(said.seconds))}`;
	case 'going':
		return 'It is willing, and goes to sleep';
	default:
		return null;
	}
}

/* What came of asking it to sleep; null: that was not asked. */
function sleptText(said, name) {
	if (said.result === 'asleep')
		return { good: true, title: `${name} is asleep`, todo: `After ${secondsText(Number(said.asleep_seconds))}. The guard keeps its place.` };
	if (said.result === 'already-asleep')
		return { good: true, title: `${name} is asleep already`, todo: 'Nothing was asked.' };
	if (said.result === 'stayed-awake')
		return { good: false, title: `${name} is still awake`, todo: 'It was willing to sleep, but did not. “rouse why” on the machine says more.' };
	if (said.why === 'sleeper-refused' && typeof said.text === 'string')
		return { good: false, title: `${name} does not sleep now`, todo: said.text };
	return null;
}

/* The result of waking `name`, or of asking it to sleep: { good, title, todo }. */
export function resultText(said, name) {
	const slept = sleptText(said, name);

	if (slept)
		return slept;
	if (said.result === 'awake') {
		const ready = Array.isArray(said.ready) ? said.ready : [];
		const ports = ready.map((r) => `${r.port} ready after ${secondsText(Number(r.seconds))}`);

		return { good: true, title: `${name} is awake after ${secondsText(Number(said.awake_seconds))}`,
			todo: ports.join(', ') };
	}
	if (said.result === 'already-awake')
		return { good: true, title: `${name} is awake already`, todo: 'Nothing was sent.' };
	if (said.result === 'no-sign-of-life')
		return { good: false, title: `${name}: no sign of life after ${countText(Number(said.attempts), 'attempt')}`,
			todo: 'Check its power and its cable, and that Wake-on-LAN is on in its firmware and its system.' };
	return { good: false, ...problemText({ kind: 'refused', why: said.why }) };
}

const REFUSED = {
	'not-authentic': ['This key does not count any more', 'It was revoked at the guard. Ask whoever gave it to you for a new one.'],
	'challenge-expired': ['The request came too late', 'Try again.'],
	'replayed': ['This request was made before', 'Nothing was done twice. Try again.'],
	'expired': ['This key has expired', 'Ask whoever gave it to you for a new one.'],
	'not-permitted': ['This key may not do that', 'Ask whoever gave it to you for one that may.'],
	'no-such-machine': ['The guard has no such machine any more', 'It was removed there.'],
	'limited': ['Asked too often', 'Wait a minute, then try again.'],
	'busy': ['The guard has too much to do', 'Wait a moment, then try again.'],
	'no-sleeper': ['Nobody is there to let it sleep', 'rouse-sleeper has to run on the machine, and be paired with its guard.'],
	'sleeper-refused': ['It does not sleep now', 'Something keeps it busy. “rouse why” on the machine says what.'],
	'not-supported': ['This guard cannot do that', 'It may be older than this page.'],
};

const PROBLEMS = {
	'unreachable': ['The relay cannot be reached', 'Check the connection of this device. If it is fine, the relay is down: whoever runs it has to look.'],
	'not-a-relay': ['Something else answers than the relay', 'A Wi-Fi that wants a log-in first may be in the way; or the address is wrong.'],
	'not-authorized': ['This key does not work', 'It was revoked, has expired, or is not complete. Ask whoever gave it to you for a new one; they make it with “rouse share”.'],
	'limited': ['Asked too often', 'The relay wants a pause.'],
	'guard-offline': ['The guard is offline', 'Nothing was sent. Check that the box it runs on has power and reaches the internet.'],
	'guard-lost': ['The guard went away just then', 'It is not known whether it got the request. Waking twice does no harm: try again.'],
	'guard-silent': ['The guard does not answer', 'It is not known whether it got the request. Waking twice does no harm: try again.'],
	'cut-off': ['The connection broke off', 'The guard goes on by itself; the state of the machine is shown here as soon as the connection is back.'],
	'forged': ['An answer was not the guard’s', 'Somebody between here and the guard changed it or made it up. Do not trust this relay before whoever runs it has looked.'],
	'overloaded': ['The relay has too much to do', 'Wait a moment, then try again.'],
	'wrong-origin': ['The relay does not know itself by this address', 'Open the page by the address that links have. For whoever runs it: public-url.'],
};

/* What happened and what to do: { title, todo }. */
export function problemText({ kind, why = null, wait = null }) {
	const known = kind === 'refused' && Object.hasOwn(REFUSED, why ?? '') ? REFUSED[why]
		: Object.hasOwn(PROBLEMS, kind) ? PROBLEMS[kind] : null;
	const [title, todo] = known ?? [kind === 'refused' ? 'The guard refused' : 'Something went wrong at the relay',
		`It says: ${why ?? kind}. Try again; if it stays so, tell whoever runs it.`];

	return { title, todo: wait ? `${todo} Try again in ${durationText(wait)}.` : todo };
}
