#include "guard/monitor_relay.h"

#include "guard/monitor.h"
#include "proto/keys.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/files.h"
#include "sys/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_FILE "guard.key"
#define KEY_HEAD "rouse-guard-key 1\n"
#define KEY_FILE_MAX 256
#define JOIN_PATIENCE 8000000 /* us; control waits 10 s */
#define LEAVE_PATIENCE 4000000

/* --- the guard's key --- */

static int read_key(struct relay_side *s, int dir)
{
	const size_t head = strlen(KEY_HEAD);
	char *bytes = NULL;
	size_t n = 0;
	int r = file_read(dir, KEY_FILE, KEY_FILE_MAX, &bytes, &n);

	if (r < 0)
		return r;
	if (n != head + B64_LENGTH(RELAY_KEY_SIZE) + 1 || memcmp(bytes, KEY_HEAD, head) != 0 ||
	    b64_decode(bytes + head, n - head - 1, s->seed, sizeof(s->seed)) < 0)
		r = -EBADMSG;
	keys_wipe(bytes, n);
	free(bytes);
	return r;
}

static int make_key(struct relay_side *s, int dir)
{
	char text[KEY_FILE_MAX];
	char key[RELAY_KEY_TEXT];
	uint8_t key_bytes[RELAY_KEY_SIZE], home[RELAY_HOME_SIZE];
	int n;
	int r;

	/* The home's id is given to commands too (entropy_id). */
	do {
		entropy_bytes(s->seed, sizeof(s->seed));
		keys_public(s->seed, key_bytes);
		relay_home_of(key_bytes, home);
	} while (home[0] >> 2 == 62);
	n = snprintf(text, sizeof(text), "%s%s\n", KEY_HEAD,
		     b64_encode(s->seed, sizeof(s->seed), key));
	r = file_replace(dir, KEY_FILE, text, (size_t)n, 0600);
	keys_wipe(text, sizeof(text));
	keys_wipe(key, sizeof(key));
	return r;
}

static int need_key(struct relay_side *s, bool make)
{
	int dir = -1;
	int r = s->has_key ? 0 : file_directory_open(s->monitor->config.state_dir, &dir);

	if (s->has_key || r < 0)
		return r;
	r = read_key(s, dir);
	if (r == -ENOENT && make)
		r = make_key(s, dir);
	close(dir);
	if (r == 0) {
		uint8_t key[RELAY_KEY_SIZE], home[RELAY_HOME_SIZE];

		s->has_key = true;
		keys_public(s->seed, key);
		relay_home_of(key, home);
		b64_encode(home, sizeof(home), s->status.home);
	}
	return r;
}

static void tell_engine_key(struct relay_side *s)
{
	struct ipc_message q = { .kind = IPC_KEY };

	if (s->has_key && s->wanted.origin[0]) {
		q.key.there = 1;
		memcpy(q.key.seed, s->seed, sizeof(q.key.seed));
		memcpy(q.key.origin, s->wanted.origin, sizeof(q.key.origin));
	}
	role_tell(s->monitor, ROLE_ENGINE, &q);
	keys_wipe(&q, sizeof(q));
}

/* --- joining and leaving --- */

void relay_side_answer(struct relay_side *s, uint32_t request, enum ipc_code code, const char *text)
{
	struct ipc_message a = { .kind = IPC_RESULT, .request = request };

	a.result.code = code;
	(void)snprintf(a.result.text, sizeof(a.result.text), "%s", text);
	role_tell(s->monitor, ROLE_CONTROL, &a);
}

void relay_side_answer_status(struct relay_side *s, uint32_t request)
{
	struct ipc_message a = { .kind = IPC_UPLINK, .request = request };

	a.uplink = s->status;
	memcpy(a.uplink.origin, s->wanted.origin, sizeof(a.uplink.origin));
	role_tell(s->monitor, ROLE_CONTROL, &a);
}

/* Whoever waits is told how it ended. */
static void settle(struct relay_side *s, enum ipc_code code, const char *text)
{
	uint32_t request = s->request;

	loop_timer_set(&s->patience, NEVER);
	s->doing = RELAY_IDLE;
	s->request = 0;
	if (request == 0)
		return;
	if (code == RESULT_OK)
		relay_side_answer_status(s, request);
	relay_side_answer(s, request, code, text);
}

static void forget_relay(struct relay_side *s)
{
	uplink_stop(s);
	s->wanted = (struct relay_joined){ .origin = "" };
	keys_wipe(s->invitation, sizeof(s->invitation));
	s->status.state = UPLINK_NONE;
	tell_engine_key(s);
}

/* It did not come to be: back to the relay from before, if there was one. */
static void join_failed(struct relay_side *s, const char *why)
{
	const struct relay_joined *before = store_relay(s->monitor->store);
	char text[IPC_TEXT];

	(void)snprintf(text, sizeof(text), "%s", why);
	forget_relay(s);
	settle(s, RESULT_REFUSED, text);
	if (!before->origin[0])
		return;
	s->wanted = *before;
	tell_engine_key(s);
	(void)uplink_start(s);
}

static void left(struct relay_side *s, bool told)
{
	int r;

	forget_relay(s);
	r = store_put_relay(s->monitor->store, &s->wanted);
	machines_sync_soon(s->monitor);
	if (r < 0)
		settle(s, RESULT_FULL,
		       "left, but that could not be stored: a restart would join again");
	else
		settle(s, RESULT_OK,
		       told ? ""
			    : "the relay could not be told: it still lists this home, offline");
}

static void out_of_patience(void *context)
{
	struct relay_side *s = context;

	if (s->doing == RELAY_LEAVING)
		left(s, false);
	else if (s->doing == RELAY_JOINING)
		join_failed(s, s->status.text[0] ? s->status.text
						 : "the relay did not answer in time");
}

static void on_joined(struct relay_side *s)
{
	int r;

	keys_wipe(s->invitation, sizeof(s->invitation));
	log_notice("relay: joined %s as home %s", s->wanted.origin, s->status.home);
	if (s->doing != RELAY_JOINING)
		return;
	r = store_put_relay(s->monitor->store, &s->wanted);
	machines_sync_soon(s->monitor);
	settle(s, r < 0 ? RESULT_FULL : RESULT_OK,
	       r < 0 ? "joined until the next restart: it could not be stored" : "");
}

static void on_refused(struct relay_side *s)
{
	log_error("relay: %s refuses this guard: %s; `rouse join` it again with a new invitation, "
		  "or `rouse leave`",
		  s->wanted.origin, s->status.text);
	if (s->doing == RELAY_JOINING)
		join_failed(s, s->status.text);
}

static void hear_status(struct relay_side *s, const struct ipc_uplink *u)
{
	uint32_t before = s->status.state;

	s->status.state = u->state;
	s->status.rtt_us = u->rtt_us;
	memcpy(s->status.text, u->text, sizeof(s->status.text));
	if (before != u->state)
		s->status.since_ms = clock_wall_ms();
	switch ((enum uplink_state)u->state) {
	case UPLINK_JOINED:
		if (before != UPLINK_JOINED)
			on_joined(s);
		return;
	case UPLINK_OFFLINE:
		if (before == UPLINK_JOINED || s->doing == RELAY_JOINING)
			log_warning("relay: %s: %s", s->wanted.origin, u->text);
		return;
	case UPLINK_REFUSED:
		on_refused(s);
		return;
	case UPLINK_LEFT:
		if (s->doing == RELAY_LEAVING)
			left(s, true);
		return;
	case UPLINK_NONE:
	case UPLINK_STATES:
		return;
	}
}

void relay_side_said(struct relay_side *s, const struct ipc_message *q)
{
	if (q->kind == IPC_UPLINK)
		hear_status(s, &q->uplink);
	else if (q->kind == IPC_LOG)
		relay_side_answer_log(s, q);
	else
		log_warning("the uplink asked for what it may not have: %s",
			    ipc_kind_name(q->kind));
}

static void join(struct relay_side *s, const struct ipc_message *q)
{
	const struct relay_joined *joined = store_relay(s->monitor->store);
	int r;

	if (s->doing != RELAY_IDLE) {
		relay_side_answer(s, q->request, RESULT_REFUSED,
				  "another join or leave is under way");
		return;
	}
	if (joined->origin[0] && strcmp(joined->origin, q->relay.joined.origin) != 0) {
		relay_side_answer(s, q->request, RESULT_REFUSED,
				  "a relay is joined already: `rouse leave` first");
		return;
	}
	if (s->image.image < 0) {
		relay_side_answer(
			s, q->request, RESULT_REFUSED,
			"this guard was installed without its uplink (libexec/rouse/uplink)");
		return;
	}
	r = need_key(s, true);
	if (r < 0) {
		char text[IPC_TEXT];

		(void)snprintf(text, sizeof(text), "the key %s/" KEY_FILE " cannot be used: %s",
			       s->monitor->config.state_dir,
			       r == -EBADMSG ? "it is damaged" : strerror(-r));
		relay_side_answer(s, q->request, RESULT_REFUSED, text);
		return;
	}
	uplink_stop(s);
	s->wanted = q->relay.joined;
	memcpy(s->invitation, q->relay.invitation, sizeof(s->invitation));
	s->status.state = UPLINK_OFFLINE;
	s->status.text[0] = 0;
	s->doing = RELAY_JOINING;
	s->request = q->request;
	loop_timer_set(&s->patience, clock_monotonic_us() + JOIN_PATIENCE);
	tell_engine_key(s);
	if (uplink_start(s) < 0)
		join_failed(s, "the uplink could not be started: see the log");
}

static void leave(struct relay_side *s, const struct ipc_message *q)
{
	struct ipc_message m = { .kind = IPC_RELAY_LEAVE };

	if (s->doing != RELAY_IDLE || !s->wanted.origin[0]) {
		relay_side_answer(s, q->request, RESULT_REFUSED,
				  s->doing != RELAY_IDLE ? "another join or leave is under way"
							 : "no relay is joined");
		return;
	}
	s->doing = RELAY_LEAVING;
	s->request = q->request;
	if (s->status.state != UPLINK_JOINED || !s->channel) {
		left(s, false);
		return;
	}
	loop_timer_set(&s->patience, clock_monotonic_us() + LEAVE_PATIENCE);
	uplink_tell(s, &m);
}

/* --- what control asks --- */

bool relay_side_asked(struct monitor *m, const struct ipc_message *q)
{
	struct relay_side *s = &m->relay;

	switch (q->kind) {
	case IPC_JOIN:
		join(s, q);
		return true;
	case IPC_LEAVE:
		leave(s, q);
		return true;
	case IPC_SHARE:
		relay_side_share(s, q);
		return true;
	case IPC_REVOKE:
		relay_side_revoke(s, q);
		return true;
	case IPC_GRANTS:
		relay_side_list_grants(s, q);
		return true;
	case IPC_UPLINK_PLEASE:
		relay_side_answer_status(s, q->request);
		relay_side_answer(s, q->request, RESULT_OK, "");
		return true;
	default:
		return false;
	}
}

/* --- life --- */

static void start_again(void *context)
{
	(void)uplink_start(context);
}

int relay_side_init(struct monitor *m)
{
	struct relay_side *s = &m->relay;
	int r;

	s->monitor = m;
	s->process.pidfd = -1;
	r = keys_init();
	if (r < 0)
		return r;
	r = loop_timer_init(&s->again, m->loop, start_again, s);
	if (r >= 0)
		r = loop_timer_init(&s->patience, m->loop, out_of_patience, s);
	return r < 0 ? r : channel_pair(s->pair);
}

void relay_side_done(struct monitor *m)
{
	struct relay_side *s = &m->relay;

	if (!s->monitor)
		return;
	uplink_stop(s);
	loop_timer_done(&s->again);
	loop_timer_done(&s->patience);
	for (size_t i = 0; i < 2; i++) {
		if (s->pair[i] > 0)
			close(s->pair[i]);
	}
	if (s->image.image >= 0)
		close(s->image.image);
	keys_wipe(s->seed, sizeof(s->seed));
}

void relay_side_tell_engine(struct monitor *m)
{
	struct relay_side *s = &m->relay;
	struct ipc_message q = { .kind = IPC_GRANT };
	const struct grant *g;

	tell_engine_key(s);
	for (size_t i = 0; (g = store_grant(m->store, i)) != NULL; i++) {
		q.grant = *g;
		role_tell(m, ROLE_ENGINE, &q);
	}
	keys_wipe(&q, sizeof(q));
	/* What the old engine was asked nobody will answer: the relay learns that from a new connection. */
	if (s->channel) {
		uplink_stop(s);
		(void)uplink_start(s);
	}
}

void relay_side_start(struct monitor *m)
{
	struct relay_side *s = &m->relay;
	const struct relay_joined *joined = store_relay(m->store);
	int r;

	if (!joined->origin[0])
		return;
	s->wanted = *joined;
	s->status.state = UPLINK_OFFLINE;
	r = need_key(s, false);
	if (r < 0) {
		log_error("the relay %s cannot be used: the key %s/" KEY_FILE
			  " is %s; `rouse leave`, then join again",
			  joined->origin, m->config.state_dir,
			  r == -ENOENT	  ? "missing"
			  : r == -EBADMSG ? "damaged"
					  : strerror(-r));
		return;
	}
	tell_engine_key(s);
	r = uplink_start(s);
	if (r < 0)
		log_error("the relay %s cannot be reached: the uplink did not start (%s)",
			  joined->origin, r == -ENOENT ? "it is not installed" : strerror(-r));
}
