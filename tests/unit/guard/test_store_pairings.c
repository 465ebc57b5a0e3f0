/* Pairings in the store: they survive restarts and rewrites, one a MAC, and nothing half is kept. */
#include "store_kit.h"

#include "../freed.h"

#include <errno.h>

#define KIT_TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

static struct pairing some_pairing(unsigned int i)
{
	struct pairing p = { .mac = { { 2, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i } },
			     .since_ms = 1700000000000 + i,
			     .name = "Anna's nas" };
	uint8_t id[PAIRING_ID_SIZE] = { 7, (uint8_t)i, (uint8_t)(i >> 8) };

	b64_encode(id, sizeof(id), p.id);
	memset(p.key, 1 + (int)i % 200, sizeof(p.key));
	return p;
}

static void write_until_rewritten(struct kit *k)
{
	for (unsigned int i = 0; i < 40000; i++) {
		struct machine_past past = kit_past(i);

		if (i == 0)
			(void)kit_put(k, 1, SPEC_ADDED);
		store_put_past(k->store, 1, &past);
		if (i % 1000 == 0)
			store_sync(k->store);
	}
}

static void survive_restart_and_rewrite(void **state)
{
	struct kit *k = *state;
	struct pairing one = some_pairing(1);
	struct pairing two = some_pairing(2);
	struct stat st;

	kit_open(k);
	assert_null(store_pairing(k->store, 0));
	assert_int_equal(store_pair(k->store, &one), 0);
	assert_int_equal(store_pair(k->store, &two), 0);
	for (int rewritten = 0; rewritten < 2; rewritten++) {
		kit_reopen(k);
		assert_memory_equal(store_pairing(k->store, 0), &one, sizeof(one));
		assert_memory_equal(store_pairing(k->store, 1), &two, sizeof(two));
		assert_memory_equal(store_pairing_of(k->store, &two.mac), &two, sizeof(two));
		assert_null(store_pairing(k->store, 2));
		if (!rewritten)
			write_until_rewritten(k);
	}
	assert_int_equal(stat(kit_path(k, "journal"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(st.st_size < 2 << 20);
	store_close(k->store);
}

static void one_for_each_mac(void **state)
{
	struct kit *k = *state;
	struct pairing old = some_pairing(1);
	struct pairing new = some_pairing(2);

	new.mac = old.mac;
	kit_open(k);
	assert_int_equal(store_pair(k->store, &old), 0);
	assert_int_equal(store_pair(k->store, &new), 0);
	assert_int_equal(store_unpair(k->store, old.id), -ENOENT);
	kit_reopen(k);
	assert_memory_equal(store_pairing(k->store, 0), &new, sizeof(new));
	assert_null(store_pairing(k->store, 1));
	assert_int_equal(store_unpair(k->store, new.id), 0);
	assert_int_equal(store_unpair(k->store, new.id), -ENOENT);
	kit_reopen(k);
	assert_null(store_pairing(k->store, 0));
	assert_null(store_pairing_of(k->store, &new.mac));
	store_close(k->store);
}

static void are_limited(void **state)
{
	struct kit *k = *state;
	struct pairing p;

	kit_open(k);
	for (unsigned int i = 0; i < PAIRINGS_MAX; i++) {
		p = some_pairing(i);
		assert_int_equal(store_pair(k->store, &p), 0);
	}
	p = some_pairing(PAIRINGS_MAX);
	assert_int_equal(store_pair(k->store, &p), -ENOSPC);
	/* In place of another there is always room. */
	p.mac = some_pairing(3).mac;
	assert_int_equal(store_pair(k->store, &p), 0);
	write_until_rewritten(k);
	kit_reopen(k);
	assert_non_null(store_pairing(k->store, PAIRINGS_MAX - 1));
	assert_string_equal(store_pairing_of(k->store, &p.mac)->id, p.id);
	store_close(k->store);
}

/* Neither memory nor the lines of the journal keep a key when they are freed. */
static void leave_no_key(void **state)
{
	static const char damaged[] = "this is no line\n";
	static char text[2 * PAIRING_KEY_SIZE + 1];
	static struct pairing p, again;
	struct kit *k = *state;
	char *journal;
	size_t n;

	p = some_pairing(1);
	for (size_t i = 0; i < sizeof(p.key); i++) {
		p.key[i] = (uint8_t)(37 * i + 5);
		(void)snprintf(text + 2 * i, 3, "%02x", (unsigned int)p.key[i]);
	}
	again = p;
	again.mac.b[0] ^= 4;
	again.id[0] ^= 1;
	kit_open(k);
	freed_watch(p.key, sizeof(p.key));
	freed_watch(text, strlen(text));
	assert_int_equal(store_pair(k->store, &p), 0);
	assert_int_equal(store_unpair(k->store, p.id), 0);
	assert_int_equal(freed_seen, 0);
	assert_int_equal(store_pair(k->store, &again), 0);
	assert_int_equal(store_pair(k->store, &p), 0);
	kit_reopen(k);
	assert_int_equal(freed_seen, 0);
	assert_memory_equal(store_pairing_of(k->store, &p.mac), &p, sizeof(p));
	store_close(k->store);
	freed_secrets_n = 0;
	journal = kit_read(k, "journal", &n);
	assert_non_null(strstr(journal, text));
	free(journal);
	/* One that has to be written anew. */
	journal = kit_read(k, "journal", &n);
	journal = realloc(journal, n + sizeof(damaged));
	memcpy(journal + n, damaged, sizeof(damaged));
	kit_write(k, "journal", journal, n + strlen(damaged));
	free(journal);
	freed_secrets_n = 2;
	kit_open(k);
	assert_non_null(strstr(k->said, "damaged"));
	assert_memory_equal(store_pairing_of(k->store, &p.mac), &p, sizeof(p));
	store_close(k->store);
	assert_int_equal(freed_seen, 0);
	freed_watch_nothing();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(survive_restart_and_rewrite),
		KIT_TEST(one_for_each_mac),
		KIT_TEST(are_limited),
		KIT_TEST(leave_no_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
