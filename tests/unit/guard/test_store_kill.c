/*
 * test_store_kill: kill -9 of the writer at random instants, again and again on the same journal, compactions included.
 * Everything that was acknowledged before is there afterwards; at most the operation under way came through as well.
 */
#include "store_kit.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define ROUNDS 60
#define MACHINES 40

/* What there should be after so many operations. */
struct model {
	bool there[MACHINES];
	uint64_t since[MACHINES]; /* 0: no past */
	uint64_t events;
};

static uint64_t mix(uint64_t z)
{
	z += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* Operation number i is always the same one. */
static unsigned int machine_of(uint64_t i)
{
	return (unsigned int)(mix(i) % MACHINES);
}

static unsigned int kind_of(uint64_t i)
{
	return (unsigned int)(mix(i) >> 32) % 16;
}

static void model_do(struct model *m, uint64_t i)
{
	unsigned int k = machine_of(i);
	unsigned int kind = kind_of(i);

	if (!m->there[k]) {
		m->there[k] = true;
		m->since[k] = 0;
	} else if (kind == 0) {
		m->there[k] = false;
	} else if (kind < 10) {
		m->since[k] = i;
	} else {
		m->events++;
	}
}

static void store_do(struct kit *k, uint64_t i)
{
	char name[16];
	struct machine_past past = kit_past(i);
	struct event e = kit_event(machine_of(i));
	uint32_t id;

	(void)snprintf(name, sizeof(name), "m%u", machine_of(i));
	id = store_by_name(k->store, name);
	if (!id)
		(void)kit_put(k, machine_of(i), SPEC_REGISTERED);
	else if (kind_of(i) == 0)
		assert_int_equal(store_forget(k->store, id), 0);
	else if (kind_of(i) < 10)
		store_put_past(k->store, id, &past);
	else
		store_put_event(k->store, &e);
	if (i % 512 == 0)
		store_sync(k->store);
}

static bool agrees(const struct kit *k, const struct model *m)
{
	struct event last;
	bool more;

	for (unsigned int i = 0; i < MACHINES; i++) {
		struct spec s = kit_spec(i, SPEC_REGISTERED);
		struct store_machine found;
		int r = store_machine(k->store, store_by_name(k->store, s.name), &found);

		if ((r == 0) != m->there[i])
			return false;
		if (r < 0)
			continue;
		if (memcmp(&found.spec, &s, sizeof(s)) != 0 ||
		    (found.has_past ? found.past.since_wall_ms : 0) != m->since[i])
			return false;
	}
	return store_events(k->store, 0, true, NULL, 1, &last, &more) == (m->events ? 1 : 0) &&
	       (!m->events || last.id == m->events);
}

/* The child: operations until it is killed; each number goes into the pipe when it is done. */
static void run(struct kit *k, uint64_t i, int acknowledged)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (kit_try_open(k) < 0)
		_exit(1);
	/* The bound is for a parent that died. */
	for (uint64_t end = i + 1000000; i < end; i++) {
		store_do(k, i);
		if (write(acknowledged, &i, sizeof(i)) != sizeof(i))
			_exit(1);
	}
	_exit(1);
}

/* Lets a child work for a random time and kills it; returns how many operations are acknowledged now. */
static uint64_t kill_one(struct kit *k, uint64_t done)
{
	struct timespec nap = { .tv_nsec = (long)(mix(done ^ (uint64_t)getpid()) % 30000000) };
	uint64_t i;
	int fds[2];
	int status;
	pid_t child;

	assert_int_equal(pipe(fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(fds[0]);
		run(k, done, fds[1]);
	}
	close(fds[1]);
	/* From the first sign of work on: opening takes its time. */
	while (read(fds[0], &i, sizeof(i)) == sizeof(i)) {
		done = i + 1;
		if (nap.tv_nsec >= 0) {
			struct timespec now;

			assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
			if (nap.tv_sec == 0)
				nap = (struct timespec){ now.tv_sec + 1,
							 now.tv_nsec + nap.tv_nsec };
			if ((now.tv_sec + 1 - nap.tv_sec) * 1000000000 + now.tv_nsec >=
			    nap.tv_nsec) {
				assert_int_equal(kill(child, SIGKILL), 0);
				nap.tv_nsec = -1;
			}
		}
	}
	close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return done;
}

static void killed_again_and_again(void **state)
{
	struct kit *k = *state;
	struct model m = { .events = 0 };
	uint64_t done = 0;
	int through = 0;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t now = kill_one(k, done);

		assert_true(now > done);
		for (; done < now; done++)
			model_do(&m, done);
		kit_open(k);
		assert_string_equal(k->said, "");
		if (!agrees(k, &m)) {
			model_do(&m, done++);
			through++;
			assert_true(agrees(k, &m));
		}
		/* Not store_close(): it would sync. The lock goes with the descriptor, so it has to be. */
		store_close(k->store);
	}
	print_message("%d rounds, %llu operations, %d that were not acknowledged came through\n",
		      ROUNDS, (unsigned long long)done, through);
	/* Fewer would not have compacted anything. */
	assert_true(done > 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(killed_again_and_again, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
