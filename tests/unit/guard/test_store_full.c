/*
 * test_store_full: a full disk (a small tmpfs in a mount namespace of its own; skipped without the power to make one):
 * said once, nothing is called stored that is not, and everything is written when there is room again.
 */
#include "store_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#define BALLAST "/ballast"

static int setup_disk(void **state)
{
	struct kit *k;

	if (kit_setup(state) < 0)
		return -1;
	k = *state;
	if (mount("tmpfs", k->folder, "tmpfs", 0, "size=64k,mode=700") < 0)
		return -1;
	return 0;
}

static int teardown_disk(void **state)
{
	struct kit *k = *state;

	(void)umount2(k->folder, MNT_DETACH);
	return kit_teardown(state);
}

static void fill(const struct kit *k)
{
	char block[512];
	int fd = open(kit_path(k, "ballast"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	memset(block, 'x', sizeof(block));
	while (write(fd, block, sizeof(block)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

static void free_space(const struct kit *k)
{
	assert_int_equal(unlink(kit_path(k, "ballast")), 0);
}

/* Adds machines until that fails; how many there are. */
static unsigned int add_until_full(struct kit *k, unsigned int i)
{
	struct spec s;
	uint32_t id;
	int r;

	do {
		s = kit_spec(i, SPEC_REGISTERED);
		r = store_put_machine(k->store, 0, &s, &id);
		i += r == 0;
	} while (r == 0);
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(store_machines(k->store), i);
	return i;
}

static void full_and_free_again(void **state)
{
	struct kit *k = *state;
	struct machine_past past = kit_past(77);
	struct event e = kit_event(1);
	struct event page[20];
	struct store_machine m;
	unsigned int n;
	uint32_t file;
	bool more;

	kit_open(k);
	(void)kit_put(k, 0, SPEC_REGISTERED);
	fill(k);
	n = add_until_full(k, 1);
	assert_int_equal(add_until_full(k, n), n);
	assert_string_equal(k->said,
			    "the state journal cannot be written (No space left on device): no "
			    "machine can be added "
			    "until it can; what changes is kept in memory and written later\n");
	/* What is never refused. */
	file = kit_put(k, 200, SPEC_FILE);
	store_put_past(k->store, 1, &past);
	store_put_past(k->store, file, &past);
	for (int i = 0; i < 10; i++)
		store_put_event(k->store, &e);
	for (int i = 0; i < 5; i++) {
		assert_true(store_dirty(k->store));
		store_sync(k->store);
	}
	assert_int_equal(store_events(k->store, 0, false, NULL, 20, page, &more), 10);
	assert_int_equal(store_machine(k->store, 1, &m), 0);
	assert_int_equal(m.past.since_wall_ms, 77);
	/* A machine that cannot be forgotten for good is not forgotten; a few short lines may still fit. */
	while (n > 2 && store_forget(k->store, n) == 0)
		n--;
	assert_int_equal(store_forget(k->store, n), -ENOSPC);
	assert_int_equal(store_machine(k->store, n, &m), 0);
	free_space(k);
	k->said[0] = 0;
	store_sync(k->store);
	assert_string_equal(k->said, "the state journal is written again\n");
	assert_false(store_dirty(k->store));
	(void)kit_put(k, 100, SPEC_REGISTERED);
	kit_reopen(k);
	assert_string_equal(k->said, "");
	assert_int_equal(store_machines(k->store), n + 2);
	assert_int_equal(store_events(k->store, 0, false, NULL, 20, page, &more), 10);
	assert_int_equal(store_machine(k->store, file, &m), 0);
	assert_int_equal(m.past.since_wall_ms, 77);
	store_close(k->store);
}

/* The disk is full already when the guard starts. */
static void full_at_the_start(void **state)
{
	struct kit *k = *state;
	struct spec s = kit_spec(1, SPEC_REGISTERED);
	uint32_t id;

	fill(k);
	kit_open(k);
	assert_non_null(
		strstr(k->said, "the state journal cannot be written (No space left on device)"));
	assert_int_equal(store_put_machine(k->store, 0, &s, &id), -ENOSPC);
	(void)kit_put(k, 200, SPEC_FILE);
	free_space(k);
	for (int i = 0; i < 20 && store_dirty(k->store); i++)
		store_sync(k->store);
	assert_non_null(strstr(k->said, "is written again"));
	(void)kit_put(k, 1, SPEC_REGISTERED);
	kit_reopen(k);
	assert_string_equal(k->said, "");
	assert_int_equal(store_machines(k->store), 2);
	store_close(k->store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(full_and_free_again, setup_disk, teardown_disk),
		cmocka_unit_test_setup_teardown(full_at_the_start, setup_disk, teardown_disk),
	};

	/* Nothing that is mounted here is seen outside. */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		printf("skipped: a mount namespace needs root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
