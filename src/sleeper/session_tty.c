#include "sleeper/session_tty.h"

#include "base/text.h"
#include "sys/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROCESSES_MAX 256
#define TTY_FIELD 7 /* of /proc/PID/stat, the first is 1 */
/* UNIX98 pseudo terminals: 8 majors of 2^20 minors each (Documentation/admin-guide/devices.txt). */
#define PTS_MAJOR 136
#define PTS_MAJORS 8

static size_t read_file(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, to, size - 1) : -1;

	if (fd >= 0)
		close(fd);
	to[n > 0 ? n : 0] = 0;
	return n > 0 ? (size_t)n : 0;
}

int session_tty_of_stat(const char *stat)
{
	/* The second field is a name in parentheses, which may hold anything. */
	const char *at = strrchr(stat, ')');
	char word[24];
	uint64_t device;
	size_t n;

	for (int field = 2; at && field < TTY_FIELD; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -1;
	n = strcspn(at + 1, " ");
	if (n >= sizeof(word))
		return -1;
	memcpy(word, at + 1, n);
	word[n] = 0;
	if (text_parse_u64(word, UINT32_MAX, &device) < 0)
		return -1;

	uint64_t major = device >> 8 & 0xfff;
	uint64_t minor = (device & 0xff) | (device >> 12 & 0xfff00);

	if (major < PTS_MAJOR || major >= PTS_MAJOR + PTS_MAJORS)
		return -1;
	return (int)((major - PTS_MAJOR) << 20 | minor);
}

static void take_process(const char *pid, struct session_tty *best)
{
	uint64_t now_wall = clock_wall_ms() * 1000, now = clock_monotonic_us(), used;
	char path[64], text[1024];
	struct stat s;
	int tty;

	if (strlen(pid) > 10)
		return;
	(void)snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	tty = read_file(path, text, sizeof(text)) ? session_tty_of_stat(text) : -1;
	if (tty < 0)
		return;
	(void)snprintf(path, sizeof(path), "/dev/pts/%d", tty);
	if (stat(path, &s) < 0)
		return;
	used = (uint64_t)s.st_atim.tv_sec * 1000000;
	/* The times of terminals are wall clock, in steps of 8 s. */
	used = used >= now_wall ? now : now_wall - used < now ? now - (now_wall - used) : 1;
	if (best->name[0] && best->used_us >= used)
		return;
	best->used_us = used;
	(void)snprintf(best->name, sizeof(best->name), "pts/%d", tty);
}

bool session_tty_find(uint32_t uid, const char *id, struct session_tty *ret)
{
	static const char *const roots[] = { "", "/unified", "/systemd" };
	struct session_tty best = { .name = "" };
	char path[192], text[4096];
	char *rest, *pid;
	size_t n = 0;

	if (strchr(id, '/') || strlen(id) > 31)
		return false;
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]) && n == 0; i++) {
		(void)snprintf(
			path, sizeof(path),
			"/sys/fs/cgroup%s/user.slice/user-%u.slice/session-%s.scope/cgroup.procs",
			roots[i], uid, id);
		n = read_file(path, text, sizeof(text));
	}
	rest = n ? text : NULL;
	for (int i = 0; i < PROCESSES_MAX && (pid = strsep(&rest, "\n")); i++)
		take_process(pid, &best);
	if (best.name[0])
		*ret = best;
	return best.name[0] != 0;
}
