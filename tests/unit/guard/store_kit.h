/*
 * store_kit: what the tests of the store share: a folder of their own, an ear that remembers, machines by number.
 */
#ifndef ROUSE_TESTS_STORE_KIT_H
#define ROUSE_TESTS_STORE_KIT_H

#include "guard/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct kit {
	char folder[64];
	char said[4096]; /* what the ear heard, one line each */
	struct store *store;
};

static inline void kit_hear(void *who, const char *line)
{
	struct kit *k = who;
	size_t n = strlen(k->said);

	(void)snprintf(k->said + n, sizeof(k->said) - n, "%s\n", line);
}

static inline int kit_try_open(struct kit *k)
{
	k->said[0] = 0;
	return store_open(k->folder, (struct store_ear){ kit_hear, k }, &k->store);
}

static inline void kit_open(struct kit *k)
{
	assert_int_equal(kit_try_open(k), 0);
}

/* Closes without syncing through the store: as if it had been killed, but for the lock. */
static inline void kit_reopen(struct kit *k)
{
	store_close(k->store);
	kit_open(k);
}

static inline char *kit_path(const struct kit *k, const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", k->folder, name);
	return path;
}

static inline char *kit_read(const struct kit *k, const char *name, size_t *ret_n)
{
	FILE *f = fopen(kit_path(k, name), "rb");
	struct stat st;
	char *bytes;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	bytes = calloc(1, (size_t)st.st_size + 1);
	assert_non_null(bytes);
	*ret_n = fread(bytes, 1, (size_t)st.st_size, f);
	fclose(f);
	return bytes;
}

static inline void kit_write(const struct kit *k, const char *name, const char *bytes, size_t n)
{
	FILE *f = fopen(kit_path(k, name), "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
}

static inline int kit_setup(void **state)
{
	struct kit *k = calloc(1, sizeof(*k));

	assert_non_null(k);
	strcpy(k->folder, "/tmp/rouse-store-XXXXXX");
	assert_non_null(mkdtemp(k->folder));
	*state = k;
	return 0;
}

static inline int kit_teardown(void **state)
{
	static const char *const names[] = { "journal", "journal.bad", "journal.new", "lock" };
	struct kit *k = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (unlink(kit_path(k, names[i])) < 0)
			(void)rmdir(kit_path(k, names[i]));
	}
	(void)rmdir(k->folder);
	free(k);
	return 0;
}

/* Machine number i: its name, MAC and address say so. */
static inline struct spec kit_spec(unsigned int i, enum spec_origin origin)
{
	struct spec s = { .origin = (uint8_t)origin,
			  .mac = { { 2, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i } } };
	struct addr a = addr_v4((uint8_t[]){ 198, 51, 100, (uint8_t)i });
	struct rule r;

	(void)snprintf(s.name, sizeof(s.name), "m%u", i);
	assert_int_equal(rule_parse("tcp/22", &r), 0);
	assert_int_equal(spec_add_address(&s, &a), 0);
	assert_int_equal(spec_add_rule(&s, &r), 0);
	return s;
}

static inline uint32_t kit_put(struct kit *k, unsigned int i, enum spec_origin origin)
{
	struct spec s = kit_spec(i, origin);
	uint32_t id = 0;

	assert_int_equal(store_put_machine(k->store, 0, &s, &id), 0);
	return id;
}

static inline struct machine_past kit_past(uint64_t since)
{
	return (struct machine_past){ .state = MACHINE_ASLEEP, .since_wall_ms = since };
}

static inline struct event kit_event(unsigned int i)
{
	struct event e = { .wall_ms = 1700000000000 + i, .machine = i, .kind = EVENT_ASLEEP };

	(void)snprintf(e.name, sizeof(e.name), "m%u", i);
	return e;
}

#endif
