/*
 * test_store: the conformance test of store.h, and its migrations from every earlier schema, interrupted at every statement.
 */
#include "relay/store.h"

#include "proto/keys.h"
#include "relay/db.h"
#include "relay/store_schema.h"
#include "sys/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/rouse-store-XXXXXX";
static char path[64];
static struct loop *loop;
static struct store *store;
static const uint8_t key[RELAY_KEY_SIZE] = "the public key of a guard......";
static uint8_t home[RELAY_HOME_SIZE];
static int results[64];
static size_t results_n;

static void on_changed(void *context, enum store_state now)
{
	(void)context, (void)now;
}

static void start(void)
{
	const struct store_listener listener = { on_changed, NULL };
	char problem[STORE_PROBLEM] = "";

	assert_int_equal(loop_new(&loop), 0);
	if (store_open(path, loop, 32, &listener, &store, problem) < 0)
		fail_msg("%s", problem);
}

static void stop(void)
{
	store_close(store);
	loop_free(loop);
	store = NULL;
}

static void forget_files(void)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
	char name[80];

	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		(void)unlink(name);
	}
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder) || keys_init() < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/relay.db", folder);
	relay_home_of(key, home);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	forget_files();
	return rmdir(folder);
}

static void on_done(struct store_op *op)
{
	results[results_n++] = op->result;
}

/* Hands it in and waits; its result. */
static int finish(struct store_op *op)
{
	uint64_t began = clock_monotonic_us();

	op->done = on_done;
	results_n = 0;
	store_submit(store, op);
	while (results_n == 0 && clock_monotonic_us() - began < 10000000)
		assert_int_equal(loop_run_once(loop, 100000), 0);
	assert_int_equal(results_n, 1);
	return results[0];
}

static struct store_op *op_new(enum store_kind kind)
{
	struct store_op *op = store_op_new(kind, home);

	assert_non_null(op);
	op->now_ms = 1000;
	return op;
}

static int join(const uint8_t *invitation)
{
	struct store_op *op = op_new(STORE_JOIN);

	op->join = calloc(1, sizeof(*op->join));
	assert_non_null(op->join);
	memcpy(op->join->key, key, sizeof(key));
	strcpy(op->join->name, "Home");
	strcpy(op->join->guard, "test/1");
	op->join->invited = invitation != NULL;
	if (invitation)
		memcpy(op->join->invitation, invitation, RELAY_KEY_SIZE);
	return finish(op);
}

static struct relay_grant grant_of(const char *id, uint8_t kind, uint8_t hash)
{
	struct relay_grant g = { .kind = kind, .can = RELAY_CAN_WAKE, .expires_ms = RELAY_NULL };

	strcpy(g.id, id);
	memset(g.hash, hash, sizeof(g.hash));
	return g;
}

static void invitations(void **state)
{
	static const uint8_t good[RELAY_KEY_SIZE] = "good", old[RELAY_KEY_SIZE] = "old",
			     none[RELAY_KEY_SIZE] = "no";
	char problem[STORE_PROBLEM];
	struct store_admin *a;
	struct store_home h;

	(void)state;
	start();
	assert_int_equal(store_admin_open(path, &a, problem), 0);
	assert_int_equal(store_admin_invite(a, good, "Ann", 500, 2000), 0);
	assert_int_equal(store_admin_invite(a, old, NULL, 500, 1000), 0);
	assert_true(store_admin_invite(a, old, NULL, 500, 1000) < 0);
	assert_int_equal(join(none), STORE_INVITATION_UNKNOWN);
	assert_int_equal(join(old), STORE_INVITATION_EXPIRED);
	assert_int_equal(store_find_home(store, home, &h), 0);
	assert_int_equal(join(good), 0);
	assert_int_equal(store_find_home(store, home, &h), 1);
	assert_string_equal(h.name, "Home");
	assert_memory_equal(h.key, key, sizeof(key));
	/* Known by now: nothing is used up or asked for. */
	assert_int_equal(join(none), 0);
	assert_int_equal(store_admin_remove(a, home, 3000), 1);
	assert_int_equal(store_admin_remove(a, home, 3000), 0);
	assert_int_equal(join(good), STORE_INVITATION_USED);
	assert_int_equal(store_find_removal(store, h.home), 1);
	assert_memory_equal(h.home, home, sizeof(home));
	assert_int_equal(finish(op_new(STORE_FORGET_REMOVAL)), 0);
	assert_int_equal(store_find_removal(store, h.home), 0);
	assert_int_equal(join(NULL), 0);
	store_admin_close(a);
	stop();
}

static void machines_and_grants(void **state)
{
	static struct store_grant found;
	struct relay_grant link = grant_of("AAAAAAAAAAAA", RELAY_LINK, 1);
	struct relay_grant plain = grant_of("BBBBBBBBBBBB", RELAY_PLAIN, 2);
	struct relay_grant phrase = grant_of("CCCCCCCCCCCC", RELAY_PHRASE, 3);
	uint8_t salt[RELAY_NONCE_SIZE], hash[RELAY_KEY_SIZE];
	char id[RELAY_GRANT_TEXT];
	struct store_op *op = op_new(STORE_MACHINES);
	struct buffer list = { 0 };

	(void)state;
	start();
	store_op_add_row(op, 7, "{\"id\":7}", 8);
	store_op_add_row(op, 9, "{\"id\":9}", 8);
	assert_int_equal(finish(op), 0);
	link.machines_n = 1;
	link.machines[0] = 9;
	strcpy(phrase.label, "Office PC");
	phrase.all = plain.all = true;
	op = op_new(STORE_GRANTS);
	store_op_add_grant(op, &link);
	store_op_add_grant(op, &plain);
	store_op_add_grant(op, &phrase);
	assert_int_equal(finish(op), 0);

	memset(hash, 1, sizeof(hash));
	assert_int_equal(store_find_view(store, home, hash, &found), 1);
	assert_string_equal(found.id, link.id);
	assert_true(!found.all && store_grant_covers(&found, 9) && !store_grant_covers(&found, 7));
	assert_int_equal(store_list_machines(store, &found, &list), 0);
	buffer_bytes(&list, "", 1);
	assert_string_equal(list.start, "{\"id\":9}");
	assert_int_equal(store_find_token(store, hash, &found), 0);
	memset(hash, 2, sizeof(hash));
	assert_int_equal(store_find_view(store, home, hash, &found), 0);
	for (int i = 0; i < 2; i++) { /* the second time from the cache */
		assert_int_equal(store_find_token(store, hash, &found), 1);
		assert_string_equal(found.id, plain.id);
		assert_memory_equal(found.home, home, sizeof(home));
	}
	assert_int_equal(store_find_label(store, home, "OFFICE pc", id, salt), 1);
	assert_string_equal(id, phrase.id);
	assert_int_equal(store_find_label(store, home, "office", id, salt), 0);

	/* Revoked: also what the cache knew. */
	op = op_new(STORE_GRANTS);
	store_op_add_grant(op, &link);
	assert_int_equal(finish(op), 0);
	assert_int_equal(store_find_token(store, hash, &found), 0);
	assert_int_equal(store_find_label(store, home, "office pc", id, salt), 0);
	op = op_new(STORE_MACHINE_GONE);
	op->number = 9;
	assert_int_equal(finish(op), 0);
	list.used = 0;
	memset(hash, 1, sizeof(hash));
	assert_int_equal(store_find_view(store, home, hash, &found), 1);
	assert_int_equal(store_list_machines(store, &found, &list), 0);
	assert_int_equal(list.used, 0);
	/* The same list again is the same, although the one before was changed in between. */
	op = op_new(STORE_MACHINES);
	store_op_add_row(op, 7, "{\"id\":7}", 8);
	store_op_add_row(op, 9, "{\"id\":9}", 8);
	assert_int_equal(finish(op), 0);
	assert_int_equal(store_list_machines(store, &found, &list), 0);
	assert_int_equal(list.used, 8);
	buffer_done(&list);
	stop();
}

static void events(void **state)
{
	static struct store_grant g;
	struct buffer list = { 0 };
	struct store_home h;
	char json[32];

	(void)state;
	start();
	for (uint64_t i = 1; i <= 100; i++) {
		struct store_op *op = op_new(STORE_EVENT);

		op->number = i;
		store_op_add_row(op, i % 2 ? 1 : 0, json,
				 (size_t)snprintf(json, sizeof(json), "%d", (int)i));
		assert_int_equal(finish(op), 0);
	}
	assert_int_equal(store_find_home(store, home, &h), 1);
	assert_int_equal(h.last_event, 100);
	g.row = h.row;
	g.all = true;
	assert_int_equal(store_list_events(store, &g, RELAY_NULL, 3, &list), 0);
	buffer_bytes(&list, "", 1);
	assert_string_equal(list.start, "98,99,100");
	list.used = 0;
	assert_int_equal(store_list_events(store, &g, 97, 2, &list), 0);
	buffer_bytes(&list, "", 1);
	assert_string_equal(list.start, "98,99");
	/* About the last 32 are kept. */
	list.used = 0;
	assert_int_equal(store_list_events(store, &g, 0, 1, &list), 0);
	buffer_bytes(&list, "", 1);
	assert_in_range(atoi(list.start), 60, 70);
	/* A grant for one machine does not see what concerns none. */
	list.used = 0;
	g.all = false;
	g.machines_n = 1;
	g.machines[0] = 1;
	assert_int_equal(store_list_events(store, &g, RELAY_NULL, 2, &list), 0);
	buffer_bytes(&list, "", 1);
	assert_string_equal(list.start, "97,99");
	buffer_done(&list);
	stop();
}

static void survives_and_leaves(void **state)
{
	uint8_t secret[32], hash[RELAY_KEY_SIZE];
	static struct store_grant g;
	struct store_home h;

	(void)state;
	start();
	memcpy(secret, store_secret(store), sizeof(secret));
	stop();
	start();
	assert_memory_equal(store_secret(store), secret, sizeof(secret));
	assert_int_equal(store_find_home(store, home, &h), 1);
	memset(hash, 1, sizeof(hash));
	assert_int_equal(store_find_view(store, home, hash, &g), 1);
	assert_int_equal(finish(op_new(STORE_LEAVE)), 0);
	assert_int_equal(store_find_home(store, home, &h), 0);
	assert_int_equal(store_find_view(store, home, hash, &g), 0);
	assert_int_equal(finish(op_new(STORE_LEAVE)), -ENOENT);
	stop();
	forget_files();
}

static void two_homes_one_hash(void **state)
{
	static struct store_grant g;
	struct relay_grant plain = grant_of("BBBBBBBBBBBB", RELAY_PLAIN, 2);
	uint8_t first[RELAY_HOME_SIZE], hash[RELAY_KEY_SIZE];

	(void)state;
	start();
	memcpy(first, home, sizeof(first));
	for (int i = 0; i < 2; i++) {
		struct store_op *op;

		assert_int_equal(join(NULL), 0);
		op = op_new(STORE_GRANTS);
		store_op_add_grant(op, &plain);
		assert_int_equal(finish(op), 0);
		home[0] ^= 1;
	}
	memcpy(home, first, sizeof(home));
	memset(hash, 2, sizeof(hash));
	assert_int_equal(store_find_token(store, hash, &g), 1);
	assert_memory_equal(g.home, first, sizeof(first));
	stop();
	forget_files();
}

/* Takes the rows away behind the store's back: what it finds now it finds without looking. */
static void take_grants_away(void)
{
	struct db *d;

	assert_int_equal(db_open(path, DB_CREATE, &d), 0);
	assert_int_equal(db_run(d, "DELETE FROM grants"), 0);
	assert_true(db_changes(d) > 0);
	db_close(d);
}

static void send_tokens(const struct relay_grant *grants, size_t n)
{
	struct store_op *op = op_new(STORE_GRANTS);

	for (size_t i = 0; i < n; i++)
		store_op_add_grant(op, &grants[i]);
	assert_int_equal(finish(op), 0);
}

/*
 * A guard connects, and whoever has a token of its home uses it: the loop needs no lookup. The first time
 * only the answers are looked at; the second time, after a restart, the guard sends what is there already; the third time something new.
 */
static void tokens_without_lookup(void **state)
{
	static struct store_grant found;
	static struct relay_grant grants[4];
	uint8_t hash[RELAY_KEY_SIZE];
	struct store_home h;

	(void)state;
	grants[0] = grant_of("AAAAAAAAAAAA", RELAY_PLAIN, 1);
	grants[1] = grant_of("BBBBBBBBBBBB", RELAY_LINK, 2);
	grants[2] = grant_of("CCCCCCCCCCCC", RELAY_PLAIN, 3);
	grants[2].get = true;
	grants[2].expires_ms = 5000;
	/* Of two with one id the first counts. */
	grants[3] = grants[2];
	grants[3].can = RELAY_CAN_SEE;
	for (int i = 0; i < 3; i++) {
		start();
		if (i == 0)
			assert_int_equal(join(NULL), 0);
		assert_int_equal(store_find_home(store, home, &h), 1);
		if (i == 2)
			send_tokens(grants, 1);
		send_tokens(grants, 4);
		if (i > 0)
			take_grants_away();
		memset(hash, 2, sizeof(hash));
		assert_int_equal(store_find_token(store, hash, &found), 0);
		memset(hash, 3, sizeof(hash));
		assert_int_equal(store_find_token(store, hash, &found), 1);
		assert_string_equal(found.id, grants[2].id);
		assert_memory_equal(found.home, home, sizeof(home));
		assert_true(found.row == h.row && found.kind == RELAY_PLAIN && found.get);
		assert_true(found.can == RELAY_CAN_WAKE && found.expires_ms == 5000);
		memset(hash, 1, sizeof(hash));
		assert_int_equal(store_find_token(store, hash, &found), 1);
		assert_true(!found.get && found.expires_ms == RELAY_NULL);
		stop();
	}
	forget_files();
}

/* More tokens than there are places for their hash: those that are forgotten are looked up. */
static void more_tokens_than_places(void **state)
{
	static struct relay_grant grants[40];
	static struct store_grant found;

	(void)state;
	for (uint8_t i = 0; i < 40; i++) {
		grants[i] = grant_of("AAAAAAAAAAAA", RELAY_PLAIN, 7);
		grants[i].id[0] = (char)('A' + i);
		grants[i].hash[31] = i;
	}
	start();
	assert_int_equal(join(NULL), 0);
	send_tokens(grants, 40);
	for (int i = 0; i < 80; i++) {
		assert_int_equal(store_find_token(store, grants[i % 40].hash, &found), 1);
		assert_string_equal(found.id, grants[i % 40].id);
	}
	send_tokens(grants, 20);
	for (int i = 0; i < 40; i++)
		assert_int_equal(store_find_token(store, grants[i].hash, &found), i < 20);
	stop();
	forget_files();
}

/* --- migrations --- */

struct power_cut {
	int after; /* statements; negative: never */
	int seen;
};

static bool count_down(void *context, int step, int statement)
{
	struct power_cut *cut = context;

	(void)step, (void)statement;
	return cut->after < 0 || cut->seen++ < cut->after;
}

static void fill(struct db *d, int version)
{
	assert_int_equal(db_run(d, "INSERT INTO homes (home, key, name, guard, created_ms, seen_ms)"
				   " VALUES (x'00', x'01', 'old', 'g', 1, 2)"),
			 0);
	if (version >= 2)
		assert_int_equal(db_run(d, "INSERT INTO machines VALUES (1, 5, '{}')"), 0);
	if (version >= 3)
		assert_int_equal(db_run(d, "INSERT INTO events VALUES (1, 6, NULL, '{}')"), 0);
}

static int64_t count(struct db *d, const char *sql)
{
	struct db_statement *s;
	int64_t n;

	assert_int_equal(db_prepare(d, sql, &s), 0);
	assert_int_equal(db_step(s), 1);
	n = db_i64(s, 0);
	db_finish(s);
	return n;
}

/* From an earlier schema, cut after so many statements, then again without a cut; false: there was nothing to cut. */
static bool migrate_with_a_cut(int version, int after)
{
	struct power_cut cut = { .after = after };
	struct db *d;
	int r;

	assert_int_equal(db_open(path, DB_CREATE, &d), 0);
	assert_int_equal(schema_migrate(d, version, NULL, NULL), 0);
	if (version >= 1)
		fill(d, version);
	r = schema_migrate(d, SCHEMA_VERSION, count_down, &cut);
	db_close(d);
	assert_true(r == 0 || r == -ECANCELED);
	assert_int_equal(db_open(path, DB_CREATE, &d), 0);
	assert_in_range(schema_version(d), version, SCHEMA_VERSION);
	assert_int_equal(schema_migrate(d, SCHEMA_VERSION, NULL, NULL), 0);
	assert_int_equal(schema_version(d), SCHEMA_VERSION);
	assert_int_equal(count(d, "SELECT count(*) FROM homes"), version >= 1);
	assert_int_equal(count(d, "SELECT count(*) FROM machines"), version >= 2);
	assert_int_equal(count(d, "SELECT count(*) FROM events"), version >= 3);
	assert_int_equal(count(d, "SELECT count(*) FROM removals"), 0);
	assert_int_equal(count(d, "SELECT count(machines_digest) FROM homes"), 0);
	db_close(d);
	start();
	stop();
	forget_files();
	return r == -ECANCELED;
}

static void migrations(void **state)
{
	(void)state;
	for (int version = 0; version <= SCHEMA_VERSION; version++) {
		int after = 0;

		while (migrate_with_a_cut(version, after))
			after++;
		/* At the very least one place to cut for each step. */
		assert_true(after >= 2 * (SCHEMA_VERSION - version));
	}
}

static void newer_and_damaged(void **state)
{
	const struct store_listener listener = { on_changed, NULL };
	char problem[STORE_PROBLEM] = "";
	struct db *d;
	FILE *file;

	(void)state;
	assert_int_equal(db_open(path, DB_CREATE, &d), 0);
	assert_int_equal(db_run(d, "PRAGMA user_version = 99"), 0);
	db_close(d);
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(store_open(path, loop, 32, &listener, &store, problem), -EPROTO);
	assert_non_null(strstr(problem, "newer"));
	forget_files();
	file = fopen(path, "w");
	assert_non_null(file);
	for (int i = 0; i < 1000; i++)
		fputs("this is no database ", file);
	fclose(file);
	assert_int_equal(store_open(path, loop, 32, &listener, &store, problem), -EUCLEAN);
	loop_free(loop);
	forget_files();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(invitations),
		cmocka_unit_test(machines_and_grants),
		cmocka_unit_test(events),
		cmocka_unit_test(survives_and_leaves),
		cmocka_unit_test(two_homes_one_hash),
		cmocka_unit_test(tokens_without_lookup),
		cmocka_unit_test(more_tokens_than_places),
		cmocka_unit_test(migrations),
		cmocka_unit_test(newer_and_damaged),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
