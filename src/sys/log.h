/*
 * log: leveled lines on standard error, one write(2) a line, because all roles share it.
 *
 * For journald ($JOURNAL_STREAM names our stderr) a line starts with its priority, "<4>"; for a
 * terminal or a file with the time. Control characters and invalid UTF-8 never reach the output:
 * they become \xNN. A line that repeats is left out after a few times ("... left out"), and so is
 * what exceeds the rate of a flood of different ones.
 *
 * Owns the process's log state (there is one stderr). Refuses to know what is worth saying.
 */
#ifndef ROUSE_SYS_LOG_H
#define ROUSE_SYS_LOG_H

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

#define LOG_LINE_MAX 1024 /* bytes of a line; what is longer is cut and ends in "..." */

/*
 * Looks at stderr and at $JOURNAL_STREAM, loads the time zone (a sandbox may forbid it later).
 * `name` must live on; it starts lines that journald does not name itself: "roused: ". Without
 * this call lines come out plainly, with level notice.
 */
void log_open(const char *name);
/* Less important levels are not written; default LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
enum log_level log_level_now(void);

__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *format, ...);
/* Says now how many lines were left out, if any; call it once in a while and at the end. */
void log_flush(void);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
