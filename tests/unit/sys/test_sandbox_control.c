/*
 * sandbox, for control: what it may send to whom.
 */
#include "sandbox_lab.h"

#include <sys/syscall.h>

/* Not connect(), but as good: a listening socket that is shut down can be sent on, with an address. */
static int control_connects_child(void *context)
{
	struct iovec part = { .iov_base = (char[]){ "x" }, .iov_len = 1 };
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_name = &to, .msg_namelen = sizeof(to)
	};
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int victim = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t n = sizeof(to);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listening, (struct sockaddr *)&to, n) < 0 || listen(listening, 1) < 0 ||
	    bind(victim, (struct sockaddr *)&to, n) < 0 || listen(victim, 1) < 0 ||
	    getsockname(victim, (struct sockaddr *)&to, &n) < 0 || dup2(listening, SPARE) < 0)
		return UNABLE;
	if (context && close_sandbox(SANDBOX_CONTROL) < 0)
		return UNABLE;
	shutdown(SPARE, SHUT_RD);
	return sendmsg(SPARE, &message, MSG_FASTOPEN | MSG_NOSIGNAL) == 1 ? POSSIBLE : REFUSED;
}

static void test_control_does_not_connect(void **state)
{
	(void)state;
	if (!has_seccomp())
		skip();
	LAB_NEEDS_NAMESPACE();
	assert_int_equal(WEXITSTATUS(lab_child(control_connects_child, NULL)), POSSIBLE);
	assert_ended_by_filter(lab_child(control_connects_child, &(int){ 1 }));
}

/* What control does with a UDP socket that is connected to somebody, where somebody else has one as well. */
enum udp_act { UDP_SEND, UDP_WRITE, UDP_ELSEWHERE, UDP_ELSEWHERE_AS_CHANNEL, UDP_FREE_NUMBER };

static int udp_act(enum udp_act act, const struct sockaddr_in *elsewhere)
{
	struct iovec part = { .iov_base = (char[]){ "x" }, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_name = (void *)(uintptr_t)elsewhere,
				  .msg_namelen = sizeof(*elsewhere) };

	switch (act) {
	case UDP_SEND:
		return send(SPARE, "x", 1, MSG_NOSIGNAL) == 1;
	case UDP_WRITE:
		return write(SPARE, "x", 1) == 1;
	case UDP_ELSEWHERE:
		return sendmsg(SPARE, &message, 0) == 1;
	case UDP_ELSEWHERE_AS_CHANNEL:
		/* The filter looks at 32 bits, as the kernel does. */
		return syscall(SYS_sendmsg, 0x100000000 | SPARE, &message, 0) == 1;
	case UDP_FREE_NUMBER:
		return close(ROLE_FD_SISTER) == 0;
	}
	return 0;
}

struct udp_attempt {
	enum udp_act act;
	bool closed; /* in the sandbox */
};

static int control_udp_child(void *context)
{
	const struct udp_attempt *a = context;
	struct sockaddr_in to = { .sin_family = AF_INET }, elsewhere;
	socklen_t n = sizeof(to);
	int first, other, own;

	prepare();
	first = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	own = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	elsewhere = to;
	if (bind(first, (struct sockaddr *)&to, n) < 0 ||
	    bind(other, (struct sockaddr *)&to, n) < 0 ||
	    getsockname(first, (struct sockaddr *)&to, &n) < 0 ||
	    getsockname(other, (struct sockaddr *)&elsewhere, &n) < 0 ||
	    connect(own, (struct sockaddr *)&to, n) < 0 || dup2(own, SPARE) < 0)
		return UNABLE;
	if (a->closed && close_sandbox(SANDBOX_CONTROL) < 0)
		return UNABLE;
	return udp_act(a->act, &elsewhere) ? POSSIBLE : REFUSED;
}

static int udp_status(enum udp_act act, bool closed)
{
	struct udp_attempt a = { .act = act, .closed = closed };

	return lab_child(control_udp_child, &a);
}

/* It answers queries with UDP sockets that are connected to a multicast group: to nobody else. */
static void test_control_sends_where_it_is_connected(void **state)
{
	(void)state;
	if (!has_seccomp())
		skip();
	LAB_NEEDS_NAMESPACE();
	for (enum udp_act act = UDP_SEND; act <= UDP_FREE_NUMBER; act++)
		assert_int_equal(WEXITSTATUS(udp_status(act, false)), POSSIBLE);
	assert_int_equal(WEXITSTATUS(udp_status(UDP_SEND, true)), POSSIBLE);
	assert_int_equal(WEXITSTATUS(udp_status(UDP_WRITE, true)), POSSIBLE);
	assert_ended_by_filter(udp_status(UDP_ELSEWHERE, true));
	assert_ended_by_filter(udp_status(UDP_ELSEWHERE_AS_CHANNEL, true));
	if (!sandbox_relaxed())
		assert_int_equal(WEXITSTATUS(udp_status(UDP_FREE_NUMBER, true)), REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_control_does_not_connect),
		cmocka_unit_test(test_control_sends_where_it_is_connected),
	};

	return cmocka_run_group_tests_name("sys/sandbox_control", tests, NULL, NULL);
}
