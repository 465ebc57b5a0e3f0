/*
 * lab: what tests of sys share: cmocka with its order of headers, network namespaces, and children.
 */
#ifndef ROUSE_TESTS_SYS_LAB_H
#define ROUSE_TESTS_SYS_LAB_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* This process goes into a network namespace of its own, with loopback up; ends with the process.
 */
static inline bool lab_enter(void)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		return false;
	return system("ip link set lo up") == 0;
}

#define LAB_NEEDS_NAMESPACE()                                                                    \
	do {                                                                                     \
		if (!lab_enter()) {                                                              \
			print_message("skipped: needs root, network namespaces and iproute2\n"); \
			skip();                                                                  \
		}                                                                                \
	} while (0)

/* Runs a command that must succeed. */
#define lab_run(command) assert_int_equal(system(command), 0)

/*
 * Waits until two links, whose names match, are able to send: a moment after they were set up. Until then frames are lost, and
 * nobody sees a carrier.
 */
static inline bool lab_links_ready(const char *names)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "for i in $(seq 500); do [ $(ip link | grep -c ' %s@.* noqueue .*state UP') = 2 ] "
		 "&& exit 0; sleep 0.02; done; exit 1",
		 names);
	return system(command) == 0;
}

/* Runs f in a child and waits for it; returns its wait status. */
static inline int lab_child(int (*f)(void *context), void *context)
{
	pid_t child = fork();
	int status = -1;

	assert_true(child >= 0);
	if (child == 0)
		_exit(f(context));
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

#endif
