#include "sleeper/check_runner.h"

#include "base/text.h"
#include "sys/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME_PATIENCE_MS 5000
#define CONNECTION STDIN_FILENO

/* What the command said, and what became of it. */
struct run {
	pid_t pid;
	int out; /* its standard output */
	char said[CHECK_TEXT]; /* the beginning of it */
	size_t used;
};

static int answer(enum check_result result, const char *text)
{
	char line[CHECK_LINE_MAX];
	int n = check_line_write(result, text, line);

	return write(CONNECTION, line, (size_t)n) == n ? 0 : 1;
}

/* The line that names the check, without its end. */
static int read_name(char name[static SPEC_NAME_MAX + 2])
{
	struct pollfd p = { .fd = CONNECTION, .events = POLLIN };
	size_t used = 0;

	while (used < SPEC_NAME_MAX + 1 && poll(&p, 1, NAME_PATIENCE_MS) > 0) {
		ssize_t n = read(CONNECTION, name + used, SPEC_NAME_MAX + 1 - used);

		if (n <= 0)
			break;
		used += (size_t)n;
		name[used] = 0;
		if (name[used - 1] == '\n') {
			name[used - 1] = 0;
			return 0;
		}
	}
	return -EINVAL;
}

/* --- the child --- */

/* Gives up everything but the user's own; negative errno. */
static int become(const struct passwd *p)
{
	if (geteuid() == p->pw_uid)
		return 0;
	if (initgroups(p->pw_name, p->pw_gid) < 0 ||
	    setresgid(p->pw_gid, p->pw_gid, p->pw_gid) < 0 ||
	    setresuid(p->pw_uid, p->pw_uid, p->pw_uid) < 0)
		return -errno;
	return 0;
}

static void set_up_environment(const struct passwd *p)
{
	clearenv();
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", p->pw_dir, 1);
	setenv("USER", p->pw_name, 1);
	setenv("LOGNAME", p->pw_name, 1);
	setenv("SHELL", "/bin/sh", 1);
	setenv("LANG", "C.UTF-8", 1);
}

static _Noreturn void run_command(const char *command, const struct passwd *p, int out)
{
	int null = open("/dev/null", O_RDWR);
	sigset_t none;
	int r;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	r = become(p);
	if (r < 0) {
		fprintf(stderr, "cannot become %s: %s\n", p->pw_name, strerror(-r));
		_exit(126);
	}
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	close_range(3, ~0U, 0);
	set_up_environment(p);
	if (chdir(p->pw_dir) < 0)
		(void)!chdir("/");
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* --- the parent --- */

static int start(const struct config_check *c, const struct passwd *p, struct run *run)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	run->pid = fork();
	if (run->pid == 0)
		run_command(c->command, p, ends[1]);
	close(ends[1]);
	run->out = ends[0];
	return run->pid < 0 ? -errno : 0;
}

static void take_output(struct run *run)
{
	char rest[1024];
	ssize_t n = read(run->out, rest, sizeof(rest));
	size_t room = sizeof(run->said) - 1 - run->used;

	if (n <= 0) {
		close(run->out);
		run->out = -1;
		return;
	}
	room = (size_t)n < room ? (size_t)n : room;
	memcpy(run->said + run->used, rest, room);
	run->used += room;
	run->said[run->used] = 0;
}

/* Until it ended (true, with its status) or the time is over. */
static bool wait_for(struct run *run, uint64_t until_us, int *ret_status)
{
	/* The output's end is no sign: a command may leave something in the background. */
	while (clock_monotonic_us() < until_us) {
		struct pollfd p = { .fd = run->out, .events = POLLIN };

		if (waitpid(run->pid, ret_status, WNOHANG) == run->pid) {
			if (run->out >= 0 && poll(&p, 1, 0) > 0)
				take_output(run);
			return true;
		}
		if (poll(&p, 1, 20) > 0)
			take_output(run);
	}
	return false;
}

static int judge(const struct config_check *c, struct run *run)
{
	uint64_t until = clock_monotonic_us() + c->timeout_us;
	char text[CHECK_TEXT];
	char limit[DURATION_TEXT];
	int status = 0;

	if (!wait_for(run, until, &status)) {
		(void)snprintf(text, sizeof(text), "ended: it ran longer than %s",
			       text_format_duration(c->timeout_us, limit));
		return answer(CHECK_FAILED, text);
	}
	if (WIFSIGNALED(status)) {
		(void)snprintf(text, sizeof(text), "ended by signal %d", WTERMSIG(status));
		return answer(CHECK_FAILED, text);
	}
	if (WEXITSTATUS(status) == 126 || WEXITSTATUS(status) == 127) {
		(void)snprintf(text, sizeof(text), "it cannot be run (exit status %d)",
			       WEXITSTATUS(status));
		return answer(CHECK_FAILED, text);
	}
	return answer(WEXITSTATUS(status) == 0 ? CHECK_BUSY : CHECK_QUIET, run->said);
}

static int run_check(const struct config_check *c)
{
	struct run run = { .pid = -1, .out = -1 };
	struct passwd user, *p = NULL;
	char names[4096], text[CHECK_TEXT];
	int r = getpwnam_r(c->user, &user, names, sizeof(names), &p);

	if (r != 0 || !p) {
		(void)snprintf(text, sizeof(text), "there is no user %s", c->user);
		return answer(CHECK_FAILED, text);
	}
	r = start(c, p, &run);
	if (r < 0) {
		(void)snprintf(text, sizeof(text), "it cannot be run: %s", strerror(-r));
		return answer(CHECK_FAILED, text);
	}
	r = judge(c, &run);
	/* What is left of it; in the unit systemd ends also what left its session. */
	(void)kill(-run.pid, SIGKILL);
	if (run.out >= 0)
		close(run.out);
	return r;
}

int check_runner_main(const struct config *c)
{
	char name[SPEC_NAME_MAX + 2];

	signal(SIGPIPE, SIG_IGN);
	if (read_name(name) < 0)
		return answer(CHECK_FAILED, "no name came");
	for (size_t i = 0; i < c->checks_n; i++) {
		if (strcmp(c->checks[i].name, name) == 0)
			return run_check(&c->checks[i]);
	}
	return answer(CHECK_FAILED, "the configuration has no such check: restart rouse-sleeper");
}
