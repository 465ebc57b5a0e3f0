/*
 * role: this program is its own role: with argv[0] "role: ..." it says what it finds and ends as
 * told.
 */
#include "lab.h"

#include "sys/channel.h"
#include "sys/role.h"

#include <dirent.h>
#include <poll.h>
#include <sys/socket.h>

/* --- the role --- */

/* "0,1,2,3,4" and what has no business here. */
static void list_descriptors(char *to, size_t n)
{
	size_t used = 0;

	to[0] = 0;
	for (int fd = 0; fd < 256; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			used += (size_t)snprintf(to + used, n - used, "%d,", fd);
	}
}

static const char *capabilities(char *to, size_t n)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long set = ~0ull;
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "CapPrm: %llx", &set) == 1)
			break;
	}
	if (f)
		fclose(f);
	snprintf(to, n, "%llx", set);
	return to;
}

extern char **environ;

static int role_main(const char *name)
{
	char descriptors[512], caps[32], said[1024];
	sigset_t blocked;

	list_descriptors(descriptors, sizeof(descriptors));
	if (role_enter() < 0)
		return 9;
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	snprintf(said, sizeof(said), "fds %s caps %s blocked %d secret %s tz %s", descriptors,
		 capabilities(caps, sizeof(caps)), sigismember(&blocked, SIGHUP),
		 getenv("ROUSE_SECRET") ? "seen" : "none", getenv("TZ") ? getenv("TZ") : "none");
	if (send(ROLE_FD_MONITOR, said, strlen(said), 0) < 0)
		return 8;
	if (strcmp(name, "role: wait") == 0)
		pause();
	return strcmp(name, "role: three") == 0 ? 3 : 0;
}

/* --- the monitor --- */

static char words[3][16] = { "role: wait", "role: three", "role: zero" };

struct started {
	struct role_image image;
	struct role_process process;
	int fd;
	char said[1024];
};

static void start(struct started *s, char *word)
{
	char *argv[] = { word, NULL };
	struct role_descriptors given;
	int fds[2];
	struct pollfd p;
	ssize_t n;

	assert_int_equal(role_image_open(&s->image), 0);
	assert_int_equal(channel_pair(fds), 0);
	given = (struct role_descriptors){ .monitor = fds[1], .sister = -1 };
	assert_int_equal(role_spawn(&s->image, argv, &given, &s->process), 0);
	close(fds[1]);
	s->fd = fds[0];
	p = (struct pollfd){ .fd = s->fd, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 20000), 1);
	n = recv(s->fd, s->said, sizeof(s->said) - 1, 0);
	assert_true(n > 0);
	s->said[n] = 0;
}

static void finish(struct started *s)
{
	role_kill(&s->process);
	role_image_close(&s->image);
	close(s->fd);
}

static void test_what_a_role_has(void **state)
{
	struct started s = { 0 };
	int open_here = fcntl(2, F_DUPFD, 50); /* not close-on-exec, and must not pass */
	sigset_t hup;

	(void)state;
	setenv("ROUSE_SECRET", "x", 1);
	setenv("TZ", "UTC", 1);
	sigemptyset(&hup);
	sigaddset(&hup, SIGHUP);
	sigprocmask(SIG_BLOCK, &hup, NULL);
	start(&s, words[2]);
	sigprocmask(SIG_UNBLOCK, &hup, NULL);
	assert_string_equal(s.said, "fds 0,1,2,3,4, caps 0 blocked 0 secret none tz UTC");
	finish(&s);
	close(open_here);
}

static void wait_for_end(struct role_process *p, struct role_end *ret_end)
{
	struct pollfd ended = { .fd = p->pidfd, .events = POLLIN };

	assert_int_equal(poll(&ended, 1, 20000), 1);
	assert_int_equal(role_reap(p, ret_end), 1);
	assert_int_equal(p->pid, 0);
}

static void test_ends(void **state)
{
	struct started s = { 0 };
	struct role_end end;

	(void)state;
	start(&s, words[1]);
	wait_for_end(&s.process, &end);
	assert_false(end.killed);
	assert_int_equal(end.code, 3);
	assert_int_equal(role_reap(&s.process, &end), -ECHILD);
	assert_int_equal(role_signal(&s.process, SIGTERM), -ESRCH);
	finish(&s);

	start(&s, words[0]);
	assert_int_equal(role_reap(&s.process, &end), 0);
	assert_int_equal(role_signal(&s.process, SIGKILL), 0);
	wait_for_end(&s.process, &end);
	assert_true(end.killed);
	assert_int_equal(end.code, SIGKILL);
	finish(&s);
}

static int monitor_that_dies(void *context)
{
	struct started s = { 0 };

	start(&s, words[0]);
	/* Keeps the other end open: the role's channel does not tell it. */
	if (write(*(int *)context, &s.process.pid, sizeof(s.process.pid)) < 0)
		return 1;
	raise(SIGKILL);
	return 1;
}

static void test_dies_with_the_monitor(void **state)
{
	int fds[2];
	pid_t role = 0;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	lab_child(monitor_that_dies, &fds[1]);
	assert_int_equal(read(fds[0], &role, sizeof(role)), sizeof(role));
	assert_true(role > 1);
	/* Gone, or a zombie that whoever is init has not looked at. */
	for (int i = 0; i < 500; i++) {
		char path[64], line[256] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/stat", (int)role);
		f = fopen(path, "re");
		if (!f)
			break;
		if (fgets(line, sizeof(line), f) && strstr(line, ") Z")) {
			fclose(f);
			break;
		}
		fclose(f);
		assert_true(i < 499);
		usleep(10000);
	}
	close(fds[0]);
	close(fds[1]);
}

static void test_cannot_start(void **state)
{
	const struct role_descriptors nothing = { .monitor = -1, .sister = -1 };
	struct role_image image;
	struct role_process p;
	char *argv[] = { words[2], NULL };

	(void)state;
	assert_int_equal(role_image_open(&image), 0);
	close(image.image);
	image.image = open("/etc/passwd", O_PATH | O_CLOEXEC);
	assert_int_equal(role_spawn(&image, argv, &nothing, &p), -EACCES);
	role_image_close(&image);
}

static int enter_by_hand(void *context)
{
	(void)context;
	return role_enter() == -EINVAL ? 0 : 1;
}

static void test_by_hand(void **state)
{
	(void)state;
	assert_int_equal(lab_child(enter_by_hand, NULL), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_role_has),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_dies_with_the_monitor),
		cmocka_unit_test(test_cannot_start),
		cmocka_unit_test(test_by_hand),
	};

	if (argc > 0 && strncmp(argv[0], "role: ", 6) == 0)
		return role_main(argv[0]);
	return cmocka_run_group_tests_name("sys/role", tests, NULL, NULL);
}
