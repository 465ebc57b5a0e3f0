#include "sleeper/rtc.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CLOCKS_MAX 4

/* The first clock that has an alarm, as a directory; -ENODEV. */
static int open_clock(const char *root)
{
	for (int n = 0; n < CLOCKS_MAX; n++) {
		char path[128];
		int fd;

		(void)snprintf(path, sizeof(path), "%s/rtc%d", root, n);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (faccessat(fd, "wakealarm", F_OK, 0) == 0)
			return fd;
		close(fd);
	}
	return -ENODEV;
}

/* A number in a file, 0 when there is none. */
static uint64_t read_number(int dir, const char *name)
{
	char text[32] = "";
	uint64_t v = 0;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) > 0) {
		text[strcspn(text, "\n")] = 0;
		(void)text_parse_u64(text, UINT64_MAX, &v);
	}
	close(fd);
	return v;
}

static int write_alarm(int dir, const char *text)
{
	/* O_TRUNC means nothing to sysfs, and makes a plain file behave like it. */
	int fd = openat(dir, "wakealarm", O_WRONLY | O_TRUNC | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

bool rtc_present(void)
{
	int dir = open_clock(RTC_ROOT);

	if (dir >= 0)
		close(dir);
	return dir >= 0;
}

int rtc_alarm_set_at(const char *root, uint64_t seconds, bool *ret_ours)
{
	int dir = open_clock(root);
	uint64_t now, set;
	char text[32];
	int r;

	if (dir < 0)
		return dir;
	now = read_number(dir, "since_epoch");
	set = read_number(dir, "wakealarm");
	*ret_ours = !(now && set > now && set - now <= seconds);
	if (!*ret_ours) {
		close(dir);
		return 0;
	}
	/* The kernel sets no second alarm: the first is to be taken back before. */
	r = set ? write_alarm(dir, "0\n") : 0;
	(void)snprintf(text, sizeof(text), "+%llu\n", (unsigned long long)seconds);
	if (r == 0)
		r = write_alarm(dir, text);
	close(dir);
	return r;
}

int rtc_alarm_set(uint64_t seconds, bool *ret_ours)
{
	return rtc_alarm_set_at(RTC_ROOT, seconds, ret_ours);
}

void rtc_alarm_clear(void)
{
	int dir = open_clock(RTC_ROOT);

	if (dir < 0)
		return;
	(void)write_alarm(dir, "0\n");
	close(dir);
}
