/*
 * test_store: what the state journal remembers, and what it makes of one that was cut, damaged or written by another version.
 */
#include "store_kit.h"

#include "proto/record.h"

#include <errno.h>

static void remembers(void **state)
{
	struct kit *k = *state;
	struct spec added = kit_spec(1, SPEC_ADDED);
	struct machine_past past = kit_past(17);
	struct event events[4];
	struct event e = kit_event(1);
	struct store_machine m;
	uint32_t id = 0;
	bool more = true;

	kit_open(k);
	assert_string_equal(k->said, "");
	assert_int_equal(store_put_machine(k->store, 0, &added, &id), 0);
	assert_int_equal(id, 1);
	store_put_past(k->store, id, &past);
	store_put_event(k->store, &e);
	assert_int_equal(e.id, 1);
	assert_true(store_dirty(k->store));
	store_sync(k->store);
	assert_false(store_dirty(k->store));
	assert_int_equal(kit_put(k, 2, SPEC_REGISTERED), 2);
	kit_reopen(k);
	assert_string_equal(k->said, "");
	assert_int_equal(store_machines(k->store), 2);
	assert_true(store_next(k->store, 0, &m));
	assert_int_equal(m.id, 1);
	assert_memory_equal(&m.spec, &added, sizeof(added));
	assert_true(m.has_past);
	past.slept_since_ms = past.since_wall_ms;
	assert_memory_equal(&m.past, &past, sizeof(past));
	assert_true(store_next(k->store, m.id, &m));
	assert_int_equal(m.id, 2);
	assert_false(m.has_past);
	assert_false(store_next(k->store, m.id, &m));
	assert_int_equal(store_by_name(k->store, "m2"), 2);
	assert_int_equal(store_by_mac(k->store, &added.mac), 1);
	assert_int_equal(store_by_name(k->store, "m3"), 0);
	assert_int_equal(store_events(k->store, 0, false, NULL, 4, events, &more), 1);
	assert_false(more);
	assert_memory_equal(&events[0], &e, sizeof(e));
	store_close(k->store);
}

static void changes(void **state)
{
	struct kit *k = *state;
	struct spec s = kit_spec(1, SPEC_ADDED);
	struct machine_past past = kit_past(5);
	struct store_machine m;
	uint32_t id;
	size_t n;
	size_t same;

	kit_open(k);
	id = kit_put(k, 1, SPEC_ADDED);
	store_put_past(k->store, id, &past);
	(void)kit_put(k, 2, SPEC_ADDED);
	/* What is the same costs nothing. */
	free(kit_read(k, "journal", &n));
	assert_int_equal(store_put_machine(k->store, id, &s, &id), 0);
	free(kit_read(k, "journal", &same));
	assert_int_equal(same, n);
	strcpy(s.name, "new name");
	s.mac.b[0] = 6;
	assert_int_equal(store_put_machine(k->store, id, &s, &id), 0);
	assert_int_equal(store_by_name(k->store, "m1"), 0);
	kit_reopen(k);
	assert_int_equal(store_by_name(k->store, "new name"), id);
	assert_int_equal(store_machine(k->store, id, &m), 0);
	assert_int_equal(m.past.since_wall_ms, 5);
	/* A name or a MAC belongs to one. */
	strcpy(s.name, "m2");
	assert_int_equal(store_put_machine(k->store, id, &s, &id), -EEXIST);
	assert_int_equal(store_put_machine(k->store, 0, &s, &id), -EEXIST);
	strcpy(s.name, "m3");
	assert_int_equal(store_put_machine(k->store, 0, &s, &id), -EEXIST);
	assert_int_equal(store_put_machine(k->store, 77, &s, &id), -ENOENT);
	assert_int_equal(store_machines(k->store), 2);
	store_close(k->store);
}

static void ids_are_never_used_again(void **state)
{
	struct kit *k = *state;
	struct machine_past past = kit_past(0);
	uint32_t last = 0;
	size_t n;

	kit_open(k);
	for (unsigned int i = 1; i <= 5; i++) {
		uint32_t id = kit_put(k, i, SPEC_ADDED);

		assert_true(id > last);
		last = id;
		assert_int_equal(store_forget(k->store, id), 0);
		assert_int_equal(store_forget(k->store, id), -ENOENT);
		kit_reopen(k);
		assert_int_equal(store_machines(k->store), 0);
	}
	/* Not after a compaction either, which leaves nothing of them. */
	last = kit_put(k, 6, SPEC_ADDED);
	for (past.since_wall_ms = 0; past.since_wall_ms < 40000; past.since_wall_ms++)
		store_put_past(k->store, last, &past);
	assert_int_equal(store_forget(k->store, last), 0);
	store_sync(k->store);
	for (int i = 0; i < 3; i++)
		kit_reopen(k);
	free(kit_read(k, "journal", &n));
	assert_true(n < 1000);
	assert_int_equal(kit_put(k, 7, SPEC_ADDED), last + 1);
	store_close(k->store);
}

static void stays_small(void **state)
{
	struct kit *k = *state;
	struct store_machine m;
	struct event page[2];
	struct stat st;
	off_t largest = 0;
	bool more;

	kit_open(k);
	for (unsigned int i = 0; i < 100; i++)
		(void)kit_put(k, i, SPEC_ADDED);
	for (unsigned int i = 0; i < 100000; i++) {
		struct machine_past past = kit_past(i);
		struct event e = kit_event(i);

		store_put_past(k->store, 1 + i % 100, &past);
		store_put_event(k->store, &e);
		if (i % 1000)
			continue;
		assert_int_equal(stat(kit_path(k, "journal"), &st), 0);
		if (st.st_size > largest)
			largest = st.st_size;
		store_sync(k->store);
	}
	assert_in_range(largest, 1 << 20, (1 << 20) + 400000);
	kit_reopen(k);
	assert_string_equal(k->said, "");
	assert_int_equal(store_machines(k->store), 100);
	for (uint32_t id = 1; id <= 100; id++) {
		assert_int_equal(store_machine(k->store, id, &m), 0);
		assert_int_equal(m.past.since_wall_ms, 99900 + id - 1);
	}
	assert_int_equal(store_events(k->store, 0, false, NULL, 2, page, &more), 2);
	assert_int_equal(page[0].id, 100000 - STORE_EVENTS + 1);
	store_close(k->store);
}

static void pages_of_events(void **state)
{
	struct kit *k = *state;
	struct event page[100];
	uint32_t id;
	bool more;

	kit_open(k);
	id = kit_put(k, 1, SPEC_ADDED);
	for (unsigned int i = 1; i <= 2500; i++) {
		struct event e = kit_event(i % 5);

		store_put_event(k->store, &e);
		assert_int_equal(e.id, i);
	}
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(store_events(k->store, 0, true, NULL, 100, page, &more), 100);
		assert_true(more);
		assert_int_equal(page[0].id, 2401);
		assert_int_equal(page[99].id, 2500);
		assert_int_equal(store_events(k->store, 2401, true, "m3", 100, page, &more), 100);
		assert_int_equal(page[99].id, 2398);
		assert_int_equal(page[0].id, 1903);
		assert_true(more);
		assert_int_equal(store_events(k->store, 1600, true, "m3", 100, page, &more), 20);
		assert_false(more);
		/* The last 1000. */
		assert_int_equal(store_events(k->store, 0, false, "", 100, page, &more), 100);
		assert_int_equal(page[0].id, 1501);
		assert_true(more);
		assert_int_equal(store_events(k->store, 2497, false, NULL, 100, page, &more), 3);
		assert_int_equal(page[0].id, 2498);
		assert_false(more);
		assert_int_equal(store_events(k->store, 2400, false, NULL, 100, page, &more), 100);
		assert_false(more);
		assert_int_equal(store_events(k->store, 2490, false, "m1", 1, page, &more), 1);
		assert_int_equal(page[0].id, 2491);
		assert_true(more);
		assert_int_equal(store_events(k->store, 0, true, "nobody", 100, page, &more), 0);
		assert_false(more);
		/* The second time they are read from a journal that was written anew. */
		for (uint64_t i = 0; i < 40000; i++) {
			struct machine_past past = kit_past(i);

			store_put_past(k->store, id, &past);
		}
		store_sync(k->store);
		kit_reopen(k);
	}
	store_close(k->store);
}

static void one_at_a_time(void **state)
{
	struct kit *k = *state;
	struct kit other = *k;

	kit_open(k);
	assert_int_equal(kit_try_open(&other), -EBUSY);
	assert_non_null(strstr(other.said, "another guard (pid "));
	store_close(k->store);
	kit_open(k);
	store_close(k->store);
}

/* Cut at every length: the machines whose lines are whole are there, silently, and new ones can be added. */
static void torn_at_every_length(void **state)
{
	struct kit *k = *state;
	size_t n;
	char *whole;

	kit_open(k);
	for (unsigned int i = 1; i <= 3; i++)
		(void)kit_put(k, i, SPEC_ADDED);
	store_close(k->store);
	whole = kit_read(k, "journal", &n);
	for (size_t cut = 0; cut <= n; cut++) {
		size_t lines = 0;

		for (size_t i = 0; i < cut; i++)
			lines += whole[i] == '\n';
		kit_write(k, "journal", whole, cut);
		kit_open(k);
		assert_string_equal(k->said, "");
		/* The first two lines are the header and the ids. */
		assert_int_equal(store_machines(k->store), lines > 2 ? lines - 2 : 0);
		(void)kit_put(k, 9, SPEC_ADDED);
		kit_reopen(k);
		assert_string_equal(k->said, "");
		assert_int_not_equal(store_by_name(k->store, "m9"), 0);
		store_close(k->store);
	}
	free(whole);
}

static void damaged_in_the_middle(void **state)
{
	struct kit *k = *state;
	struct store_machine m;
	size_t n;
	size_t bad_n;
	char *whole;
	char *bad;

	kit_open(k);
	for (unsigned int i = 1; i <= 3; i++)
		(void)kit_put(k, i, SPEC_ADDED);
	store_close(k->store);
	whole = kit_read(k, "journal", &n);
	strstr(whole, "name=m2")[5] = 'x';
	kit_write(k, "journal", whole, n);
	kit_open(k);
	assert_string_equal(k->said, "journal:4: this line is damaged and left out\n"
				     "journal: 1 lines were damaged\n"
				     "the state journal is kept as journal.bad\n");
	assert_int_equal(store_machines(k->store), 2);
	assert_int_equal(store_machine(k->store, 3, &m), 0);
	bad = kit_read(k, "journal.bad", &bad_n);
	assert_int_equal(bad_n, n);
	assert_memory_equal(bad, whole, n);
	kit_reopen(k);
	assert_string_equal(k->said, "");
	assert_int_equal(store_machines(k->store), 2);
	store_close(k->store);
	free(whole);
	free(bad);
}

static void not_a_journal(void **state)
{
	static const char newer[] = "rouse-journal 2\nsomething\n";
	struct kit *k = *state;
	size_t n;
	char *bad;

	kit_write(k, "journal", newer, sizeof(newer) - 1);
	kit_open(k);
	assert_non_null(strstr(k->said, "journal:1: this is no state journal of this version"));
	(void)kit_put(k, 1, SPEC_ADDED);
	bad = kit_read(k, "journal.bad", &n);
	assert_string_equal(bad, newer);
	free(bad);
	kit_reopen(k);
	assert_string_equal(k->said, "");
	assert_int_equal(store_machines(k->store), 1);
	store_close(k->store);
	/* Something that cannot be read at all. */
	assert_int_equal(unlink(kit_path(k, "journal")), 0);
	assert_int_equal(unlink(kit_path(k, "journal.bad")), 0);
	assert_int_equal(mkdir(kit_path(k, "journal"), 0700), 0);
	kit_open(k);
	assert_non_null(strstr(k->said, "the state journal cannot be read (Invalid argument)"));
	assert_non_null(strstr(k->said, "it is kept as journal.bad"));
	(void)kit_put(k, 1, SPEC_ADDED);
	kit_reopen(k);
	assert_string_equal(k->said, "");
	assert_int_equal(store_machines(k->store), 1);
	store_close(k->store);
}

/* Without a folder nothing survives, but everything else works. */
static void no_folder(void **state)
{
	struct kit *k = *state;
	struct kit lost = { .folder = "/nonexistent/rouse/state" };
	struct spec s = kit_spec(1, SPEC_ADDED);
	struct event e = kit_event(1);
	struct event page[2];
	uint32_t id;
	bool more;

	(void)k;
	kit_open(&lost);
	assert_non_null(strstr(lost.said, "cannot be opened (No such file or directory)"));
	assert_int_equal(store_put_machine(lost.store, 0, &s, &id), -ENOENT);
	assert_int_equal(kit_put(&lost, 2, SPEC_FILE), 1);
	store_put_event(lost.store, &e);
	assert_int_equal(store_events(lost.store, 0, false, NULL, 2, page, &more), 1);
	assert_false(store_dirty(lost.store));
	store_close(lost.store);
}

/* A journal as version 0.1.0 wrote it, with what a later version might add. It is never changed, only added to. */
static void version_1(void **state)
{
	struct kit *k = *state;
	struct kit sample;
	struct store_machine m;
	struct event page[10];
	struct rule r;
	char *bytes;
	char *now;
	size_t n;
	bool more;

	strcpy(sample.folder, JOURNALS);
	bytes = kit_read(&sample, "journal-v1", &n);
	kit_write(k, "journal", bytes, n);
	kit_open(k);
	assert_string_equal(k->said, "journal: 2 lines of a newer version are left out\n");
	assert_int_equal(store_machines(k->store), 2);
	assert_int_equal(store_machine(k->store, store_by_name(k->store, "my nas"), &m), 0);
	assert_int_equal(m.id, 3);
	assert_int_equal(m.spec.origin, SPEC_REGISTERED);
	assert_int_equal(m.spec.addresses_n, 2);
	assert_int_equal(m.spec.rules_n, 3);
	assert_int_equal(rule_parse("tcp/8000-8010", &r), 0);
	assert_int_equal(m.spec.rules[1].first, r.first);
	assert_int_equal(m.spec.rules[2].address, 1);
	assert_int_equal(m.spec.from_n, 2);
	assert_int_equal(m.spec.ignore_n, 1);
	assert_int_equal(m.spec.secureon.length, 6);
	assert_int_equal(m.past.state, MACHINE_ASLEEP);
	assert_int_equal(m.past.last_wake.by, BY_KNOCK);
	assert_int_equal(m.past.last_wake.knock, KNOCK_TCP_DATA);
	assert_int_equal(m.past.last_wake.awake_us, 6400000);
	assert_int_equal(store_events(k->store, 0, false, "my nas", 10, page, &more), 3);
	assert_int_equal(page[2].kind, EVENT_READY);
	assert_int_equal(page[2].replayed, 2);
	assert_int_equal(kit_put(k, 1, SPEC_ADDED), 12);
	/* Keys that are not known here survive a rewrite. */
	for (unsigned int i = 0; i < 40000; i++) {
		struct machine_past past = kit_past(i);

		store_put_past(k->store, 12, &past);
	}
	store_close(k->store);
	free(bytes);
	bytes = kit_read(k, "journal", &n);
	assert_true(n < 10000);
	assert_non_null(strstr(bytes, " colour=blue"));
	free(bytes);
	now = kit_read(&sample, "journal-v1", &n);
	assert_non_null(strstr(now, "rouse-journal 1\n"));
	free(now);
}

static void ten_thousand_machines(void **state)
{
	struct kit *k = *state;
	struct store_machine m;
	uint32_t id = 0;
	size_t n = 0;

	kit_open(k);
	for (unsigned int i = 1; i <= 10000; i++)
		(void)kit_put(k, i, SPEC_REGISTERED);
	kit_reopen(k);
	while (store_next(k->store, id, &m)) {
		n++;
		id = m.id;
		assert_int_equal(store_by_name(k->store, m.spec.name), id);
		assert_int_equal(store_by_mac(k->store, &m.spec.mac), id);
	}
	assert_int_equal(n, 10000);
	store_close(k->store);
}

static struct grant some_grant(unsigned int i)
{
	struct grant g = { .kind = RELAY_LINK,
			   .can = RELAY_CAN_SEE | RELAY_CAN_WAKE,
			   .machines_n = 2,
			   .machines = { 7, UINT32_MAX },
			   .made_ms = 1700000000000,
			   .name = "Ann's phone" };
	uint8_t id[RELAY_GRANT_SIZE] = { (uint8_t)i, (uint8_t)(i >> 8) };

	b64_encode(id, sizeof(id), g.id);
	memset(g.hash, 1 + (int)i % 200, sizeof(g.hash));
	memset(g.request, 0x22, sizeof(g.request));
	memset(g.answer, 0x33, sizeof(g.answer));
	return g;
}

static void keeps_grants_and_the_relay(void **state)
{
	struct kit *k = *state;
	struct relay_joined joined = { .origin = "https://relay.example", .name = "Home" };
	struct grant g = some_grant(0);
	struct grant phrase = some_grant(1);
	struct stat st;

	phrase.kind = RELAY_PHRASE;
	phrase.all = 1;
	phrase.machines_n = 0;
	memset(phrase.machines, 0, sizeof(phrase.machines));
	memcpy(phrase.label, "nas", 4);
	memset(phrase.salt, 0x44, sizeof(phrase.salt));
	kit_open(k);
	assert_null(store_grant(k->store, 0));
	assert_int_equal(store_put_grant(k->store, &g), 0);
	assert_int_equal(store_put_grant(k->store, &phrase), 0);
	assert_int_equal(store_put_relay(k->store, &joined), 0);
	for (int rewritten = 0; rewritten < 2; rewritten++) {
		kit_reopen(k);
		assert_memory_equal(store_grant(k->store, 0), &g, sizeof(g));
		assert_memory_equal(store_grant(k->store, 1), &phrase, sizeof(phrase));
		assert_null(store_grant(k->store, 2));
		assert_string_equal(store_relay(k->store)->origin, joined.origin);
		assert_string_equal(store_relay(k->store)->name, joined.name);
		for (unsigned int i = 0; !rewritten && i < 40000; i++) {
			struct machine_past past = kit_past(i);

			if (i == 0)
				(void)kit_put(k, 1, SPEC_ADDED);
			store_put_past(k->store, 1, &past);
			if (i % 1000 == 0)
				store_sync(k->store);
		}
	}
	assert_int_equal(stat(kit_path(k, "journal"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(st.st_size < 2 << 20);
	assert_int_equal(store_revoke(k->store, g.id), 0);
	assert_int_equal(store_revoke(k->store, g.id), -ENOENT);
	joined.origin[0] = 0;
	assert_int_equal(store_put_relay(k->store, &joined), 0);
	kit_reopen(k);
	assert_string_equal(store_grant(k->store, 0)->id, phrase.id);
	assert_null(store_grant(k->store, 1));
	assert_string_equal(store_relay(k->store)->origin, "");
	store_close(k->store);
}

static void grants_are_limited(void **state)
{
	struct kit *k = *state;
	struct grant g;

	kit_open(k);
	for (unsigned int i = 0; i < GRANTS_MAX; i++) {
		g = some_grant(i);
		assert_int_equal(store_put_grant(k->store, &g), 0);
	}
	g = some_grant(GRANTS_MAX);
	assert_int_equal(store_put_grant(k->store, &g), -ENOSPC);
	kit_reopen(k);
	assert_non_null(store_grant(k->store, GRANTS_MAX - 1));
	store_close(k->store);
}

static void counts_sleep(void **state)
{
	struct kit *k = *state;
	struct store_machine m;
	struct machine_past past = kit_past(1000000);

	kit_open(k);
	(void)kit_put(k, 1, SPEC_ADDED);
	store_put_past(k->store, 1, &past); /* asleep since 1000 s */
	store_put_past(k->store, 1, &past);
	past.state = MACHINE_AWAKE;
	past.since_wall_ms = 1060000;
	store_put_past(k->store, 1, &past);
	past.state = MACHINE_ASLEEP;
	past.since_wall_ms = 1100000;
	store_put_past(k->store, 1, &past);
	kit_reopen(k);
	past.state = MACHINE_WAKING;
	past.since_wall_ms = 1107000;
	store_put_past(k->store, 1, &past);
	past.state = MACHINE_AWAKE;
	past.since_wall_ms = 1108000;
	store_put_past(k->store, 1, &past);
	assert_int_equal(store_machine(k->store, 1, &m), 0);
	assert_int_equal(m.past.slept_since_ms, 1000000);
	assert_int_equal(m.past.slept_ms, 67000);
	store_close(k->store);
}

#define KIT_TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(remembers),
		KIT_TEST(changes),
		KIT_TEST(ids_are_never_used_again),
		KIT_TEST(stays_small),
		KIT_TEST(pages_of_events),
		KIT_TEST(one_at_a_time),
		KIT_TEST(torn_at_every_length),
		KIT_TEST(damaged_in_the_middle),
		KIT_TEST(not_a_journal),
		KIT_TEST(no_folder),
		KIT_TEST(version_1),
		KIT_TEST(ten_thousand_machines),
		KIT_TEST(keeps_grants_and_the_relay),
		KIT_TEST(grants_are_limited),
		KIT_TEST(counts_sleep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
