#include "sleeper/jobs.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *unit, *logind;
	enum jobs_verdict means;
} finals[] = {
	{ "reboot.target", "reboot", JOBS_REBOOT },
	{ "kexec.target", "kexec", JOBS_REBOOT },
	{ "soft-reboot.target", "soft-reboot", JOBS_REBOOT },
	{ "poweroff.target", "poweroff", JOBS_POWEROFF },
	{ "halt.target", "halt", JOBS_HALT },
	/* A service may ask for its own end of the machine. */
	{ "exit.target", "exit", JOBS_POWEROFF },
};
#define FINALS_N (sizeof(finals) / sizeof(finals[0]))

const char *jobs_verdict_name(enum jobs_verdict v)
{
	static const char *const names[JOBS_VERDICTS] = { [JOBS_NONE] = "none",
							  [JOBS_REBOOT] = "reboot",
							  [JOBS_POWEROFF] = "poweroff",
							  [JOBS_HALT] = "halt" };

	return names[v];
}

enum jobs_verdict jobs_take(enum jobs_verdict so_far, const char *unit, const char *type)
{
	if (strcmp(type, "start") != 0)
		return so_far;
	for (size_t i = 0; i < FINALS_N; i++) {
		if (strcmp(finals[i].unit, unit) == 0 && so_far != JOBS_REBOOT)
			return finals[i].means;
	}
	return so_far;
}

enum jobs_verdict jobs_of_logind(const char *type)
{
	for (size_t i = 0; i < FINALS_N; i++) {
		if (strcmp(finals[i].logind, type) == 0)
			return finals[i].means;
	}
	return JOBS_NONE;
}
