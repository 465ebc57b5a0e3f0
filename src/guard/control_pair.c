/*
 * control_pair: what requests about sleepers mean: a code is shown to whoever asked for it, who hears what comes of it, and
 * it is over when he goes away.
 *
 * Refuses to know the exchange that the code is for.
 */
#include "guard/control_pair.h"

#include "guard/control_client.h"
#include "proto/keys.h"
#include "proto/time_text.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_ROOM 1024

static void put_word(struct json_writer *w, const char *key, const char *word)
{
	json_write_key(w, key);
	json_write_word(w, word);
}

static void put_number(struct json_writer *w, const char *key, uint64_t v)
{
	json_write_key(w, key);
	json_write_u64(w, v);
}

static struct json_writer begin(char bytes[static ANSWER_ROOM], const char *what)
{
	struct json_writer w = json_writer_over(bytes, ANSWER_ROOM);

	json_write_open(&w, '{');
	json_write_key(&w, what);
	json_write_open(&w, '{');
	return w;
}

static void end(struct client *k, struct json_writer *w)
{
	json_write_close(w, '}');
	json_write_close(w, '}');
	text_char(&w->out, '\n');
	client_write(k, w);
}

static void finish_as(struct client *k, const struct ipc_message *m)
{
	static const enum answer_result results[RESULT_CODES] = {
		[RESULT_OK] = ANSWER_OK,
		[RESULT_MORE] = ANSWER_FAILED, /* only lists say it, and handle it */
		[RESULT_NOT_FOUND] = ANSWER_NOT_FOUND,
		[RESULT_REFUSED] = ANSWER_REFUSED,
		[RESULT_ALREADY_AWAKE] = ANSWER_FAILED, /* it is not said here */
		[RESULT_UNREACHABLE] = ANSWER_UNREACHABLE,
		[RESULT_FULL] = ANSWER_BUSY,
		[RESULT_ALREADY_ASLEEP] = ANSWER_ALREADY_ASLEEP,
		[RESULT_NO_SLEEPER] = ANSWER_NO_SLEEPER,
		[RESULT_BUSY] = ANSWER_BUSY,
	};

	if (!m)
		client_finish_result(k, ANSWER_FAILED, "the guard did not answer in time");
	else
		client_finish_result(k, results[m->result.code],
				     m->result.text[0] ? m->result.text : NULL);
}

static void simply_answered(void *owner, const struct ipc_message *m)
{
	struct client *k = owner;

	k->request = NULL;
	finish_as(k, m);
}

static void ask_by_name(struct client *k, enum ipc_kind kind)
{
	struct ipc_message m = { .kind = kind };

	memcpy(m.name.name, k->command.name, sizeof(m.name.name));
	m.name.uid = k->uid;
	k->request = control_ask(k->control, &m, simply_answered, k);
}

void client_ask_unpair(struct client *k)
{
	ask_by_name(k, IPC_UNPAIR);
}

void client_ask_sleep(struct client *k)
{
	ask_by_name(k, IPC_SLEEP_PLEASE);
}

/* --- pairings: pages, each one a line --- */

static void write_pairing(struct client *k, const struct pairing *p)
{
	char bytes[ANSWER_ROOM];
	char mac[MAC_TEXT];
	char at[TIME_TEXT];
	struct json_writer w = begin(bytes, "pairing");

	put_word(&w, "id", p->id);
	put_word(&w, "name", p->name);
	put_word(&w, "mac", mac_format(&p->mac, mac));
	put_word(&w, "since", time_text(p->since_ms, 0, at));
	end(k, &w);
}

static void pairings_answered(void *owner, const struct ipc_message *m)
{
	struct client *k = owner;

	if (m && m->kind == IPC_PAIRING_ENTRY) {
		write_pairing(k, &m->pairing.pairing);
		return;
	}
	k->request = NULL;
	if (m && m->result.code == RESULT_MORE) {
		k->after = m->result.id;
		k->page_due = true;
		client_drained(k);
	} else {
		finish_as(k, m);
	}
}

void client_ask_pairings(struct client *k)
{
	struct ipc_message m = { .kind = IPC_PAIRINGS };

	m.page.id = k->after;
	k->request = control_ask(k->control, &m, pairings_answered, k);
}

/* --- pair --- */

void client_pair_done(struct client *k)
{
	struct ipc_message m = { .kind = IPC_PAIR_CANCEL };

	if (k->control->pairing != k)
		return;
	k->control->pairing = NULL;
	if (channel_send(k->control->engine, &m, ipc_length(&m), NULL, 0) < 0)
		control_stop(k->control, EXIT_FAILURE,
			     "the engine does not take requests any more");
}

void client_start_pair(struct client *k)
{
	if (k->control->pairing) {
		client_finish_result(k, ANSWER_BUSY,
				     "a code is shown already, by another `rouse pair`");
		return;
	}
	k->control->pairing = k;
	control_turn_take(k->control, &k->turn);
}

static void write_code(struct client *k, const struct ipc_pair_news *news)
{
	char bytes[ANSWER_ROOM];
	struct json_writer w = begin(bytes, "pair");

	put_word(&w, "code", news->code);
	put_number(&w, "seconds", news->seconds);
	put_number(&w, "tries", news->left);
	end(k, &w);
	keys_wipe(bytes, sizeof(bytes));
}

static void code_answered(void *owner, const struct ipc_message *m)
{
	struct client *k = owner;

	if (m && m->kind == IPC_PAIR_NEWS) {
		write_code(k, &m->pair_news);
		return;
	}
	k->request = NULL;
	if (m && m->result.code == RESULT_OK)
		return;
	/* There is no code of ours to be ended. */
	if (m)
		k->control->pairing = NULL;
	finish_as(k, m);
}

void client_ask_pair(struct client *k)
{
	struct ipc_message m = { .kind = IPC_PAIR_PLEASE };

	m.name.uid = k->uid;
	k->request = control_ask(k->control, &m, code_answered, k);
}

static void write_wrong(struct client *k, const struct ipc_pair_news *news)
{
	char bytes[ANSWER_ROOM];
	char from[ADDR_TEXT];
	struct json_writer w = begin(bytes, "pair");

	put_word(&w, "wrong_from", addr_format(&news->from, from));
	put_number(&w, "tries", news->left);
	end(k, &w);
}

static void finish_paired(struct client *k, const struct ipc_pair_news *news)
{
	char bytes[ANSWER_ROOM];
	char text[ADDR_TEXT];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));

	json_write_open(&w, '{');
	put_word(&w, "result", answer_result_name(ANSWER_PAIRED));
	put_word(&w, "machine", news->name);
	put_word(&w, "mac", mac_format(&news->mac, text));
	put_word(&w, "from", addr_format(&news->from, text));
	json_write_key(&w, "guarded");
	json_write_bool(&w, news->guarded);
	json_write_close(&w, '}');
	text_char(&w.out, '\n');
	client_finish(k, &w);
}

void control_pair_news(struct control *c, const struct ipc_pair_news *news)
{
	struct client *k = c->pairing;

	/* Who showed it went away meanwhile. */
	if (!k)
		return;
	if (news->what != PAIR_WRONG && news->what != PAIR_CODE)
		c->pairing = NULL; /* it is over there already */
	switch ((enum pair_news)news->what) {
	case PAIR_CODE:
	case PAIR_NEWS_KINDS:
		return;
	case PAIR_WRONG:
		write_wrong(k, news);
		return;
	case PAIR_DONE:
		finish_paired(k, news);
		return;
	case PAIR_EXPIRED:
		client_finish_result(k, ANSWER_EXPIRED, "nobody paired within five minutes");
		return;
	case PAIR_SPENT:
		client_finish_result(k, ANSWER_SPENT, "three tries with another code");
		return;
	case PAIR_FAILED:
		client_finish_result(k, ANSWER_FAILED, news->text);
		return;
	}
}

void control_pair_reset(struct control *c)
{
	struct client *k = c->pairing;

	c->pairing = NULL;
	if (k)
		client_finish_result(k, ANSWER_FAILED,
				     "the guard's engine was started anew; try again");
}
