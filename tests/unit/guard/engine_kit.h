/*
 * engine_kit: what the tests of sleepers in the engine share: an engine with an empty home, and the other ends of its channels.
 * The test is monitor, control and sleepers.
 */
#ifndef ROUSE_TESTS_ENGINE_KIT_H
#define ROUSE_TESTS_ENGINE_KIT_H

#include "guard/engine_lease.h"

#include "proto/keys.h"
#include "sys/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct rig {
	struct loop *loop;
	struct engine engine;
	struct leases *leases;
	struct home_memory memory;
	int monitor, control; /* the other ends */
	char code[PAIRING_CODE_DIGITS + 1];
	struct ipc_pair_news news; /* the last that was heard */
	struct moment now;
	char line[LEASE_LINE_MAX];
};

/* Whatever happens to the home is not looked at here. */
static inline void nothing(void *context, const struct effect *x)
{
	(void)context, (void)x;
}

static inline void not_said(void *context, struct channel_message *m)
{
	(void)context, (void)m;
}

static inline void not_closed(void *context, int why)
{
	(void)context, (void)why;
}

static inline struct channel *channel_to(struct rig *r, int *ret_other)
{
	const struct channel_handler handler = { not_said, not_closed, r };
	struct channel *c;
	int ends[2];

	assert_int_equal(channel_pair(ends), 0);
	*ret_other = ends[1];
	assert_int_equal(channel_new(r->loop, ends[0], IPC_BYTES_MAX, 1 << 20, &handler, &c), 0);
	return c;
}

static inline int setup(void **state)
{
	static struct hash_node *buckets[3][16];
	struct rig *r = calloc(1, sizeof(*r));
	struct home_settings settings = { .attempts = 1 };
	struct home_memory memory = {
		.slots = calloc(1, hold_slot_size()),
		.slots_n = 1,
		.gates = calloc(1, gate_size()),
		.gates_n = 1,
		.knockers = calloc(1, knocker_size()),
		.knockers_n = 1,
		.knocker_buckets = buckets[0],
		.knocker_buckets_n = 16,
		.address_buckets = buckets[1],
		.address_buckets_n = 16,
		.mac_buckets = buckets[2],
		.mac_buckets_n = 16,
	};

	memset(buckets, 0, sizeof(buckets));
	r->memory = memory;
	assert_int_equal(keys_init(), 0);
	assert_int_equal(loop_new(&r->loop), 0);
	r->engine.home = calloc(1, home_size());
	home_init(r->engine.home, &settings, &memory, (struct effect_sink){ nothing, r });
	r->engine.monitor = channel_to(r, &r->monitor);
	r->engine.control = channel_to(r, &r->control);
	assert_int_equal(engine_lease_init(&r->engine), 0);
	r->engine.going = true;
	r->leases = r->engine.leases;
	r->now = clock_now();
	*state = r;
	return 0;
}

static inline int teardown(void **state)
{
	struct rig *r = *state;

	channel_free(r->engine.monitor);
	channel_free(r->engine.control);
	close(r->monitor);
	close(r->control);
	loop_free(r->loop);
	free(r->engine.home);
	free(r->memory.slots);
	free(r->memory.gates);
	free(r->memory.knockers);
	free(r->leases->code);
	free(r->leases);
	free(r);
	return 0;
}

/* The next message at that end, of that kind; what follows it comes behind. */
static inline void hear(int fd, enum ipc_kind kind, struct ipc_message *ret, char *bytes)
{
	static union {
		struct ipc_message m;
		char bytes[IPC_BYTES_MAX];
	} at;
	ssize_t n = recv(fd, &at, sizeof(at), MSG_DONTWAIT);

	assert_true(n > 0);
	assert_true(ipc_check(&at.m, (size_t)n));
	assert_string_equal(ipc_kind_name(at.m.kind), ipc_kind_name(kind));
	*ret = at.m;
	if (bytes)
		memcpy(bytes, ipc_packet(&at.m), at.m.lease_line.length);
}

static inline void hears_nothing(int fd)
{
	char byte;

	assert_true(recv(fd, &byte, 1, MSG_DONTWAIT) < 0);
}

static inline void say(struct rig *r, const struct ipc_message *m)
{
	engine_lease_said(&r->engine, m, r->now);
}
static inline void hear_opening(struct rig *r, struct lease_opening *ret)
{
	char line[LEASE_LINE_MAX];
	struct ipc_message m;

	hear(r->control, IPC_LEASE_SEND, &m, line);
	assert_int_equal(lease_opening_read(line, m.lease_line.length - 1, ret), 0);
	assert_int_equal(m.lease_line.close, ret->kind != LEASE_PAIR_SHARE);
}

static inline void hear_error(struct rig *r, const char *word)
{
	struct lease_opening o;

	hear_opening(r, &o);
	assert_int_equal(o.kind, LEASE_ERROR);
	assert_string_equal(o.word, word);
}

#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
