/*
 * notify: what a service manager would receive, and what it hands over.
 */
#include "lab.h"

#include "sys/clock.h"
#include "sys/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

static int manager = -1;

/* A manager's socket at `name`; '@' first: abstract. */
static void listen_at(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	size_t n = strlen(name);

	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memcpy(at.sun_path, name, n);
	if (name[0] == '@')
		at.sun_path[0] = 0;
	assert_int_equal(bind(manager, (struct sockaddr *)&at,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
			 0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static const char *received(void)
{
	static char text[1024];
	ssize_t n = recv(manager, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = 0;
	return text;
}

static void test_messages(void **state)
{
	unsigned long long us = 0;
	uint64_t before = clock_monotonic_us();
	char name[64];

	(void)state;
	/* Abstract names are the whole box's, on which this test may run twice at once. */
	snprintf(name, sizeof(name), "@rouse-test-notify-%d", (int)getpid());
	listen_at(name);
	assert_int_equal(notify_open(), 0);
	assert_true(notify_active());
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_int_equal(notify_ready("guarding\n2 machines"), 0);
	assert_string_equal(received(), "READY=1\nSTATUS=guarding 2 machines\n");
	assert_int_equal(notify_ready(NULL), 0);
	assert_string_equal(received(), "READY=1\n");
	assert_int_equal(notify_status("x"), 0);
	assert_string_equal(received(), "STATUS=x\n");
	assert_int_equal(notify_reloading(), 0);
	assert_int_equal(sscanf(received(), "RELOADING=1\nMONOTONIC_USEC=%llu", &us), 1);
	assert_in_range(us, before, clock_monotonic_us());
	assert_int_equal(notify_stopping(), 0);
	assert_string_equal(received(), "STOPPING=1");
	notify_close();
	close(manager);
}

static void test_path(void **state)
{
	char folder[] = "/tmp/rouse-notify-XXXXXX", path[64];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	listen_at(path);
	assert_int_equal(notify_open(), 0);
	notify_status("y");
	assert_string_equal(received(), "STATUS=y\n");
	close(manager);
	/* A manager that is gone is nobody's problem. */
	assert_int_equal(notify_status("z"), -ECONNREFUSED);
	notify_close();
	unlink(path);
	rmdir(folder);
}

static void test_without(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_open(), 0);
	assert_false(notify_active());
	assert_int_equal(notify_ready("x"), 0);
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(notify_open(), -EINVAL);
	assert_null(getenv("NOTIFY_SOCKET"));
}

/* In a child, because descriptors from 3 on are what it is about. */
static int handed_over(void *context)
{
	const char *names = context;
	struct notify_socket got[2];
	char pid[16];
	int n;

	for (int fd = 3; fd < 6; fd++)
		dup2(0, fd);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "3", 1);
	if (names)
		setenv("LISTEN_FDNAMES", names, 1);
	n = notify_sockets(got, 2);
	if (n != 2 || got[0].fd != 3 || got[1].fd != 4 || fcntl(5, F_GETFD) >= 0)
		return 1;
	if (fcntl(3, F_GETFD) != FD_CLOEXEC || getenv("LISTEN_FDS"))
		return 2;
	if (strcmp(got[0].name, names ? "control" : "unknown") != 0)
		return 3;
	if (strcmp(got[1].name, names ? "port" : "unknown") != 0)
		return 4;
	/* Once, and only for whom they are meant. */
	if (notify_sockets(got, 2) != 0)
		return 5;
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_PID", "1", 1);
	if (notify_sockets(got, 2) != 0 || getenv("LISTEN_PID"))
		return 6;
	setenv("LISTEN_FDS", "many", 1);
	setenv("LISTEN_PID", pid, 1);
	return notify_sockets(got, 2) == -EINVAL ? 0 : 7;
}

static void test_sockets(void **state)
{
	char names[] = "control:port:third";

	(void)state;
	assert_int_equal(lab_child(handed_over, names), 0);
	assert_int_equal(lab_child(handed_over, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_without),
		cmocka_unit_test(test_sockets),
	};

	return cmocka_run_group_tests_name("sys/notify", tests, NULL, NULL);
}
