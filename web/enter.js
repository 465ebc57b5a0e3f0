/*
 * enter: the ways into a home besides opening a link: a link that is pasted, a label and a key that are typed, and what
 * to say to those who have an invitation or nothing. Loaded only when one of them is needed.
 *
 * What is typed is never part of the document beyond its own field, never sent, and never kept unless asked for.
 */

import { isHome, phraseSecret, toB64 } from './grant.js';
import { Home, Problem, askPhrase } from './home.js';
import { adopt, announce, byId, el, note, notice, openLink } from './page.js';
import { problemText } from './words.js';

const WRONG_KEY = {
	title: 'This label and this key do not fit',
	todo: 'One of them is wrong, or the key was revoked or has expired. The label is the one that came with the key, usually the machine’s name; the key is its words.',
};

let fields = 0;

/* A labelled field. */
function field(label, hint, attributes) {
	const id = `field-${++fields}`;
	const input = el('input', { id, 'aria-describedby': `${id}-hint`, autocapitalize: 'none', spellcheck: 'false', ...attributes });

	return { input, node: el('p', { class: 'field' }, el('label', { for: id, text: label }), input,
		el('span', { class: 'hint', id: `${id}-hint`, text: hint })) };
}

function panel(title, ...content) {
	const heading = el('h2', { text: title, tabindex: '-1' });
	const node = el('section', { class: 'panel' }, heading, ...content);

	byId('enter').replaceChildren(node);
	return { node, heading };
}

function form(submit, ...content) {
	const said = el('div', { class: 'form-said', role: 'alert' });
	const node = el('form', { method: 'post', autocomplete: 'on' }, ...content, said);

	node.addEventListener('submit', (event) => {
		event.preventDefault();
		submit(event, said);
	});
	return node;
}

/* --- a link that is pasted --- */

function linkForm() {
	const link = field('Link', 'The whole of it, as it was sent to you.', { type: 'password', autocomplete: 'off',
		required: '', inputmode: 'url', placeholder: `${location.origin}/#…` });

	return form(() => {
		const text = link.input.value.trim();

		link.input.value = '';
		/* Without its first part it is still a link of this relay. */
		openLink(text.includes('#') ? text : `#${text}`);
	}, link.node, el('p', { class: 'buttons' }, el('button', { class: 'main', text: 'Add this home' })));
}

function homeForm() {
	const home = field('Home', 'Its 22 letters and digits, or its whole address.', { type: 'text', autocomplete: 'off', required: '' });

	return form((event, said) => {
		const id = home.input.value.trim().replace(/^.*\/h\//, '').replace(/\/$/, '');

		if (isHome(id))
			location.assign(`/h/${id}`);
		else
			said.replaceChildren(notice('bad', 'This is no address of a home', 'It has 22 letters and digits, such as rouse share --phrase prints.'));
	}, home.node, el('p', { class: 'buttons' }, el('button', { class: 'plain', text: 'Go there' })));
}

function welcome() {
	panel('Machines that sleep, and are there when you need them',
		el('p', { text: 'This browser has no home yet. Open the link that somebody shared with you, and it is added here. Or paste it:' }),
		linkForm(),
		el('h3', { text: 'You were given a label and a key?' }),
		el('p', { text: 'Then there is an address of the home, too. They are typed there.' }),
		homeForm());
}

function add() {
	const { heading } = panel('Add a home', linkForm(), el('h3', { text: 'With a label and a key' }), homeForm(),
		el('p', { class: 'buttons' }, el('button', { type: 'button', class: 'plain', text: 'Close', click: () => {
			byId('enter').replaceChildren();
			byId('add').focus();
		} })));

	heading.focus();
}

/* --- a link that opens no home here --- */

/* `link` as readLink() has it; null: it says nothing. */
function strange(link, homes) {
	if (link?.invitation)
		return invitation(link.invitation);
	if (link)
		note('bad', 'This link belongs to another relay', `Open it at ${link.origin}.`);
	else
		note('bad', 'This link is not complete', 'It may have been cut off on its way. Copy the whole of it, or ask for a new one; they are made with “rouse share”.');
	if (homes === 0)
		welcome();
}

/* An invitation is for a guard, not for a browser. */

function invitation(code) {
	const command = `rouse join ${location.origin} ${code}`;
	const copy = el('button', { type: 'button', class: 'main', text: 'Copy', click: async () => {
		await navigator.clipboard?.writeText(command).then(() => announce('Copied'), () => {});
	} });

	copy.hidden = !navigator.clipboard;
	panel('This is an invitation for a guard',
		el('p', { text: 'It lets one home join this relay, once. On the box where the guard runs, enter:' }),
		el('pre', {}, el('code', { text: command })),
		el('p', { class: 'buttons' }, copy),
		el('p', { class: 'hint', text: 'Then, there: rouse share prints the link that opens the home in a browser.' }));
}

/* --- a label and a key that are typed --- */

/* Throws what went wrong; a wrong label looks like a wrong key. */
async function openTyped(home, label, phrase) {
	const { grant, salt } = await askPhrase(home, label);
	const secret = await phraseSecret(phrase, salt);
	const entry = { home, grant, secret, kind: 'phrase', label };

	await new Home({ ...entry, secret: toB64(secret) }, () => {}).open();
	return entry;
}

function typed(home) {
	const label = field('Label', 'Usually the name of the machine.', { type: 'text', name: 'label', autocomplete: 'username', required: '', maxlength: '63' });
	const key = field('Key', 'Its words; capitals and spaces do not matter.', { type: 'password', name: 'key', autocomplete: 'current-password', required: '' });
	const look = el('button', { type: 'button', class: 'plain reveal', text: 'Show', 'aria-pressed': 'false', 'aria-label': 'Show the key', click: () => {
		const shown = key.input.type === 'password';

		key.input.type = shown ? 'text' : 'password';
		look.textContent = shown ? 'Hide' : 'Show';
		look.setAttribute('aria-pressed', String(shown));
	} });
	const keep = el('input', { type: 'checkbox', id: 'keep' });
	let busy = false;

	key.input.after(look);
	const node = form(async (event, said) => {
		const wake = event.submitter?.value !== 'look';

		if (busy)
			return;
		busy = true;
		node.setAttribute('aria-busy', 'true');
		said.replaceChildren(el('p', { class: 'asking', text: 'Working out the key…' }));
		try {
			const entry = await openTyped(home, label.input.value.trim(), key.input.value);

			key.input.value = '';
			const section = adopt(entry, { keep: keep.checked });

			if (wake)
				await wakeNamed(section, entry.label);
		} catch (problem) {
			said.replaceChildren(problemNotice(problem));
			key.input.select();
		}
		busy = false;
		node.removeAttribute('aria-busy');
	}, label.node, key.node,
	el('p', { class: 'check' }, keep, ' ', el('label', { for: 'keep', text: 'Keep it in this browser (not on somebody else’s device)' })),
	el('p', { class: 'buttons' }, el('button', { class: 'main', value: 'wake', text: 'Wake' }),
		el('button', { class: 'plain', value: 'look', text: 'Only look' })));

	panel('Wake a machine of this home', node);
}

/* Wakes the machine of that name, or the only one, as soon as the home is there. */
async function wakeNamed(section, name) {
	await section.whenLive;
	const same = (other) => other.toLowerCase() === name.toLowerCase();
	const cards = [...section.cards.values()];
	const card = cards.find((c) => same(c.machine.name)) ?? (cards.length === 1 ? cards[0] : null);

	card?.button.focus();
	card?.ask('wake');
}

function problemNotice(problem) {
	const kind = problem instanceof Problem ? problem.kind : 'internal';
	const { title, todo } = kind === 'not-authorized' ? WRONG_KEY : problemText(problem instanceof Problem ? problem : { kind });

	return notice('bad', title, todo);
}

function noHome() {
	panel('This address is not complete',
		el('p', { text: 'The address of a home ends with 22 letters and digits. It may have been cut off on its way.' }),
		homeForm());
}

const WAYS = { welcome, add, strange, typed, 'no-home': noHome };

/* `about` is the way's own; `homes` is how many are shown. */
export function show(way, about, homes) {
	WAYS[way](about, homes);
}
