/* listeners: the control socket where another guard's is, or was. Ports on real addresses are the lab's to test. */
#include "guard/listeners.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define MINE ((uid_t)-1)

struct place {
	char folder[64];
	char path[96];
	struct listeners l;
};

static void ignore(void *context, const struct ipc_listener *said, int fd)
{
	(void)context;
	(void)said;
	(void)fd;
}

static int open_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	strcpy(p->folder, "/tmp/listeners.XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	snprintf(p->path, sizeof(p->path), "%s/control.sock", p->folder);
	listeners_init(&p->l, ignore, NULL);
	*state = p;
	return 0;
}

static int close_place(void **state)
{
	struct place *p = *state;

	listeners_done(&p->l);
	(void)unlink(p->path);
	assert_int_equal(rmdir(p->folder), 0);
	free(p);
	return 0;
}

/* A listening socket at the path, as another guard's. */
static int another(const struct place *p)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", p->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void another_guard_keeps_its_socket(void **state)
{
	struct place *p = *state;
	int fd = another(p);

	assert_int_equal(listeners_control(&p->l, p->path, MINE, (gid_t)MINE), -EADDRINUSE);
	assert_int_equal(p->l.n, 0);
	assert_int_equal(access(p->path, F_OK), 0);
	close(fd);
}

static void one_that_is_about_to_end_is_waited_for(void **state)
{
	const struct timespec life = { .tv_nsec = 200000000L };
	struct place *p = *state;
	int fd = another(p);
	pid_t last_role = fork();

	assert_true(last_role >= 0);
	if (last_role == 0) {
		(void)nanosleep(&life, NULL);
		_exit(0);
	}
	close(fd);
	assert_int_equal(listeners_control(&p->l, p->path, MINE, (gid_t)MINE), 0);
	assert_int_equal(p->l.n, 1);
	assert_int_equal(waitpid(last_role, NULL, 0), last_role);
}

static void an_old_file_is_replaced(void **state)
{
	struct place *p = *state;

	close(another(p));
	assert_int_equal(listeners_control(&p->l, p->path, MINE, (gid_t)MINE), 0);
	assert_int_equal(p->l.n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(another_guard_keeps_its_socket, open_place,
						close_place),
		cmocka_unit_test_setup_teardown(one_that_is_about_to_end_is_waited_for, open_place,
						close_place),
		cmocka_unit_test_setup_teardown(an_old_file_is_replaced, open_place, close_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
