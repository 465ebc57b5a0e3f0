/*
 * sandbox_lab: children in a sandbox, prepared as roles are.
 */
#ifndef ROUSE_TESTS_SANDBOX_LAB_H
#define ROUSE_TESTS_SANDBOX_LAB_H

#include "lab.h"

#include "sys/packet.h"
#include "sys/role.h"
#include "sys/sandbox.h"

#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define SPARE 6 /* in a prepared child: a packet socket on loopback, or a UDP socket */

static const struct sock_filter everything[] = { BPF_STMT(BPF_RET | BPF_K, 0x40000) };

/* Descriptors as a role has them: 2 the log, 3 and 4 channels, 5 something that could send. */
static inline void prepare(void)
{
	int null = open("/dev/null", O_RDWR);
	int pair[2], spare;

	assert_true(null >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	if (packet_open((int)if_nametoindex("lo"), everything, 1, 0, 0, &spare) < 0)
		spare = socket(AF_INET, SOCK_DGRAM, 0);
	null = fcntl(null, F_DUPFD, 40);
	pair[0] = fcntl(pair[0], F_DUPFD, 40);
	pair[1] = fcntl(pair[1], F_DUPFD, 40);
	spare = fcntl(spare, F_DUPFD, 40);
	assert_true(null >= 40 && pair[0] >= 40 && pair[1] >= 40 && spare >= 40);
	dup2(null, 2);
	dup2(pair[0], 3);
	dup2(pair[1], 4);
	dup2(null, ROLE_FD_UPLINK);
	dup2(spare, SPARE);
	dup2(null, ROLE_FD_VOICES);
	dup2(null, ROLE_FD_VOICES_END - 1);
}

/* Exit status of a child whose action was possible, or refused. */
enum { POSSIBLE = 42, REFUSED = 43, UNABLE = 44 };

static inline int close_sandbox(enum sandbox_role role)
{
	struct sandbox_report report = { 0 };
	int r = 0;

	/* The relay starts a thread later, and is no role of somebody. */
	if (role != SANDBOX_MONITOR && role != SANDBOX_RELAY)
		r = sandbox_strip(role, &report);
	if (r == 0)
		r = sandbox_close(role, NULL, 0, &report);
	return r == 0 && report.seccomp ? 0 : -ENOSYS;
}

static inline bool has_seccomp(void)
{
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0;
}

static inline void assert_ended_by_filter(int status)
{
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

#endif
