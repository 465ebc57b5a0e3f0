/*
 * channel: whole messages, descriptors, a slow peer, an end, and freeing in the middle of it.
 */
#include "lab.h"

#include "../freed.h"
#include "sys/channel.h"

#include <dirent.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define MAX 1000

struct end {
	struct channel *channel;
	int messages;
	size_t length;
	char last[MAX];
	int taken; /* a descriptor kept from the last message, or -1 */
	size_t fds_n;
	bool take;
	bool free_it;
	int closed;
	int why;
	int malformed;
};

struct lab {
	struct loop *loop;
	struct end a, b;
};

static void hear(void *context, struct channel_message *m)
{
	struct end *e = context;

	e->messages++;
	e->length = m->length;
	e->fds_n = m->fds_n;
	if (e->free_it) {
		channel_free(e->channel);
		e->channel = NULL;
	}
	memcpy(e->last, m->bytes, m->length);
	if (e->take) {
		e->taken = m->fds[0];
		m->fds[0] = -1;
	}
}

static void hear_end(void *context, int why)
{
	struct end *e = context;

	e->closed++;
	e->why = why;
	if (e->free_it) {
		channel_free(e->channel);
		e->channel = NULL;
	}
}

static int setup(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	struct channel_handler a = { hear, hear_end, &lab->a }, b = { hear, hear_end, &lab->b };
	int fds[2];

	assert_int_equal(loop_new(&lab->loop), 0);
	assert_int_equal(channel_pair(fds), 0);
	assert_int_equal(channel_new(lab->loop, fds[0], MAX, 5000, &a, &lab->a.channel), 0);
	assert_int_equal(channel_new(lab->loop, fds[1], MAX, 5000, &b, &lab->b.channel), 0);
	*state = lab;
	return 0;
}

static int teardown(void **state)
{
	struct lab *lab = *state;

	channel_free(lab->a.channel);
	channel_free(lab->b.channel);
	loop_free(lab->loop);
	free(lab);
	return 0;
}

static void turn(struct lab *lab)
{
	for (int i = 0; i < 10; i++)
		loop_run_once(lab->loop, 0);
}

static int open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void test_messages(void **state)
{
	struct lab *lab = *state;

	assert_int_equal(channel_send(lab->a.channel, "one", 3, NULL, 0), 0);
	assert_int_equal(channel_send_parts(lab->a.channel, "two", 3, "three", 5), 0);
	assert_int_equal(channel_send(lab->a.channel, "", 0, NULL, 0), -EINVAL);
	assert_int_equal(channel_send(lab->a.channel, lab->a.last, MAX + 1, NULL, 0), -EINVAL);
	turn(lab);
	assert_int_equal(lab->b.messages, 2);
	assert_int_equal(lab->b.length, 8);
	assert_memory_equal(lab->b.last, "twothree", 8);
}

static void test_descriptors(void **state)
{
	struct lab *lab = *state;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int fds[] = { null, null, null, null };
	int before = open_descriptors();
	struct stat mine, theirs;

	lab->b.take = true;
	assert_int_equal(channel_send(lab->a.channel, "x", 1, fds, 4), 0);
	turn(lab);
	assert_int_equal(lab->b.fds_n, 4);
	/* One was taken; the others are closed again. */
	assert_int_equal(open_descriptors(), before + 1);
	fstat(null, &mine);
	assert_int_equal(fstat(lab->b.taken, &theirs), 0);
	assert_true(mine.st_ino == theirs.st_ino);
	assert_int_equal(fcntl(lab->b.taken, F_GETFD), FD_CLOEXEC);
	close(lab->b.taken);
	close(null);
}

static void test_slow_peer(void **state)
{
	struct lab *lab = *state;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int before = open_descriptors();
	char message[MAX] = { 0 };
	int sent = 0, r = 0;

	/* Nobody reads: first the kernel's buffer fills, then ours, then it is an error. */
	while (sent < 100000) {
		snprintf(message, sizeof(message), "%d", sent);
		r = channel_send(lab->a.channel, message, MAX, &null, 1);
		if (r < 0)
			break;
		sent++;
	}
	assert_int_equal(r, -ENOBUFS);
	assert_in_range(channel_waiting(lab->a.channel), 4 * MAX, 5 * MAX);
	assert_int_equal(open_descriptors(), before + 5);
	/* All arrive, in order, and nothing twice. */
	for (int i = 0; i < 1000 && lab->b.messages < sent; i++)
		loop_run_once(lab->loop, 1000);
	assert_int_equal(lab->b.messages, sent);
	assert_int_equal(atoi(lab->b.last), sent - 1);
	assert_false(channel_waiting(lab->a.channel));
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(channel_drain(lab->a.channel, 0), 0);
	close(null);
}

/* While some wait, the peer makes room: a new one must not overtake them. */
static void test_order(void **state)
{
	struct lab *lab = *state;
	struct channel_handler handler = { hear, hear_end, &lab->a };
	int fds[2], sent = 0, next = 0;

	channel_free(lab->a.channel);
	assert_int_equal(channel_pair(fds), 0);
	assert_int_equal(channel_new(lab->loop, fds[0], MAX, 5000, &handler, &lab->a.channel), 0);
	for (; !channel_waiting(lab->a.channel); sent++)
		assert_int_equal(channel_send(lab->a.channel, &sent, sizeof(sent), NULL, 0), 0);
	for (int got; next < 20; next++) {
		assert_int_equal(read(fds[1], &got, sizeof(got)), sizeof(got));
		assert_int_equal(got, next);
	}
	assert_int_equal(channel_send(lab->a.channel, &sent, sizeof(sent), NULL, 0), 0);
	sent++;
	for (int got; next < sent; next++) {
		loop_run_once(lab->loop, 0);
		assert_int_equal(read(fds[1], &got, sizeof(got)), sizeof(got));
		assert_int_equal(got, next);
	}
	close(fds[1]);
}

static void test_drain(void **state)
{
	struct lab *lab = *state;
	char message[MAX] = { 0 };

	while (!channel_waiting(lab->a.channel))
		assert_int_equal(channel_send(lab->a.channel, message, MAX, NULL, 0), 0);
	assert_int_equal(channel_drain(lab->a.channel, 2000), -ETIMEDOUT);
	channel_free(lab->b.channel);
	lab->b.channel = NULL;
	assert_int_equal(channel_drain(lab->a.channel, 2000), -EPIPE);
}

/* What waited may have been a key. */
static void test_nothing_stays_of_what_waited(void **state)
{
	static const char secret[] = "nobody knows what this message says";
	struct lab *lab = *state;

	freed_watch(secret, strlen(secret));
	for (int i = 0; i < 2; i++) {
		while (!channel_waiting(lab->a.channel))
			assert_int_equal(channel_send(lab->a.channel, secret, sizeof(secret), NULL,
						      0),
					 0);
		/* Sent later, or never. */
		if (i == 0) {
			for (int n = 0; n < 1000 && channel_waiting(lab->a.channel); n++)
				turn(lab);
			assert_false(channel_waiting(lab->a.channel));
		}
	}
	channel_free(lab->a.channel);
	lab->a.channel = NULL;
	assert_int_equal(freed_seen, 0);
	freed_watch_nothing();
}

static void test_end(void **state)
{
	struct lab *lab = *state;

	assert_int_equal(channel_send(lab->a.channel, "last", 4, NULL, 0), 0);
	channel_free(lab->a.channel);
	lab->a.channel = NULL;
	turn(lab);
	assert_int_equal(lab->b.messages, 1);
	assert_int_equal(lab->b.closed, 1);
	assert_int_equal(lab->b.why, 0);
	assert_int_equal(channel_send(lab->b.channel, "x", 1, NULL, 0), -EPIPE);
	turn(lab);
	assert_int_equal(lab->b.closed, 1);
}

static void test_end_seen_by_sending(void **state)
{
	struct lab *lab = *state;

	channel_free(lab->a.channel);
	lab->a.channel = NULL;
	assert_int_equal(channel_send(lab->b.channel, "x", 1, NULL, 0), -EPIPE);
	assert_int_equal(lab->b.closed, 0);
	lab->b.free_it = true;
	turn(lab);
	assert_int_equal(lab->b.closed, 1);
	assert_null(lab->b.channel);
}

static void test_too_long_for_the_other(void **state)
{
	struct lab *lab = *state;
	struct channel_handler c = { hear, hear_end, &lab->b };
	int fds[2];
	char message[60] = { 0 };

	channel_free(lab->b.channel);
	assert_int_equal(channel_pair(fds), 0);
	assert_int_equal(channel_new(lab->loop, fds[1], 50, 50, &c, &lab->b.channel), 0);
	assert_int_equal(write(fds[0], message, 50), 50);
	assert_int_equal(write(fds[0], message, 51), 51);
	turn(lab);
	assert_int_equal(lab->b.messages, 1);
	assert_int_equal(lab->b.closed, 1);
	assert_int_equal(lab->b.why, -EMSGSIZE);
	close(fds[0]);
}

static void hear_malformed(void *context)
{
	struct end *e = context;

	e->malformed++;
}

/* A peer that is borne: neither a message that is too long nor an empty one ends the channel, its end does. */
static void test_malformed_is_borne(void **state)
{
	struct lab *lab = *state;
	struct channel_handler c = { hear, hear_end, &lab->b };
	int fds[2];
	char message[60] = { 0 };

	channel_free(lab->b.channel);
	assert_int_equal(channel_pair(fds), 0);
	assert_int_equal(channel_new(lab->loop, fds[1], 50, 50, &c, &lab->b.channel), 0);
	channel_bear(lab->b.channel, hear_malformed);
	assert_int_equal(write(fds[0], message, 51), 51);
	assert_int_equal(send(fds[0], message, 0, 0), 0);
	assert_int_equal(write(fds[0], message, 50), 50);
	turn(lab);
	assert_int_equal(lab->b.malformed, 2);
	assert_int_equal(lab->b.messages, 1);
	assert_int_equal(lab->b.closed, 0);
	close(fds[0]);
	turn(lab);
	assert_int_equal(lab->b.closed, 1);
	assert_int_equal(lab->b.malformed, 2);
}

static void test_too_many_descriptors(void **state)
{
	struct lab *lab = *state;
	char control[CMSG_SPACE(5 * sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = control, .iov_len = 1 };
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct channel_handler c = { hear, hear_end, &lab->b };
	struct cmsghdr *rights;
	int fds[2], five[5] = { 2, 2, 2, 2, 2 };
	int before;

	channel_free(lab->b.channel);
	assert_int_equal(channel_pair(fds), 0);
	assert_int_equal(channel_new(lab->loop, fds[1], 50, 50, &c, &lab->b.channel), 0);
	before = open_descriptors();
	rights = CMSG_FIRSTHDR(&h);
	if (!rights)
		abort();
	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(five));
	memcpy(CMSG_DATA(rights), five, sizeof(five));
	assert_int_equal(sendmsg(fds[0], &h, 0), 1);
	turn(lab);
	assert_int_equal(lab->b.why, -EMSGSIZE);
	assert_int_equal(lab->b.messages, 0);
	assert_int_equal(open_descriptors(), before);
	close(fds[0]);
}

static void test_free_in_callback(void **state)
{
	struct lab *lab = *state;

	lab->b.free_it = true;
	channel_send(lab->a.channel, "first", 5, NULL, 0);
	channel_send(lab->a.channel, "second", 6, NULL, 0);
	turn(lab);
	/* The bytes of the first stay readable during its call; the second never comes. */
	assert_int_equal(lab->b.messages, 1);
	assert_memory_equal(lab->b.last, "first", 5);
	assert_int_equal(lab->a.closed, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_messages),
		T(test_descriptors),
		T(test_slow_peer),
		T(test_order),
		T(test_drain),
		T(test_nothing_stays_of_what_waited),
		T(test_end),
		T(test_end_seen_by_sending),
		T(test_too_long_for_the_other),
		T(test_malformed_is_borne),
		T(test_too_many_descriptors),
		T(test_free_in_callback),
	};

	return cmocka_run_group_tests_name("sys/channel", tests, NULL, NULL);
}
