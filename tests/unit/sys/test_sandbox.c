/*
 * sandbox: each profile is entered in a child, which then does what it should (and lives) and tries
 * what it must not (and is refused). The last test goes the whole way: a monitor that changes user,
 * closes itself, and starts this very program as a role, which closes itself further.
 */
#include "sandbox_lab.h"

#include "sys/channel.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/log.h"
#include "sys/loop.h"
#include "sys/packet.h"
#include "sys/role.h"
#include "sys/sandbox.h"

#include <grp.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

struct attempt {
	enum sandbox_role role;
	const char *action;
};

static int attempt_child(void *context)
{
	const struct attempt *a = context;

	prepare();
	if (close_sandbox(a->role) < 0)
		return UNABLE;
	return sandbox_probe(a->action, SPARE) == 0 ? POSSIBLE : REFUSED;
}

static void must_not(enum sandbox_role role, const char *action)
{
	struct attempt a = { .role = role, .action = action };
	int status = lab_child(attempt_child, &a);

	if (WIFEXITED(status) && WEXITSTATUS(status) == REFUSED)
		return;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return;
	fail_msg("role %d could: %s (status 0x%x)", (int)role, action, (unsigned int)status);
}

/* Without a sandbox each action is possible here: else the tests below could not fail. */
static void test_actions_are_possible(void **state)
{
	static const char *const actions[] = { "open", "socket", "send", "write", "dup",
					       "exec", "close",	 "kill", "fork",  "code" };

	(void)state;
	LAB_NEEDS_NAMESPACE();
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			prepare();
			_exit(sandbox_probe(actions[i], SPARE) == 0 ? 0 : 1);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		if (status != 0) /* exec that worked ends with the status of true(1) */
			fail_msg("not possible without a sandbox: %s", actions[i]);
	}
	assert_int_equal(sandbox_probe("nonsense", -1), -EINVAL);
}

static void test_roles_must_not(void **state)
{
	static const char *const actions[] = { "socket",  "exec", "connect", "kill",
					       "unshare", "dup",  "code" };
	static const char *const strict[] = { "open", "ptrace", "fork" };
	/* It goes out and reads: that is what it is for. */
	static const char *const uplink[] = { "exec", "kill", "unshare", "dup", "code" };

	(void)state;
	if (!has_seccomp())
		skip();
	LAB_NEEDS_NAMESPACE();
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		must_not(SANDBOX_ENGINE, actions[i]);
		must_not(SANDBOX_CONTROL, actions[i]);
	}
	for (size_t i = 0; i < sizeof(uplink) / sizeof(uplink[0]); i++)
		must_not(SANDBOX_UPLINK, uplink[i]);
	must_not(SANDBOX_ENGINE, "send");
	must_not(SANDBOX_ENGINE, "write");
	for (size_t i = 0; !sandbox_relaxed() && i < sizeof(strict) / sizeof(strict[0]); i++) {
		must_not(SANDBOX_ENGINE, strict[i]);
		must_not(SANDBOX_CONTROL, strict[i]);
		if (i > 0)
			must_not(SANDBOX_UPLINK, strict[i]);
	}
	if (!sandbox_relaxed())
		must_not(SANDBOX_ENGINE, "close");
}

static void test_relay_must_not(void **state)
{
	static const char *const actions[] = { "socket",  "exec", "connect", "kill",
					       "unshare", "dup",  "code" };
	static const char *const strict[] = { "open", "ptrace", "fork" };

	(void)state;
	if (!has_seccomp())
		skip();
	LAB_NEEDS_NAMESPACE();
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		must_not(SANDBOX_RELAY, actions[i]);
	for (size_t i = 0; !sandbox_relaxed() && i < sizeof(strict) / sizeof(strict[0]); i++)
		must_not(SANDBOX_RELAY, strict[i]);
}

static void test_monitor_must_not(void **state)
{
	static const char *const actions[] = { "exec", "ptrace", "unshare" };

	(void)state;
	if (!has_seccomp())
		skip();
	for (size_t i = sandbox_relaxed() ? 2 : 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		must_not(SANDBOX_MONITOR, actions[i]);
}

/* --- what they should --- */

static void nothing(void *context)
{
	(void)context;
}

static void readable(void *context, unsigned int what)
{
	(void)what;
	++*(int *)context;
}

/* What every role does all the time. */
static bool ordinary_life(struct loop *l, struct loop_timer *t)
{
	struct channel_handler handler = { 0 };
	struct packet_batch *batch;
	struct channel *c;
	struct loop_watch w;
	char *memory;
	int seen = 0, fd;
	bool good;

	if (loop_watch_init(&w, l, 4, LOOP_READ, readable, &seen) < 0)
		return false;
	if (channel_new(l, 3, 100, 1000, &handler, &c) < 0)
		return false;
	good = channel_send(c, "x", 1, NULL, 0) == 0;
	loop_timer_set(t, clock_monotonic_us() + 1000);
	for (int i = 0; i < 50 && (!seen || t->at != UINT64_MAX); i++)
		good = good && loop_run_once(l, 20000) == 0;
	loop_watch_done(&w);
	/* Enough memory for mmap and mremap. */
	memory = malloc(300000);
	memory = realloc(memory, 3000000);
	good = good && seen && memory && entropy_u32() != entropy_u32();
	free(memory);
	if (packet_batch_new(4, 2000, &batch) < 0)
		return false;
	good = good && packet_batch_receive(batch, SPARE) >= 0;
	packet_batch_free(batch);
	log_notice("a line of the log");
	/* A high descriptor that the monitor passed on may be closed. */
	fd = SPARE;
	return good && close(fd) == 0;
}

static int should_child(void *context)
{
	struct loop *l;
	struct loop_timer t;

	prepare();
	/* Closing a high descriptor is allowed as well: 40 to 43 are left from prepare(). */
	log_open("test");
	if (loop_new(&l) < 0 || loop_timer_init(&t, l, nothing, NULL) < 0)
		return UNABLE;
	if (close_sandbox(*(const enum sandbox_role *)context) < 0)
		return UNABLE;
	return ordinary_life(l, &t) && close(42) == 0 ? POSSIBLE : REFUSED;
}

static int abort_child(void *context)
{
	prepare();
	if (close_sandbox(*(const enum sandbox_role *)context) < 0)
		return UNABLE;
	signal(SIGABRT, SIG_DFL);
	abort();
}

static void test_roles_should(void **state)
{
	static const enum sandbox_role roles[] = { SANDBOX_MONITOR, SANDBOX_ENGINE,
						   SANDBOX_CONTROL };

	(void)state;
	if (!has_seccomp())
		skip();
	for (size_t i = 0; i < 3; i++) {
		enum sandbox_role role = roles[i];
		int status = lab_child(should_child, &role);

		if (!WIFEXITED(status) || WEXITSTATUS(status) != POSSIBLE)
			fail_msg("role %zu cannot live: status 0x%x", i, (unsigned int)status);
		/* A failed assertion must be seen as one. */
		status = lab_child(abort_child, &role);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGABRT);
	}
}

/* A socket that arrives must not get the number of the log or of a channel. */
static int engine_number_child(void *context)
{
	(void)context;
	prepare();
	if (close_sandbox(SANDBOX_ENGINE) < 0)
		return UNABLE;
	/* The kernel looks at the lower 32 bits alone; the filter must not be fooled by the others.
	 */
	syscall(SYS_close, 0x100000002);
	return POSSIBLE;
}

/* Nor that of one of its voices; and those are for write() alone, which takes no address. */
static int engine_voice_child(void *context)
{
	int fd = *(const int *)context;

	prepare();
	if (close_sandbox(SANDBOX_ENGINE) < 0)
		return UNABLE;
	if (write(fd, "x", 1) != 1)
		return UNABLE;
	close(fd);
	return POSSIBLE;
}

static int engine_voice_message_child(void *context)
{
	struct iovec part = { .iov_base = (char[]){ "x" }, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	prepare();
	if (close_sandbox(SANDBOX_ENGINE) < 0)
		return UNABLE;
	sendmsg(*(const int *)context, &message, 0);
	return POSSIBLE;
}

static void test_engine_numbers(void **state)
{
	static const int voices[] = { ROLE_FD_VOICES, ROLE_FD_VOICES_END - 1 };

	(void)state;
	if (!has_seccomp() || sandbox_relaxed() || sizeof(long) < 8)
		skip();
	assert_ended_by_filter(lab_child(engine_number_child, NULL));
	for (size_t i = 0; i < 2; i++) {
		int fd = voices[i];

		assert_ended_by_filter(lab_child(engine_voice_child, &fd));
		assert_ended_by_filter(lab_child(engine_voice_message_child, &fd));
	}
}

/* --- Landlock --- */

static char directory[] = "/tmp/rouse-sandbox-XXXXXX";

static bool can_write(const char *where)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/file", where);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	close(fd);
	return unlink(path) == 0;
}

static int landlock_child(void *context)
{
	char in[128], out[128];
	struct sandbox_path paths[] = { { .path = in, .write = true },
					{ .path = "/nonexistent/rouse", .write = true } };
	struct sandbox_report report = { 0 };

	(void)context;
	snprintf(in, sizeof(in), "%s/in", directory);
	snprintf(out, sizeof(out), "%s/out", directory);
	if (mkdir(in, 0700) < 0 || mkdir(out, 0700) < 0 || !can_write(in) || !can_write(out))
		return UNABLE;
	if (sandbox_close(SANDBOX_MONITOR, paths, 2, &report) < 0)
		return UNABLE;
	if (!report.landlock)
		return UNABLE;
	if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0)
		return POSSIBLE;
	return can_write(in) && !can_write(out) ? REFUSED : POSSIBLE;
}

static void test_landlock(void **state)
{
	char command[128];
	int status;

	(void)state;
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) <= 0) {
		print_message("skipped: no Landlock in this kernel\n");
		skip();
	}
	assert_non_null(mkdtemp(directory));
	status = lab_child(landlock_child, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	lab_run(command);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), REFUSED);
}

/* --- identity --- */

static int identity_child(void *context)
{
	static const gid_t groups[] = { 1, 2 };
	struct sandbox_report report;
	int spare;

	(void)context;
	if (setgroups(2, groups) < 0)
		return UNABLE;
	if (sandbox_identity(65534, 65534, SANDBOX_NET_RAW, &report) < 0)
		return UNABLE;
	if (report.root || !report.changed_user || report.capabilities != UINT64_C(1) << 13)
		return POSSIBLE;
	if (setuid(0) == 0 || getgroups(0, NULL) != 0)
		return POSSIBLE;
	/* CAP_NET_RAW is there, CAP_NET_ADMIN is not. */
	if (packet_open(1, everything, 1, 0, 0, &spare) < 0)
		return UNABLE;
	if (prctl(PR_CAPBSET_READ, 12, 0, 0, 0) != 0)
		return POSSIBLE;
	/* Asking for more than there is: said, and what there is stays. */
	if (sandbox_identity(0, 0, SANDBOX_NET_RAW | SANDBOX_NET_ADMIN, &report) != -EPERM)
		return POSSIBLE;
	return report.capabilities == UINT64_C(1) << 13 ? REFUSED : POSSIBLE;
}

static void test_identity(void **state)
{
	int status;

	(void)state;
	LAB_NEEDS_NAMESPACE();
	status = lab_child(identity_child, NULL);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), REFUSED);
}

static void test_report(void **state)
{
	struct sandbox_report r = { .capabilities = UINT64_C(1) << 13,
				    .seccomp = true,
				    .landlock_error = ENOSYS };
	char text[SANDBOX_TEXT];

	(void)state;
	assert_string_equal(sandbox_report_format(&r, text),
			    "ordinary user, capabilities net_raw, seccomp, "
			    "no Landlock (not in this kernel)");
	r = (struct sandbox_report){ .root = true, .landlock = 7 };
	assert_string_equal(sandbox_report_format(&r, text),
			    "root, no capability, no seccomp, Landlock ABI 7");
}

/* --- the whole way --- */

struct conversation {
	struct loop *loop;
	char got[32];
	bool over;
};

static void hear(void *context, struct channel_message *m)
{
	struct conversation *c = context;

	snprintf(c->got, sizeof(c->got), "%.*s", (int)m->length, (const char *)m->bytes);
	c->over = true;
}

static void hear_end(void *context, int why)
{
	struct conversation *c = context;

	(void)why;
	c->over = true;
}

/* The role: closes itself, says so, and then does what it must not. */
static int role_main(const char *name)
{
	enum sandbox_role role = strcmp(name, "test: engine") == 0 ? SANDBOX_ENGINE
								   : SANDBOX_CONTROL;
	struct conversation talk = { 0 };
	struct channel_handler handler = { .message = hear, .closed = hear_end, .context = &talk };
	struct channel *c;

	if (role_enter() < 0 || loop_new(&talk.loop) < 0)
		return UNABLE;
	if (channel_new(talk.loop, ROLE_FD_MONITOR, 32, 320, &handler, &c) < 0)
		return UNABLE;
	if (close_sandbox(role) < 0)
		return UNABLE;
	channel_send(c, "closed", 6, NULL, 0);
	while (!talk.over)
		loop_run_once(talk.loop, 1000000);
	sandbox_probe(talk.got, -1);
	return POSSIBLE;
}

static int start_role(struct role_image *image, const char *name, const char *action)
{
	struct conversation talk = { 0 };
	struct channel_handler handler = { .message = hear, .closed = hear_end, .context = &talk };
	struct role_process p;
	struct role_end end = { 0 };
	struct channel *c;
	char word[32];
	char *argv[] = { word, NULL };
	int fds[2];

	snprintf(word, sizeof(word), "%s", name);
	if (channel_pair(fds) < 0 || loop_new(&talk.loop) < 0)
		return UNABLE;
	/* Nobody is the uplink here, but its number is taken, as in the guard. */
	const struct role_descriptor uplink = { -1, ROLE_FD_UPLINK };
	const struct role_descriptors given = {
		.monitor = fds[1], .sister = -1, .more = &uplink, .more_n = 1
	};

	if (role_spawn(image, argv, &given, &p) < 0)
		return UNABLE;
	close(fds[1]);
	if (channel_new(talk.loop, fds[0], 32, 320, &handler, &c) < 0)
		return UNABLE;
	for (int i = 0; i < 50 && !talk.over; i++)
		loop_run_once(talk.loop, 100000);
	if (strcmp(talk.got, "closed") != 0)
		return UNABLE;
	channel_send(c, action, strlen(action), NULL, 0);
	for (int i = 0; i < 500 && role_reap(&p, &end) == 0; i++)
		usleep(10000);
	channel_free(c);
	loop_free(talk.loop);
	return end.killed && end.code == SIGSYS ? REFUSED : POSSIBLE;
}

static int monitor_child(void *context)
{
	struct sandbox_report report;
	struct role_image image;
	int r;

	(void)context;
	if (role_image_open(&image) < 0 ||
	    sandbox_identity(65534, 65534, SANDBOX_NET_RAW, &report) < 0 ||
	    sandbox_close(SANDBOX_MONITOR, NULL, 0, &report) < 0)
		return UNABLE;
	r = start_role(&image, "test: engine", "socket");
	return r == REFUSED ? start_role(&image, "test: control", "connect") : r;
}

static void test_whole_way(void **state)
{
	int status;

	(void)state;
	if (!has_seccomp())
		skip();
	LAB_NEEDS_NAMESPACE();
	status = lab_child(monitor_child, NULL);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), REFUSED);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_actions_are_possible),
		cmocka_unit_test(test_roles_must_not),
		cmocka_unit_test(test_relay_must_not),
		cmocka_unit_test(test_monitor_must_not),
		cmocka_unit_test(test_roles_should),
		cmocka_unit_test(test_engine_numbers),
		cmocka_unit_test(test_landlock),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_whole_way),
	};

	if (argc > 0 && strncmp(argv[0], "test: ", 6) == 0)
		return role_main(argv[0]);
	return cmocka_run_group_tests_name("sys/sandbox", tests, NULL, NULL);
}
