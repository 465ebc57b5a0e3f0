/*
 * page: what a person sees of their homes: machines, the way a wake goes, what happened, and what is wrong.
 *
 * Owns the screen and which homes are on it. Everything is put in as text. Secrets come by the fragment, which leaves
 * the address bar before anything else happens, and go into the store; none is ever part of the document.
 */

import { isHome, readLink, toB64 } from './grant.js';
import { Home, Problem, sleptSeconds, store } from './home.js';
import * as words from './words.js';

const fragment = takeFragment();

function takeFragment() {
	const taken = location.hash;

	if (location.href.includes('#'))
		history.replaceState(null, '', location.pathname);
	return taken.length > 1 ? taken : null;
}

/* --- making elements --- */

export const byId = (id) => document.getElementById(id);

/* An element; `class`, `text` and `click` are properties, everything else an attribute. */
export function el(tag, { class: name, text, click, ...attributes } = {}, ...children) {
	const node = document.createElement(tag);

	if (name)
		node.className = name;
	if (text !== undefined)
		node.textContent = text;
	if (click)
		node.addEventListener('click', click);
	for (const [key, value] of Object.entries(attributes))
		node.setAttribute(key, value);
	node.append(...children);
	return node;
}

const SVG = 'http://www.w3.org/2000/svg';

export function picture(symbol, name) {
	const svg = document.createElementNS(SVG, 'svg');

	svg.setAttribute('class', name);
	svg.setAttribute('aria-hidden', 'true');
	svg.append(document.createElementNS(SVG, 'use'));
	showPicture(svg, symbol);
	return svg;
}

function showPicture(svg, symbol) {
	if (svg.dataset.shows === symbol)
		return;
	svg.dataset.shows = symbol;
	svg.firstChild.setAttribute('href', `#${symbol}`);
}

function setText(node, text) {
	if (node.textContent !== text)
		node.textContent = text;
}

/* For those who listen to the page. */
export const announce = (text) => setText(byId('said'), text);

/* What happened and what to do, with its sign and what can be pressed. */
export function notice(kind, title, todo, ...buttons) {
	const sign = { bad: 'sign-bad', away: 'sign-away', good: 'sign-good' }[kind] ?? 'sign-good';

	return el('div', { class: `notice ${kind}` }, picture(sign, 'sign'),
		el('div', {}, el('p', { class: 'notice-title', text: title }),
			...(todo ? [el('p', { class: 'notice-todo', text: todo })] : []),
			...(buttons.length ? [el('p', { class: 'buttons' }, ...buttons)] : [])));
}

/* A notice about the whole page, until it is taken away. */
export function note(kind, title, todo) {
	const close = () => {
		shown.remove();
		byId('main').focus();
	};
	const shown = notice(kind, title, todo, el('button', { type: 'button', class: 'plain', text: 'Close', click: close }));

	shown.setAttribute('role', kind === 'good' ? 'status' : 'alert');
	byId('notes').replaceChildren(shown);
}

/* --- a machine --- */

class MachineCard {
	constructor(section, machine) {
		this.section = section;
		this.machine = machine;
		this.busy = null; /* the verb that was asked for */
		this.sky = picture('sky-unknown', 'sky');
		this.name = el('h3', { text: machine.name });
		this.state = el('span', { class: 'state' });
		this.since = el('span', { class: 'since' });
		this.lasts = el('span', { class: 'since' });
		this.last = el('p', { class: 'last' });
		this.button = el('button', { type: 'button', class: 'wake', click: () => this.ask('wake') });
		this.rest = el('button', { type: 'button', class: 'wake quiet', click: () => this.ask('sleep') });
		this.course = el('div', { class: 'course' });
		this.node = el('li', { class: 'machine' }, this.sky,
			el('div', { class: 'what' }, this.name,
				el('p', { class: 'now' }, this.state, ' ', this.since, ' ', this.lasts)),
			this.button, this.rest, this.last, this.course);
	}

	update(machine, now) {
		const { home } = this.section;
		const quiet = machine.state === 'awake' || machine.state === 'waking';

		this.machine = machine;
		this.node.dataset.state = machine.state;
		showPicture(this.sky, `sky-${machine.state}`);
		setText(this.name, machine.name);
		setText(this.state, machine.state);
		const [since, lasts] = words.sinceTexts(machine, now);

		setText(this.since, since);
		setText(this.lasts, this.busy ? '' : lasts);
		setText(this.last, machine.lastWake ? words.lastWakeText(machine.lastWake, now) : 'Not woken yet');
		/* One at a time: what is awake can be sent to sleep, anything else can be woken. */
		const rests = home.maySleep() && (this.busy ? this.busy === 'sleep' : machine.state === 'awake');

		const focused = [this.button, this.rest].includes(document.activeElement);

		this.rest.hidden = !rests;
		this.button.hidden = rests || !home.mayWake();
		/* One takes the place of the other: whoever pressed it stays where they are. */
		if (focused)
			(rests ? this.rest : this.button).focus();
		this.button.classList.toggle('quiet', quiet && !this.busy);
		setText(this.button, this.busy ? 'Waking…' : 'Wake');
		setText(this.rest, this.busy ? 'Asking…' : 'Sleep');
		for (const [button, label] of [[this.button, this.button.textContent], [this.rest, this.busy ? 'Asking' : 'Send to sleep:']]) {
			button.setAttribute('aria-disabled', String(Boolean(this.busy) || !this.section.canAsk()));
			button.setAttribute('aria-label', `${label} ${machine.name}`);
		}
	}

	async ask(verb) {
		if (this.busy)
			return;
		if (!this.section.canAsk()) {
			announce(this.section.why());
			return;
		}
		const course = new Course(this.machine, verb);

		this.busy = verb;
		this.course.replaceChildren(course.node);
		this.section.update();
		try {
			for await (const said of this.section.home.carryOut(verb, this.machine.id))
				course.take(said);
		} catch (problem) {
			course.fail(problem instanceof Problem ? problem : new Problem('internal', { why: 'a fault of the page' }));
		}
		clearInterval(course.timer);
		this.busy = null;
		this.section.update();
	}
}

/* How one wake, or one way to sleep, goes: time that runs beside the time it usually takes, the steps, the end. */
class Course {
	constructor(machine, verb) {
		this.name = machine.name;
		this.expected = verb === 'wake' ? machine.expected : null;
		this.begin = performance.now();
		this.bar = el('progress', { 'aria-label': `${verb === 'wake' ? 'Waking' : 'Sending to sleep:'} ${machine.name}`, ...(this.expected ? { max: 1 } : {}) });
		this.clock = el('p', { class: 'clock' });
		this.steps = el('ol', { class: 'steps' });
		this.running = el('div', { class: 'running' }, this.bar, this.clock);
		this.node = el('div', {}, this.running, this.steps);
		const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;

		this.timer = setInterval(() => this.tick(), calm ? 1000 : 100);
		this.step('Asking the guard');
		this.tick();
	}

	tick() {
		const seconds = (performance.now() - this.begin) / 1000;
		const usual = this.expected ? `, usually ${words.aboutText(this.expected)}` : '';

		setText(this.clock, `${seconds.toFixed(1)} s${usual}`);
		/* Straight to nine tenths at the usual time, then ever slower. */
		if (this.expected) {
			const part = seconds / this.expected;

			this.bar.value = part < 1 ? part * 0.9 : 1 - 0.1 / part;
		}
	}

	step(text) {
		this.steps.append(el('li', { text }));
		announce(`${this.name}: ${text}`);
	}

	take(said) {
		if (said.step === 'result')
			return this.finish(words.resultText(said, this.name));
		const text = words.stepText(said);

		if (!text)
			return;
		/* A further attempt takes the place of the one before. */
		if (said.step === 'sent' && said.attempt > 1)
			this.steps.lastChild.remove();
		this.step(text);
		if (said.step === 'awake')
			this.running.remove();
	}

	finish({ good, title, todo }) {
		this.node.replaceChildren(notice(good ? 'good' : 'bad', title, todo));
		announce(`${title}. ${todo}`);
	}

	fail(problem) {
		this.finish({ good: false, ...words.problemText(problem) });
	}
}

/* --- a home --- */

class HomeSection {
	constructor(entry, kept) {
		const id = `home-${++HomeSection.made}`;

		this.home = new Home(entry, () => this.changed());
		this.kept = kept;
		this.cards = new Map();
		this.title = el('h2', { id, text: entry.name ?? 'A home' });
		this.guard = el('p', { class: 'guard' });
		this.trouble = el('div', { class: 'trouble', role: 'status' });
		this.list = el('ul', { class: 'machines' });
		this.empty = el('p', { class: 'empty', hidden: '' });
		this.told = el('ol', { class: 'stories' });
		this.slept = el('ul', { class: 'slept' });
		this.key = el('p', { class: 'key' });
		this.node = this.build(id);
		this.shownTrouble = '';
		this.storiesMax = 10;
		this.whenLive = new Promise((live) => { this.live = live; });
	}

	static made = 0;

	build(id) {
		const formula = 'Energy saved in kWh = hours asleep × watts ÷ 1000. The watts, awake minus asleep, are set for each machine at the guard.';
		const part = (name, title, ...content) =>
			el('section', { class: name, hidden: '' }, el('h3', { text: title }), ...content);
		const remove = el('button', { type: 'button', class: 'plain', text: 'Remove from this browser',
			click: () => this.askRemove() });

		this.earlier = el('button', { type: 'button', class: 'plain', text: 'Show earlier', click: () => {
			this.storiesMax = Infinity;
			this.update();
		} });
		this.happened = part('happened', 'What happened', this.told, this.earlier);
		this.sleeping = part('sleeping', 'Time asleep', this.slept, el('p', { class: 'formula', text: formula }));
		return el('section', { class: 'home', 'aria-labelledby': id },
			el('div', { class: 'home-head' }, this.title, this.guard), this.trouble,
			el('div', { class: 'home-body' }, el('div', { class: 'first' }, this.list, this.empty), this.happened,
				this.sleeping),
			el('div', { class: 'home-foot' }, this.key, remove));
	}

	/* Whether a wake can be asked for. */
	canAsk() {
		return this.home.link !== 'refused' && this.home.online !== false;
	}

	/* Why not. */
	why() {
		return words.problemText({ kind: this.home.link === 'refused' ? 'not-authorized' : 'guard-offline' }).title;
	}

	changed() {
		if (this.drawing)
			return;
		this.drawing = true;
		requestAnimationFrame(() => {
			this.drawing = false;
			this.update();
			if (this.home.link === 'live') {
				settle(this);
				this.live();
			}
		});
	}

	update() {
		const { home } = this;
		const now = Date.now();

		setText(this.title, home.name ?? 'A home');
		this.updateGuard();
		this.updateTrouble(now);
		this.updateMachines(now);
		this.updateStories(now);
		this.updateSlept(now);
		setText(this.key, this.keyText(now));
		this.node.classList.toggle('stale', home.link !== 'live' || home.online === false);
	}

	updateGuard() {
		const { home } = this;
		const text = home.link !== 'live' || home.online === null ? ''
			: home.online ? 'Guard online' : 'Guard offline';

		setText(this.guard, text);
		this.guard.classList.toggle('online', text === 'Guard online');
	}

	keyText(now) {
		const { entry, expires } = this.home;
		const kind = entry.kind === 'phrase' ? `Opened with the key of “${entry.label}”` : 'Opened with a link';
		const end = expires === null ? '' : `, good until ${words.timeText(expires, now)}`;

		return `${kind}${end}${this.kept ? '' : ', forgotten when this page is closed'}.`;
	}

	/* What is wrong, once and not at every tick: listeners would hear it again and again. */
	updateTrouble(now) {
		const { home } = this;
		const shown = home.link === 'lost' ? `lost ${home.problem?.kind}`
			: home.link === 'live' && home.online === false ? `offline ${home.since}` : home.link;

		if (shown !== this.shownTrouble) {
			this.shownTrouble = shown;
			this.countdown = null;
			this.trouble.replaceChildren(...this.troubles(now));
		}
		if (this.countdown)
			setText(this.countdown, `Trying again in ${Math.max(0, Math.ceil((home.retryAt - now) / 1000))} s.`);
	}

	troubles(now) {
		const { home } = this;
		const button = (text, click) => el('button', { type: 'button', class: 'plain', text, click });

		if (home.link === 'connecting')
			return [el('p', { class: 'asking', text: 'Asking the relay…' })];
		if (home.link === 'refused') {
			const { title, todo } = words.problemText({ kind: 'not-authorized' });

			return [notice('bad', title, todo, button('Try again', () => this.follow()))];
		}
		if (home.link === 'lost') {
			const { title, todo } = words.problemText(home.problem ?? { kind: 'cut-off' });
			const shown = notice('away', title, home.machines.size ? `${todo} What is shown below is the last that was known.` : todo,
				button('Try now', () => home.hurry()));

			this.countdown = el('span', { class: 'countdown', 'aria-hidden': 'true' });
			shown.querySelector('.buttons').append(this.countdown);
			return [shown];
		}
		if (home.online !== false)
			return [];
		const since = home.since === null ? '' : ` since ${words.timeText(home.since, now)}`;

		return [notice('away', `The guard is offline${since}`,
			'Nothing can be woken until it is back. Check that the box it runs on has power and reaches the internet. The states below are the last that were known.')];
	}

	updateMachines(now) {
		const { home } = this;
		const machines = [...home.machines.values()]
			.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }) || a.id - b.id);

		for (const [id, card] of this.cards)
			if (!home.machines.has(id)) {
				card.node.remove();
				this.cards.delete(id);
			}
		machines.forEach((machine, at) => {
			const card = this.cards.get(machine.id) ?? new MachineCard(this, machine);

			this.cards.set(machine.id, card);
			card.update(machine, now);
			if (this.list.children[at] !== card.node)
				this.list.insertBefore(card.node, this.list.children[at] ?? null);
		});
		this.empty.hidden = machines.length > 0 || home.link !== 'live';
		setText(this.empty, 'No machines here yet. One appears as soon as the guard knows it: “rouse register” on the machine itself, or “rouse add” at the guard.');
	}

	updateStories(now) {
		const all = words.stories(this.home.events.values());
		const told = all.slice(0, this.storiesMax);
		const seen = new Date(now).toDateString() + JSON.stringify(told);

		this.happened.hidden = told.length === 0;
		this.earlier.hidden = told.length === all.length;
		if (seen === this.seenStories)
			return;
		this.seenStories = seen;
		const days = new Map();

		for (const story of told) {
			const day = story.at === null ? 'Some time' : words.dayText(story.at, now);

			days.set(day, [...(days.get(day) ?? []), storyItem(story)]);
		}
		this.told.replaceChildren(...[...days].map(([day, items]) =>
			el('li', {}, el('h4', { text: day }), el('ol', {}, ...items))));
	}

	updateSlept(now) {
		const slept = [...this.home.machines.values()].filter((m) => m.slept)
			.map((machine) => ({ machine, seconds: sleptSeconds(machine, now) }));
		const items = words.sleptTexts(slept, now);
		const seen = items.flat().join();

		this.sleeping.hidden = items.length === 0;
		if (seen === this.seenSlept)
			return;
		this.seenSlept = seen;
		this.slept.replaceChildren(...items.map(([name, asleep, saved]) => el('li', {},
			el('span', { class: 'slept-name', text: name }), el('span', { text: asleep }),
			el('span', { class: 'saved', text: saved }))));
	}

	follow() {
		const first = [...sections.values()].indexOf(this) < STREAMS;

		this.home.link = 'connecting';
		this.update();
		this.home.follow(first);
	}

	async askRemove() {
		const dialog = byId('ask');
		const name = this.home.name ?? 'this home';

		setText(byId('ask-title'), `Remove ${name}?`);
		setText(byId('ask-text'), `Its key is deleted from this browser. It still works elsewhere: to end it everywhere, at the guard: “rouse revoke ${this.home.entry.grant}”.`);
		dialog.returnValue = 'no';
		dialog.showModal();
		await new Promise((done) => { dialog.addEventListener('close', done, { once: true }); });
		if (dialog.returnValue !== 'yes')
			return;
		forget(this.home.entry.grant);
		announce(`${name} was removed`);
		byId('main').focus();
	}
}

function storyItem({ at, name, texts, failed }) {
	const what = texts.join(' · ');

	return el('li', { class: failed ? 'failed' : '' },
		el('time', at === null ? {} : { text: words.clockText(at), datetime: new Date(at).toISOString() }),
		el('span', {}, ...(name ? [el('b', { text: name }), ' '] : []), what));
}

/* --- all homes --- */

/* Browsers open six connections to an HTTP/1.1 server; wakes and other windows need some of them. */
const STREAMS = /^h[23]/.test(performance.getEntriesByType('navigation')[0]?.nextHopProtocol ?? '') ? 20 : 2;

const sections = new Map(); /* by grant */
const passing = new Map(); /* entries that are not kept, by grant */

/* Shows what the store has: at the start, and when this or another window changed it. */
function sync() {
	const wanted = new Map([...store.all(), ...passing.values()].map((entry) => [entry.grant, entry]));

	for (const [grant, section] of sections)
		if (!wanted.has(grant)) {
			section.home.stop();
			section.node.remove();
			sections.delete(grant);
		}
	for (const [grant, entry] of wanted)
		if (!sections.has(grant)) {
			const section = new HomeSection(entry, !passing.has(grant));

			sections.set(grant, section);
			byId('homes').append(section.node);
			section.follow();
		}
	byId('add').hidden = sections.size === 0;
	foot();
}

function forget(grant) {
	passing.delete(grant);
	store.remove(grant);
	sync();
	if (sections.size === 0)
		enter('welcome');
}

/* The home answered: its name is kept, and the newest key that works takes the place of older ones. */
function settle(section) {
	const { entry, name } = section.home;

	if (!section.kept || section.settled === name)
		return;
	section.settled = name;
	if (!store.all().some((kept) => kept.grant === entry.grant))
		return;
	entry.name = name;
	store.put(entry);
	const older = store.all().filter((kept) => kept.home === entry.home && kept.added < entry.added);

	if (older.length === 0)
		return;
	older.forEach((kept) => store.remove(kept.grant));
	sync();
	note('good', `This link is used for ${name} from now on`, 'The older key that this browser had for it was removed.');
}

/* A key that was opened or typed. Returns its section. */
export function adopt({ home, grant, secret, kind, label = null }, { keep = true } = {}) {
	const entry = { home, grant, secret: toB64(secret), kind, label, name: null, added: Date.now() };
	const known = sections.get(grant);

	if (keep)
		store.put({ ...entry, name: known?.home.name ?? null });
	else if (!known)
		passing.set(grant, entry);
	byId('enter').replaceChildren();
	sync();
	if (known?.home.link === 'refused')
		known.follow();
	return sections.get(grant);
}

async function enter(way, about) {
	const { show } = await import('./enter.js');

	show(way, about, sections.size);
}

/* A link that was opened or pasted here. What is none of ours has its own words. */
export function openLink(text) {
	const link = readLink(text);

	if (!link?.secret || (link.origin && link.origin !== location.origin))
		return enter('strange', link);
	byId('notes').replaceChildren();
	adopt({ ...link, kind: 'link' });
}

function foot() {
	const lines = [];

	if (!isSecureContext)
		lines.push('This page came over plain http: whoever is between here and the relay can change it and take the keys. On a network of your own that may be fine; elsewhere use https.');
	if (!store.lasting)
		lines.push('This browser keeps nothing for this page (a private window, or its settings): links are forgotten when it is closed.');
	byId('foot').replaceChildren(...lines.map((text) => el('p', { text })));
}

/* --- the life of the page --- */

let hiding = 0;

/* Nobody looks: after a while no connection is kept. */
function seenOrNot() {
	clearTimeout(hiding);
	if (document.hidden) {
		hiding = setTimeout(() => {
			hiding = -1;
			sections.forEach((section) => section.home.stop());
		}, 30000);
	} else if (hiding === -1) {
		sections.forEach((section) => section.follow());
	} else {
		sections.forEach((section) => section.home.hurry());
	}
}

function start() {
	const [, typed] = /^\/h\/([^/]*)\/?$/.exec(location.pathname) ?? [];

	store.write(store.all());
	sync();
	if (fragment)
		openLink(fragment);
	if (typed !== undefined)
		enter(isHome(typed) ? 'typed' : 'no-home', typed);
	else if (sections.size === 0 && !fragment)
		enter('welcome');
	byId('add').addEventListener('click', () => enter('add'));
	document.addEventListener('visibilitychange', seenOrNot);
	addEventListener('online', () => sections.forEach((section) => section.home.hurry()));
	addEventListener('storage', (event) => store.concerns(event) && sync());
	addEventListener('hashchange', () => {
		const again = takeFragment();

		if (again)
			openLink(again);
	});
	setInterval(() => sections.forEach((section) => section.updateTrouble(Date.now())), 1000);
	setInterval(() => sections.forEach((section) => section.update()), 15000);
}

start();
