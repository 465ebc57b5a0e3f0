#include "sys/role.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where they are only until exec: behind everything that a role is given. */
enum { FD_IMAGE = 60, FD_ERROR = 61, FD_FIRST_SPARE = 64 };

#define DESCRIPTORS (6 + ROLE_DESCRIPTORS_MAX)

/* What a role may know of our environment. */
static const char *const passed_on[] = {
	"TZ",		"JOURNAL_STREAM",
#ifdef ROUSE_SANITIZED
	"ASAN_OPTIONS", "UBSAN_OPTIONS",  "LSAN_OPTIONS",
#endif
};

#define ENVIRONMENT (sizeof(passed_on) / sizeof(passed_on[0]))

int role_image_open(struct role_image *ret_image)
{
	int image = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	int null, r;

	if (image < 0)
		return -errno;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0) {
		r = -errno;
		close(image);
		return r;
	}
	*ret_image = (struct role_image){ .image = image, .null = null };
	return 0;
}

void role_image_close(struct role_image *i)
{
	close(i->image);
	close(i->null);
	*i = (struct role_image){ .image = -1, .null = -1 };
}

/* --- in the new process: only what is safe between fork and exec --- */

struct child {
	const struct role_image *image;
	char *const *argv;
	char **environment;
	const struct role_descriptors *given;
	int error;
	pid_t parent;
};

/* All are moved out of the way first: each may have the number of another's place. */
static int child_descriptors(const struct child *c)
{
	struct role_descriptor d[DESCRIPTORS] = {
		{ .fd = c->image->null, .at = 0 },
		{ .fd = c->image->null, .at = 1 },
		{ .fd = c->given->monitor, .at = ROLE_FD_MONITOR },
		{ .fd = c->given->sister, .at = ROLE_FD_SISTER },
		{ .fd = c->image->image, .at = FD_IMAGE },
		{ .fd = c->error, .at = FD_ERROR },
	};
	size_t n = 6;

	for (size_t i = 0; i < c->given->more_n; i++)
		d[n++] = c->given->more[i];
	for (size_t i = 0; i < n; i++) {
		d[i].fd = fcntl(d[i].fd < 0 ? c->image->null : d[i].fd, F_DUPFD_CLOEXEC,
				FD_FIRST_SPARE);
		if (d[i].fd < 0)
			return -errno;
	}
	/* Everything is closed by exec but what is put into its place now. */
	if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		return -errno;
	for (size_t i = 0; i < n; i++) {
		bool ours = d[i].at == FD_IMAGE || d[i].at == FD_ERROR;

		if (dup3(d[i].fd, d[i].at, ours ? O_CLOEXEC : 0) < 0)
			return -errno;
	}
	return 0;
}

/* Should keep: nothing. Must not keep: ambient capabilities, which would pass through exec. */
static int child_power(const struct child *c)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	/* Kernels before 4.3 have no ambient set: nothing to clear. */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &header, none) < 0)
		return -errno;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return getppid() == c->parent ? 0 : -ESRCH;
}

static void child_signals(void)
{
	struct sigaction ignored = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int n = 1; n < 65; n++) {
		if (n != SIGKILL && n != SIGSTOP)
			sigaction(n, &ignored, NULL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void child_run(const struct child *c)
{
	int r = child_descriptors(c);
	int error = r < 0 ? c->error : FD_ERROR;

	if (r == 0)
		r = child_power(c);
	if (r == 0) {
		child_signals();
		syscall(SYS_execveat, FD_IMAGE, "", c->argv, c->environment, AT_EMPTY_PATH);
		r = -errno;
	}
	/* If even this fails the parent sees an early end of the role. */
	(void)!write(error, &r, sizeof(r));
	_exit(127);
}

/* --- in the monitor --- */

static void environment_free(char *environment[static ENVIRONMENT + 1])
{
	for (size_t i = 0; i < ENVIRONMENT; i++)
		free(environment[i]);
}

static int environment_make(char *ret_environment[static ENVIRONMENT + 1])
{
	size_t n = 0;

	memset(ret_environment, 0, (ENVIRONMENT + 1) * sizeof(char *));
	for (size_t i = 0; i < ENVIRONMENT; i++) {
		const char *value = getenv(passed_on[i]);

		if (!value)
			continue;
		if (asprintf(&ret_environment[n], "%s=%s", passed_on[i], value) < 0) {
			ret_environment[n] = NULL;
			environment_free(ret_environment);
			return -ENOMEM;
		}
		n++;
	}
	return 0;
}

/* Waits for exec (end of file on a close-on-exec pipe) or for the error that prevented it. */
static int child_await(int fd)
{
	int r;
	ssize_t n;

	do {
		n = read(fd, &r, sizeof(r));
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return 0;
	return n == (ssize_t)sizeof(r) && r < 0 ? r : -EIO;
}

static int child_start(struct child *c, struct role_process *ret_process)
{
	struct role_process p = { .pidfd = -1 };
	int error[2];
	int r;

	if (pipe2(error, O_CLOEXEC) < 0)
		return -errno;
	c->error = error[1];
	c->parent = getpid();
	p.pid = fork();
	if (p.pid == 0)
		child_run(c);
	r = p.pid < 0 ? -errno : 0;
	close(error[1]);
	if (r == 0) {
		p.pidfd = pidfd_open(p.pid, 0);
		r = p.pidfd < 0 ? -errno : child_await(error[0]);
	}
	close(error[0]);
	if (r < 0) {
		role_kill(&p);
		return r;
	}
	*ret_process = p;
	return 0;
}

int role_spawn(const struct role_image *i, char *const argv[], const struct role_descriptors *given,
	       struct role_process *ret_process)
{
	char *environment[ENVIRONMENT + 1];
	struct child c = { .image = i, .argv = argv, .environment = environment, .given = given };
	int r;

	assert(given->more_n <= ROLE_DESCRIPTORS_MAX);
	r = environment_make(environment);
	if (r < 0)
		return r;
	r = child_start(&c, ret_process);
	environment_free(environment);
	return r;
}

static int reap(struct role_process *p, int flags, struct role_end *ret_end)
{
	siginfo_t info = { 0 };

	while (waitid(P_PID, (id_t)p->pid, &info, WEXITED | flags) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	if (info.si_pid == 0)
		return 0;
	*ret_end = (struct role_end){ .killed = info.si_code != CLD_EXITED,
				      .code = info.si_status };
	if (p->pidfd >= 0)
		close(p->pidfd);
	*p = (struct role_process){ .pidfd = -1 };
	return 1;
}

int role_reap(struct role_process *p, struct role_end *ret_end)
{
	return p->pid > 0 ? reap(p, WNOHANG, ret_end) : -ECHILD;
}

int role_signal(const struct role_process *p, int signal)
{
	if (p->pidfd < 0)
		return -ESRCH;
	return pidfd_send_signal(p->pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

void role_kill(struct role_process *p)
{
	struct role_end end;

	/* Our own child that nobody reaped: its number is still its own. */
	if (p->pid > 0 && kill(p->pid, SIGKILL) == 0)
		reap(p, 0, &end);
}

/* --- in the role --- */

static bool is_channel(int fd)
{
	int type = 0;
	socklen_t n = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_SEQPACKET;
}

int role_enter(void)
{
	struct pollfd p = { .fd = ROLE_FD_MONITOR };

	if (!is_channel(ROLE_FD_MONITOR) || fcntl(ROLE_FD_MONITOR, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(ROLE_FD_SISTER, F_SETFD, FD_CLOEXEC) < 0)
		return -EINVAL;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	/* Sent to all of the group or the service: the parent ends first, and says what is to be done until then. */
	if (signal(SIGTERM, SIG_IGN) == SIG_ERR || signal(SIGINT, SIG_IGN) == SIG_ERR)
		return -errno;
	/* It may have died before that: then its end of the channel is closed. */
	if (poll(&p, 1, 0) == 1 && (p.revents & POLLHUP))
		return -ESRCH;
	return 0;
}
