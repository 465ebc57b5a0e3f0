/* What the page says: complete with regard to the guard's events and the protocol's words, and right. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';

import * as words from '../../web/words.js';

const read = (name) => fs.readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
const event = (id, kind, more = {}) => ({ id, at: Date.now(), machine: 1, name: 'nas', event: kind, by: null, who: null, to: null,
	attempt: null, attempts: null, seconds: null, late: false, ...more });
const now = new Date(2026, 10, 21, 14, 2).getTime();
const hours = (n) => n * 3600e3;

test('every event of the guard has words', () => {
	const kinds = [...read('src/base/event.c').matchAll(/\[EVENT_\w+\] = "([a-z-]+)"/g)].map((m) => m[1]);

	assert.ok(kinds.length > 20);
	for (const kind of kinds.filter((k) => k !== 'updated')) {
		const [{ texts }] = words.stories([event(1, kind)]);

		assert.notEqual(texts[0], kind === 'awake' ? '' : kind, `${kind} has no words`);
	}
});

test('every problem and every refusal of the protocol has words', () => {
	const protocol = read('docs/protocol.md');
	const whys = /\| `refused` \| 403 \| `why`: (.*) \|/.exec(protocol)[1].match(/[a-z-]{4,}/g);
	const fallback = words.problemText({ kind: 'refused', why: 'nonsense' }).title;
	const never = ['bad-arguments', 'unknown-token', 'get-not-allowed'];

	assert.ok(whys.length >= 10);
	for (const why of whys.filter((w) => !never.includes(w)))
		assert.notEqual(words.problemText({ kind: 'refused', why }).title, fallback, why);
	const other = words.problemText({ kind: 'nonsense' }).title;

	for (const kind of ['unreachable', 'not-a-relay', 'not-authorized', 'limited', 'guard-offline', 'guard-lost', 'guard-silent', 'cut-off', 'forged', 'overloaded', 'wrong-origin'])
		assert.notEqual(words.problemText({ kind }).title, other, kind);
	assert.match(words.problemText({ kind: '__proto__' }).todo, /__proto__/);
	assert.match(words.problemText({ kind: 'limited', wait: 12 }).todo, /Try again in 12\.0 s/);
});

test('what came of asking it to sleep', () => {
	const text = (said) => words.resultText({ why: null, ready: [], ...said }, 'nas');

	assert.equal(words.stepText({ step: 'going' }), 'It is willing, and goes to sleep');
	assert.deepEqual([text({ result: 'asleep', asleep_seconds: 2.1 }).good, text({ result: 'asleep', asleep_seconds: 2.1 }).title], [true, 'nas is asleep']);
	assert.equal(text({ result: 'already-asleep' }).good, true);
	assert.equal(text({ result: 'stayed-awake' }).good, false);
	assert.deepEqual(text({ result: 'refused', why: 'sleeper-refused', text: 'busy: a film' }), { good: false, title: 'nas does not sleep now', todo: 'busy: a film' });
	assert.match(text({ result: 'refused', why: 'no-sleeper' }).todo, /rouse-sleeper/);
});

test('a wake is one story: who, then how it went', () => {
	const told = words.stories([event(3, 'awake', { seconds: 6.4 }), event(1, 'request', { by: 'grant', who: 'Ann’s phone' }),
		event(2, 'attempt', { attempt: 2, attempts: 3 }), event(4, 'ready', { to: 'tcp/22', seconds: 7.1 }),
		event(5, 'goodbye'), event(6, 'asleep'), event(7, 'asleep', { machine: 2, name: 'pc' })]);

	assert.deepEqual(told.map((s) => `${s.name}: ${s.texts.join(', ')}`), ['pc: fell asleep', 'nas: said goodbye, fell asleep',
		'nas: woken by Ann’s phone, awake after 6.4 s, tcp/22 ready after 7.1 s']);
});

test('machines’ stories do not mix, failures are marked, knocks name their service', () => {
	const told = words.stories([event(1, 'knock', { to: 'tcp/22', attempts: 3 }), event(2, 'awake', { machine: 2, name: 'pc', by: 'hand' }),
		event(3, 'no-sign-of-life', { attempts: 3 })]);

	assert.deepEqual(told.map((s) => [s.name, s.texts.join(', '), s.failed]), [['pc', 'woken by hand, or by another magic packet', false],
		['nas', 'woken by a knock at tcp/22, no sign of life after 3 attempts', true]]);
	assert.match(words.stories([event(1, 'no-sign-of-life', { attempts: 1 })])[0].texts[0], /1 attempt$/);
});

test('events of no machine stay apart, unknown ones keep their word', () => {
	const told = words.stories([event(1, 'scanner', { machine: null, name: null }), event(2, 'something-new', { machine: null })]);

	assert.equal(told.length, 2);
	assert.equal(told[0].texts[0], 'something-new');
});

test('times are as short as is clear', () => {
	const clock = '(14:02|2:02 pm)';

	assert.match(words.timeText(now - hours(2), now), /^(12:02|12:02 pm)$/);
	assert.match(words.timeText(now - hours(24 * 2), now), new RegExp(`^Thu ${clock}$`));
	assert.match(words.timeText(now - hours(24 * 20), now), new RegExp(`^1 Nov ${clock}$`));
	assert.match(words.timeText(now - hours(24 * 400), now), /2025/);
	assert.equal(words.dayText(now, now), 'Today');
	assert.equal(words.dayText(now - hours(20), now), 'Yesterday');
});

test('durations', () => {
	const texts = { 0.5: '0.5 s', 6.44: '6.4 s', 119: '119 s', 120: '2 min', 3600: '1 h', 12000: '3 h 20 min', 172800: '2 days' };

	for (const [seconds, text] of Object.entries(texts))
		assert.equal(words.durationText(Number(seconds)), text);
	assert.equal(words.aboutText(21), '21 s');
	assert.equal(words.aboutText(6.2), '6.2 s');
});

test('energy is hours times watts, and says so', () => {
	assert.equal(words.savedText(294 * 3600, 38), '294 h × 38 W ÷ 1000 = 11.2 kWh');
	const slept = [{ machine: { name: 'nas', watts: 38, slept: { since: now - hours(24 * 18) } }, seconds: 294 * 3600 },
		{ machine: { name: 'pc', watts: null, slept: { since: null } }, seconds: 6 * 3600 }, { machine: { name: 'new', watts: 5, slept: { since: now } }, seconds: 0 }];

	assert.deepEqual(words.sleptTexts(slept, now), [['nas', '294 h since 3 Nov', '294 h × 38 W ÷ 1000 = 11.2 kWh'], ['pc', '6 h', 'watts not set'],
		['new', 'not yet asleep', '0 h × 5 W ÷ 1000 = 0 kWh'], ['All together', '300 h', '11.2 kWh']]);
	assert.equal(words.sleptTexts([{ ...slept[2], seconds: 3 }], now)[0][1], 'less than a minute');
});

test('results say what happened and what to do', () => {
	const ready = [{ port: 'tcp/22', seconds: 7.1 }];

	assert.deepEqual(words.resultText({ result: 'awake', awake_seconds: 6.4, ready }, 'nas'), { good: true, title: 'nas is awake after 6.4 s', todo: 'tcp/22 ready after 7.1 s' });
	assert.match(words.resultText({ result: 'no-sign-of-life', attempts: 3 }, 'nas').title, /no sign of life after 3 attempts/);
	assert.equal(words.resultText({ result: 'already-awake' }, 'nas').good, true);
	assert.match(words.resultText({ result: 'refused', why: 'not-permitted' }, 'nas').title, /may not/);
	assert.equal(words.resultText({ result: 'made up' }, 'nas').good, false);
});
