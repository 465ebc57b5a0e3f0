#include "sys/log.h"

#include "base/hash.h"
#include "base/text.h"
#include "sys/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The same line: five at once, then one in ten seconds. All lines: a thousand, then 100 a second.
 */
#define SAME_BURST 5
#define SAME_EVERY_US 10000000
#define ALL_BURST 1000
#define ALL_EVERY_US 10000
#define SAME_SLOTS 64
#define READER_MS 50

/* A token bucket that counts what it turned away. */
struct bucket {
	uint64_t hash; /* of the line; unused for all lines */
	uint64_t full_at; /* when it will have all its tokens again */
	uint64_t left_out;
};

static struct {
	const char *name;
	enum log_level level;
	bool opened;
	bool journal;
	bool stuck; /* whoever reads our stderr does not */
	struct bucket all;
	struct bucket same[SAME_SLOTS];
} state = { .name = "", .level = LOG_LEVEL_INFO };

static bool bucket_take(struct bucket *b, uint64_t now, uint64_t burst, uint64_t every)
{
	uint64_t from = b->full_at > now ? b->full_at : now;

	if (from - now > (burst - 1) * every) {
		b->left_out++;
		return false;
	}
	b->full_at = from + every;
	return true;
}

/* Is our stderr the stream that journald made for us? ($JOURNAL_STREAM: "device:inode") */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[48];
	struct text t = text_over(ours, sizeof(ours));
	struct stat s;

	if (!stream || fstat(STDERR_FILENO, &s) < 0)
		return false;
	text_u64(&t, s.st_dev);
	text_char(&t, ':');
	text_u64(&t, s.st_ino);
	return strcmp(ours, stream) == 0;
}

void log_open(const char *name)
{
	tzset();
	state.name = name;
	state.journal = stderr_is_journal();
	state.opened = true;
}

void log_set_level(enum log_level level)
{
	state.level = level;
}

enum log_level log_level_now(void)
{
	return state.level;
}

/* Printable text and valid UTF-8 as they are; backslashes too, because names come escaped. */
static void text_clean(struct text *t, const char *s)
{
	size_t left = strlen(s);

	while (left) {
		size_t n = text_utf8_length(s, left);
		uint8_t c = (uint8_t)*s;
		bool control = c < 0x20 || c == 0x7f ||
			       (n == 2 && c == 0xc2 && (uint8_t)s[1] < 0xa0);

		if (n == 0 || control) {
			text_string(t, "\\x");
			text_hex(t, c, 2);
			n = 1;
			/* the rest of a C1 control is no start of anything, and escaped next */
		} else {
			for (size_t i = 0; i < n; i++)
				text_char(t, s[i]);
		}
		s += n;
		left -= n;
	}
}

static void text_time(struct text *t)
{
	uint64_t ms = clock_wall_ms();
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char buffer[32];

	if (!localtime_r(&seconds, &tm) || !strftime(buffer, sizeof(buffer), "%F %T.", &tm))
		return;
	text_string(t, buffer);
	text_char(t, (char)('0' + ms / 100 % 10));
	text_char(t, (char)('0' + ms / 10 % 10));
	text_char(t, (char)('0' + ms % 10));
	text_char(t, ' ');
}

static void text_lead(struct text *t, enum log_level level)
{
	static const char priority[] = { '3', '4', '5', '6', '7' };

	if (state.journal) {
		text_char(t, '<');
		text_char(t, priority[level]);
		text_char(t, '>');
		return;
	}
	if (state.opened) {
		text_time(t);
		text_string(t, state.name);
		text_string(t, ": ");
	}
	if (level == LOG_LEVEL_ERROR)
		text_string(t, "error: ");
	if (level == LOG_LEVEL_WARNING)
		text_string(t, "warning: ");
}

/* A reader that stops must not stop a daemon with it: it is waited for once, then not before it reads again. */
static bool somebody_reads(void)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	state.stuck = state.opened && poll(&p, 1, state.stuck ? 0 : READER_MS) == 0;
	return !state.stuck;
}

/* One line, one write(2): lines of several processes do not mix. */
static void write_line(struct text *t)
{
	ssize_t n;

	if (t->cut)
		memcpy(t->start + t->used - 3, "...", 3);
	t->start[t->used] = '\n';
	if (!somebody_reads()) {
		state.all.left_out++;
		return;
	}
	do {
		n = write(STDERR_FILENO, t->start, t->used + 1);
	} while (n < 0 && errno == EINTR);
	/* A reader that is too slow, or gone, must not stop a daemon: the line is lost, and said
	 * so. */
	if (n < 0)
		state.all.left_out++;
}

static void write_text(enum log_level level, const char *text, uint64_t left_out)
{
	char line[LOG_LINE_MAX + 1];
	struct text t = text_over(line, LOG_LINE_MAX);

	text_lead(&t, level);
	text_clean(&t, text);
	if (left_out) {
		text_string(&t, " (");
		text_u64(&t, left_out);
		text_string(&t, " left out)");
	}
	write_line(&t);
}

void log_flush(void)
{
	uint64_t n = state.all.left_out;
	char message[64];
	struct text t = text_over(message, sizeof(message));

	for (size_t i = 0; i < SAME_SLOTS; i++) {
		n += state.same[i].left_out;
		state.same[i].left_out = 0;
	}
	if (!n)
		return;
	state.all.left_out = 0;
	text_u64(&t, n);
	text_string(&t, n == 1 ? " line left out" : " lines left out");
	write_text(LOG_LEVEL_WARNING, message, 0);
}

/* The bucket of this very line; a stranger in its slot is moved out, its count goes to all. */
static struct bucket *bucket_of(const char *text, uint64_t now)
{
	static const struct hash_key key = { { 0x726f757365, 0x6c6f67 } };
	uint64_t hash = hash_bytes(&key, text, strlen(text));
	struct bucket *b = &state.same[hash % SAME_SLOTS];

	if (b->hash != hash) {
		state.all.left_out += b->left_out;
		*b = (struct bucket){ .hash = hash, .full_at = now };
	}
	return b;
}

void log_line(enum log_level level, const char *format, ...)
{
	char text[LOG_LINE_MAX + 1]; /* one more than a line takes: then it is seen to be cut */
	uint64_t now = clock_monotonic_us();
	int saved = errno, n;
	va_list args;

	if (level > state.level)
		return;
	va_start(args, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): the line before does it */
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n < 0)
		return;

	struct bucket *same = bucket_of(text, now);

	if (bucket_take(same, now, SAME_BURST, SAME_EVERY_US) &&
	    bucket_take(&state.all, now, ALL_BURST, ALL_EVERY_US)) {
		uint64_t left_out = same->left_out;

		same->left_out = 0;
		if (state.all.left_out)
			log_flush();
		write_text(level, text, left_out);
	}
	errno = saved;
}
