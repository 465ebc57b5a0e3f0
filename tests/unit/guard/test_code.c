/*
 * The code of a pairing: three tries, five minutes, one at a time; what a lease leaves behind. The test is monitor, control and
 * sleepers.
 */
#include "guard/engine_lease.h"

#include "../freed.h"
#include "proto/keys.h"
#include "sys/clock.h"
#include "sys/entropy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MINUTE (60 * (uint64_t)1000000)

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
static void nothing(void *context, const struct effect *x)
{
	(void)context, (void)x;
}

static void not_said(void *context, struct channel_message *m)
{
	(void)context, (void)m;
}

static void not_closed(void *context, int why)
{
	(void)context, (void)why;
}

static struct channel *channel_to(struct rig *r, int *ret_other)
{
	const struct channel_handler handler = { not_said, not_closed, r };
	struct channel *c;
	int ends[2];

	assert_int_equal(channel_pair(ends), 0);
	*ret_other = ends[1];
	assert_int_equal(channel_new(r->loop, ends[0], IPC_BYTES_MAX, 1 << 20, &handler, &c), 0);
	return c;
}

static int setup(void **state)
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

static int teardown(void **state)
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
static void hear(int fd, enum ipc_kind kind, struct ipc_message *ret, char *bytes)
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

static void hears_nothing(int fd)
{
	char byte;

	assert_true(recv(fd, &byte, 1, MSG_DONTWAIT) < 0);
}

static void say(struct rig *r, const struct ipc_message *m)
{
	engine_lease_said(&r->engine, m, r->now);
}

static void open_code(struct rig *r)
{
	struct ipc_message m = { .kind = IPC_PAIR_PLEASE, .request = 7 };

	say(r, &m);
	hear(r->monitor, IPC_PAIRING_OPEN, &m, NULL);
	assert_int_equal(m.id, 300);
	hear(r->control, IPC_PAIR_NEWS, &m, NULL);
	assert_int_equal(m.request, 7);
	assert_int_equal(m.pair_news.what, PAIR_CODE);
	memcpy(r->code, m.pair_news.code, sizeof(r->code));
	hear(r->control, IPC_RESULT, &m, NULL);
	assert_int_equal(m.result.code, RESULT_OK);
}

static void hear_opening(struct rig *r, struct lease_opening *ret)
{
	char line[LEASE_LINE_MAX];
	struct ipc_message m;

	hear(r->control, IPC_LEASE_SEND, &m, line);
	assert_int_equal(lease_opening_read(line, m.lease_line.length - 1, ret), 0);
	assert_int_equal(m.lease_line.close, ret->kind != LEASE_PAIR_SHARE);
}

/* A sleeper's half of an exchange. */
struct sleeper {
	uint32_t connection;
	struct pairing_about about;
	struct pairing_half half;
	struct pairing_outcome outcome;
	uint32_t check;
	char id[PAIRING_ID_TEXT];
};

static void say_share(struct rig *r, const struct sleeper *s, const uint8_t *share)
{
	struct ipc_message m = { .kind = IPC_LEASE_OPENING };
	struct lease_opening *o = &m.lease_opening.opening;

	*o = (struct lease_opening){ .kind = LEASE_OPEN_PAIR, .about = s->about };
	memcpy(o->share, share, sizeof(o->share));
	m.lease_opening.connection = s->connection;
	m.lease_opening.peer = addr_v4((const uint8_t[]){ 192, 0, 2, 5 });
	say(r, &m);
}

static void begin(struct rig *r, struct sleeper *s, uint32_t connection, const char *code)
{
	uint8_t random[PAIRING_RANDOM];

	*s = (struct sleeper){ .connection = connection,
			       .about = { .mac = { { 2, 0, 0, 0, 0, 5 } }, .name = "nas" } };
	entropy_bytes(random, sizeof(random));
	pairing_start(&s->half, PAIRING_SLEEPER, code, &s->about, random);
	say_share(r, s, s->half.share);
}

/* The monitor has nothing against its source; true when the guard's tag is right. */
static bool go_on(struct rig *r, struct sleeper *s)
{
	struct ipc_message m;
	struct lease_opening o;

	hear(r->monitor, IPC_CHECK, &m, NULL);
	m = (struct ipc_message){ .kind = IPC_CHECKED, .request = m.request };
	assert_true(engine_lease_checked(&r->engine, &m, r->now));
	hear_opening(r, &o);
	assert_int_equal(o.kind, LEASE_PAIR_SHARE);
	memcpy(s->id, o.id, sizeof(s->id));
	assert_int_equal(pairing_finish(&s->half, o.share, o.id, &s->outcome), 0);
	return memcmp(s->outcome.expected, o.tag, sizeof(o.tag)) == 0;
}

static void say_tag(struct rig *r, const struct sleeper *s)
{
	struct ipc_message m = { .kind = IPC_LEASE_OPENING };

	m.lease_opening.connection = s->connection;
	m.lease_opening.opening.kind = LEASE_PAIR_TAG;
	memcpy(m.lease_opening.opening.tag, s->outcome.tag, sizeof(s->outcome.tag));
	say(r, &m);
}

static void hear_error(struct rig *r, const char *word)
{
	struct lease_opening o;

	hear_opening(r, &o);
	assert_int_equal(o.kind, LEASE_ERROR);
	assert_string_equal(o.word, word);
}

static void hear_news(struct rig *r, enum pair_news what, unsigned int left)
{
	struct ipc_message m;

	hear(r->control, IPC_PAIR_NEWS, &m, NULL);
	r->news = m.pair_news;
	assert_int_equal(m.pair_news.what, what);
	assert_int_equal(m.pair_news.left, left);
	if (what > PAIR_WRONG)
		assert_int_equal(m.request, 0);
}

static void hear_closed(struct rig *r)
{
	struct ipc_message m;

	hear(r->monitor, IPC_PAIRING_OPEN, &m, NULL);
	assert_int_equal(m.id, 0);
}

/* Somebody with another code, who goes away when he sees it. */
static void try_another(struct rig *r, uint32_t connection, unsigned int left)
{
	struct ipc_message gone = { .kind = IPC_LEASE_GONE, .id = connection };
	struct sleeper s;

	begin(r, &s, connection, strcmp(r->code, "000000") == 0 ? "000001" : "000000");
	assert_false(go_on(r, &s));
	say(r, &gone);
	hear_news(r, PAIR_WRONG, left);
}

/* Right in all; the monitor is asked to store it. */
static uint32_t prove(struct rig *r, struct sleeper *s, uint32_t connection)
{
	struct ipc_message m;

	begin(r, s, connection, r->code);
	assert_true(go_on(r, s));
	say_tag(r, s);
	hear(r->monitor, IPC_PAIR, &m, NULL);
	assert_string_equal(m.pairing.pairing.id, s->id);
	return m.request;
}

static void stored(struct rig *r, uint32_t request, enum ipc_code code)
{
	struct ipc_message m = { .kind = IPC_PAIR_STORED, .request = request };

	m.result.code = code;
	engine_pair_stored(&r->engine, &m);
}

static void hear_paired(struct rig *r, const struct sleeper *s)
{
	struct lease_opening o;

	hear_opening(r, &o);
	assert_int_equal(o.kind, LEASE_PAIRED);
	assert_string_equal(o.id, s->id);
}

static void pairs(void **state)
{
	struct rig *r = *state;
	struct sleeper s;
	struct ipc_message m;

	open_code(r);
	begin(r, &s, 1, r->code);
	assert_true(go_on(r, &s));
	say_tag(r, &s);
	hear(r->monitor, IPC_PAIR, &m, NULL);
	assert_string_equal(m.pairing.pairing.id, s.id);
	assert_memory_equal(m.pairing.pairing.key, s.outcome.key, PAIRING_KEY_SIZE);
	assert_string_equal(m.pairing.pairing.name, "nas");
	hears_nothing(r->control); /* not before it is stored */
	stored(r, m.request, RESULT_OK);
	hear_paired(r, &s);
	hear_closed(r);
	hear_news(r, PAIR_DONE, 0);
	assert_string_equal(r->news.name, "nas");
	assert_false(r->news.guarded);
	/* It was good for one. */
	begin(r, &s, 2, r->code);
	hear_error(r, "no-code");
}

static void what_cannot_be_stored_is_nothing(void **state)
{
	struct rig *r = *state;
	struct sleeper s;
	struct ipc_message m;

	open_code(r);
	begin(r, &s, 1, r->code);
	assert_true(go_on(r, &s));
	say_tag(r, &s);
	hear(r->monitor, IPC_PAIR, &m, NULL);
	m = (struct ipc_message){ .kind = IPC_PAIR_STORED, .request = m.request };
	m.result.code = RESULT_FULL;
	memcpy(m.result.text, "no space", sizeof("no space"));
	engine_pair_stored(&r->engine, &m);
	hear_error(r, "failed");
	hear_closed(r);
	hear_news(r, PAIR_FAILED, 0);
}

static void three_tries(void **state)
{
	struct rig *r = *state;
	struct sleeper s;

	open_code(r);
	try_another(r, 1, 2);
	try_another(r, 2, 1);
	try_another(r, 3, 0);
	hear_closed(r);
	hear_news(r, PAIR_SPENT, 0);
	begin(r, &s, 4, r->code);
	hear_error(r, "code-spent");
}

/* Who has the code says the MAC: its person hears which machine that is, and that it was guarded before. */
static void a_guarded_machine_is_said(void **state)
{
	struct rig *r = *state;
	struct spec spec = { .origin = SPEC_ADDED,
			     .mac = { { 2, 0, 0, 0, 0, 5 } },
			     .name = "storage" };
	void *memory = calloc(1, machine_size(&spec));
	struct machine *m = machine_place(memory, &spec, 3);
	struct sleeper s;
	uint32_t request;

	home_add(r->engine.home, m, 0, NULL, r->now);
	open_code(r);
	request = prove(r, &s, 1);
	stored(r, request, RESULT_OK);
	hear_paired(r, &s);
	hear_closed(r);
	hear_news(r, PAIR_DONE, 0);
	assert_string_equal(r->news.name, "storage");
	assert_true(r->news.guarded);
	home_remove(r->engine.home, m, r->now);
	free(memory);
}

static void cancel(struct rig *r)
{
	struct ipc_message m = { .kind = IPC_PAIR_CANCEL };

	say(r, &m);
	hear_closed(r);
}

/* Ctrl-C while the disk is busy: the guard has the pairing then, and so must its machine. */
static void proved_is_paired_though_the_code_is_closed(void **state)
{
	struct rig *r = *state;
	struct ipc_message gone = { .kind = IPC_LEASE_GONE, .id = 3 };
	struct sleeper s, late, waiting;
	uint32_t request;

	open_code(r);
	begin(r, &waiting, 2, r->code);
	assert_true(go_on(r, &waiting));
	request = prove(r, &s, 1);
	cancel(r);
	hear_error(r, "code-spent"); /* to the one that waits */
	hears_nothing(r->control);
	/* Its end is not that of the next code. */
	open_code(r);
	stored(r, request, RESULT_OK);
	hear_paired(r, &s);
	hears_nothing(r->control);
	hears_nothing(r->monitor);
	/* It went away meanwhile, and the disk is full. */
	request = prove(r, &late, 3);
	say(r, &gone);
	cancel(r);
	stored(r, request, RESULT_FULL);
	hears_nothing(r->control);
	open_code(r);
	(void)prove(r, &s, 4);
}

static void proved_in_time_does_not_expire(void **state)
{
	struct rig *r = *state;
	struct sleeper s;
	uint32_t request;

	open_code(r);
	request = prove(r, &s, 1);
	r->now.us += 6 * MINUTE;
	assert_true(engine_lease_due(&r->engine) == NEVER);
	engine_lease_tick(&r->engine, r->now);
	hears_nothing(r->control);
	stored(r, request, RESULT_OK);
	hear_paired(r, &s);
	hear_closed(r);
	hear_news(r, PAIR_DONE, 0);
}

static void a_code_is_good_for_one(void **state)
{
	struct rig *r = *state;
	struct sleeper first, second;
	uint32_t request;

	open_code(r);
	begin(r, &second, 2, r->code);
	assert_true(go_on(r, &second));
	request = prove(r, &first, 1);
	say_tag(r, &second);
	hear_error(r, "code-spent");
	hears_nothing(r->monitor);
	stored(r, request, RESULT_OK);
	hear_paired(r, &first);
	hear_closed(r);
	hear_news(r, PAIR_DONE, 0);
}

/* No element: seen before anything is computed, asked or spent. */
static void a_share_that_is_none_costs_nothing(void **state)
{
	static const uint8_t none[][PAIRING_SHARE_SIZE] = { { 0 }, { 1 }, { [31] = 0xff } };
	struct rig *r = *state;
	struct sleeper s = { .connection = 1,
			     .about = { .mac = { { 2, 0, 0, 0, 0, 5 } }, .name = "nas" } };

	open_code(r);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		say_share(r, &s, none[i]);
		hears_nothing(r->monitor);
		hear_error(r, "invalid");
	}
	try_another(r, 2, 2);
}

/* Tries are counted when the guard answers, however many are under way at once. */
static void three_at_once_are_three(void **state)
{
	struct rig *r = *state;
	struct sleeper s[4];
	struct ipc_message m;

	open_code(r);
	begin(r, &s[0], 1, "999999");
	(void)go_on(r, &s[0]);
	begin(r, &s[1], 2, "999998");
	(void)go_on(r, &s[1]);
	begin(r, &s[2], 3, r->code);
	assert_true(go_on(r, &s[2]));
	begin(r, &s[3], 4, r->code);
	hear_error(r, "code-spent");
	/* The one that began in time may end: its try is given back. */
	say_tag(r, &s[2]);
	hear(r->monitor, IPC_PAIR, &m, NULL);
}

static void a_wrong_tag_is_a_wrong_code(void **state)
{
	struct rig *r = *state;
	struct sleeper s;

	open_code(r);
	begin(r, &s, 1, r->code);
	assert_true(go_on(r, &s));
	s.outcome.tag[31] ^= 1;
	say_tag(r, &s);
	hear_error(r, "wrong-code");
	hear_news(r, PAIR_WRONG, 2);
	hears_nothing(r->monitor);
	/* The connection had its one try. */
	s.outcome.tag[31] ^= 1;
	say_tag(r, &s);
	hear_error(r, "invalid");
}

static void five_minutes(void **state)
{
	struct rig *r = *state;
	struct sleeper s, late;

	open_code(r);
	begin(r, &s, 1, r->code);
	assert_true(go_on(r, &s));
	r->now.us += 5 * MINUTE - 1000;
	engine_lease_tick(&r->engine, r->now);
	hears_nothing(r->control);
	assert_true(engine_lease_due(&r->engine) > r->now.us);
	r->now.us += 1 * MINUTE;
	assert_true(engine_lease_due(&r->engine) <= r->now.us);
	engine_lease_tick(&r->engine, r->now);
	hear_error(r, "code-spent");
	hear_closed(r);
	hear_news(r, PAIR_EXPIRED, 0);
	begin(r, &late, 2, r->code);
	hear_error(r, "code-spent");
	assert_true(engine_lease_due(&r->engine) == NEVER);
}

static void one_at_a_time(void **state)
{
	struct rig *r = *state;
	struct ipc_message m = { .kind = IPC_PAIR_PLEASE, .request = 8 };
	char code[sizeof(r->code)];
	struct sleeper s;

	begin(r, &s, 1, "123456");
	hear_error(r, "no-code");
	open_code(r);
	memcpy(code, r->code, sizeof(code));
	say(r, &m);
	hear(r->control, IPC_RESULT, &m, NULL);
	assert_int_equal(m.result.code, RESULT_BUSY);
	m = (struct ipc_message){ .kind = IPC_PAIR_CANCEL };
	say(r, &m);
	hear_closed(r);
	begin(r, &s, 2, code);
	hear_error(r, "no-code");
	open_code(r);
	assert_string_not_equal(code, r->code);
}

/* A source that is not on link costs no try, and no guess comes of it. */
static void from_elsewhere(void **state)
{
	struct rig *r = *state;
	struct ipc_message m;
	struct sleeper s;

	open_code(r);
	begin(r, &s, 1, r->code);
	hear(r->monitor, IPC_CHECK, &m, NULL);
	m = (struct ipc_message){ .kind = IPC_CHECKED, .request = m.request };
	m.result.code = RESULT_REFUSED;
	assert_true(engine_lease_checked(&r->engine, &m, r->now));
	hear_error(r, "invalid");
	try_another(r, 2, 2);
}

/* A pairing that is not known yet is not unknown: its sleeper would think that it has to be paired anew. */
static void nobody_is_judged_before_all_is_known(void **state)
{
	struct rig *r = *state;
	struct ipc_message m = { .kind = IPC_LEASE_OPENING };

	r->engine.going = false;
	m.lease_opening.connection = 1;
	m.lease_opening.peer = addr_v4((const uint8_t[]){ 192, 0, 2, 5 });
	m.lease_opening.opening = (struct lease_opening){ .kind = LEASE_OPEN_LEASE,
							  .id = "yMnKy8zNzs_Q" };
	say(r, &m);
	hears_nothing(r->control);
	hears_nothing(r->monitor);
	engine_lease_go(&r->engine);
	hear(r->control, IPC_LEASE_RESET, &(struct ipc_message){ .kind = 0 }, NULL);
	say(r, &m);
	hear_error(r, "unknown-pairing");
}

/* Its addresses were being looked at when it was paired. */
static void who_is_paired_is_not_registered_any_more(void **state)
{
	struct rig *r = *state;
	const struct pairing p = { .id = "AAAAAAAAAAAA",
				   .mac = { { 2, 0, 0, 0, 0, 5 } },
				   .name = "nas" };
	struct ipc_registration said = {
		.goodbye = true,
		.spec = { .origin = SPEC_REGISTERED,
			  .mac = p.mac,
			  .name = "nas",
			  .addresses_n = 1 },
	};
	struct ipc_message m;

	said.spec.addresses[0] = addr_v4((const uint8_t[]){ 192, 0, 2, 5 });
	assert_int_equal(engine_requests_init(&r->engine), 0);
	engine_paired(&r->engine, &p);
	engine_registration_verified(&r->engine, 9, &said, r->now);
	hears_nothing(r->monitor);
	hear(r->control, IPC_RESULT, &m, NULL);
	assert_int_equal(m.request, 9);
	assert_int_equal(m.result.code, RESULT_REFUSED);
	engine_unpaired(&r->engine, p.id);
	engine_registration_verified(&r->engine, 10, &said, r->now);
	hear(r->monitor, IPC_STORE, &m, NULL);
	m = (struct ipc_message){ .kind = IPC_REFUSED, .request = m.request };
	engine_store_refused(&r->engine, &m);
	free(r->engine.stores);
}

/* Opens a lease and proves its key; what the sleeper seals with. */
static struct lease_way hold(struct rig *r, const struct pairing *p, uint32_t connection)
{
	struct ipc_message m = { .kind = IPC_LEASE_OPENING };
	struct lease_opening o = { .kind = LEASE_OPEN_LEASE, .nonce = { 1, 2, 3 } };
	struct lease_way way, back;

	memcpy(o.id, p->id, sizeof(o.id));
	m.lease_opening.opening = o;
	m.lease_opening.connection = connection;
	m.lease_opening.peer = addr_v4((const uint8_t[]){ 192, 0, 2, 5 });
	say(r, &m);
	hear(r->monitor, IPC_CHECK, &m, NULL);
	m = (struct ipc_message){ .kind = IPC_CHECKED, .request = m.request };
	assert_true(engine_lease_checked(&r->engine, &m, r->now));
	hear(r->control, IPC_LEASE_SEND, &m, r->line);
	assert_int_equal(lease_opening_read(r->line, m.lease_line.length - 1, &o), 0);
	assert_int_equal(o.kind, LEASE_OPENED);
	lease_ways(p->key, (const uint8_t[LEASE_NONCE_SIZE]){ 1, 2, 3 }, o.nonce, &way, &back);
	return way;
}

static void say_lease(struct rig *r, struct lease_way *way, uint32_t connection,
		      const struct lease_said *said)
{
	static union {
		struct ipc_message m;
		char bytes[IPC_BYTES_MAX];
	} line;
	static char json[LEASE_LINE_MAX];
	int n;

	line.m = (struct ipc_message){ .kind = IPC_LEASE_LINE };
	line.m.lease_line.connection = connection;
	assert_true(lease_said_write(said, json, sizeof(json)) > 0);
	n = lease_seal(way, json, line.bytes + ipc_length(&line.m), LEASE_LINE_MAX);
	assert_true(n > 0);
	line.m.lease_line.length = (uint32_t)n - 1;
	say(r, &line.m);
}

/* A SecureOn password is kept where the machine is described, and nowhere else. */
static void nothing_stays_of_a_line(void **state)
{
	static const uint8_t secret[6] = { 0x5e, 0xc2, 0xe7, 0x0f, 0x91, 0xd3 };
	struct rig *r = *state;
	const struct pairing p = {
		.id = "AAAAAAAAAAAA", .mac = { { 2, 0, 0, 0, 0, 5 } }, .key = { 9 }, .name = "nas"
	};
	struct lease_said said = {
		.say = SAY_LEASE,
		.why = WHY_BOOT,
		.spec = { .origin = SPEC_REGISTERED, .mac = p.mac, .name = "nas", .addresses_n = 1 }
	};
	struct ipc_message m = { .kind = IPC_LEASE_GONE, .id = 1 };
	struct lease_way way;

	said.spec.addresses[0] = addr_v4((const uint8_t[]){ 192, 0, 2, 5 });
	said.spec.secureon.length = sizeof(secret);
	memcpy(said.spec.secureon.b, secret, sizeof(secret));
	engine_paired(&r->engine, &p);
	way = hold(r, &p, 1);
	freed_watch(secret, sizeof(secret));
	say_lease(r, &way, 1, &said);
	say(r, &m);
	hear(r->monitor, IPC_CHECK, &m, NULL);
	assert_memory_equal(m.machine.spec.secureon.b, secret, sizeof(secret));
	assert_int_equal(freed_seen, 0);
	freed_watch_nothing();
	engine_unpaired(&r->engine, p.id);
}

#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(pairs),
		RIG_TEST(what_cannot_be_stored_is_nothing),
		RIG_TEST(a_guarded_machine_is_said),
		RIG_TEST(proved_is_paired_though_the_code_is_closed),
		RIG_TEST(proved_in_time_does_not_expire),
		RIG_TEST(a_code_is_good_for_one),
		RIG_TEST(a_share_that_is_none_costs_nothing),
		RIG_TEST(nothing_stays_of_a_line),
		RIG_TEST(three_tries),
		RIG_TEST(three_at_once_are_three),
		RIG_TEST(a_wrong_tag_is_a_wrong_code),
		RIG_TEST(five_minutes),
		RIG_TEST(one_at_a_time),
		RIG_TEST(from_elsewhere),
		RIG_TEST(who_is_paired_is_not_registered_any_more),
		RIG_TEST(nobody_is_judged_before_all_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
