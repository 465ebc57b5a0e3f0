/* The code of a pairing: three tries, five minutes, one at a time, good for one. */
#include "engine_kit.h"

#include "sys/entropy.h"

#define MINUTE (60 * (uint64_t)1000000)

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
		RIG_TEST(three_tries),
		RIG_TEST(three_at_once_are_three),
		RIG_TEST(a_wrong_tag_is_a_wrong_code),
		RIG_TEST(five_minutes),
		RIG_TEST(one_at_a_time),
		RIG_TEST(from_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
