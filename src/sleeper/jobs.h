/*
 * jobs: what the service manager's list of jobs says about why this program is to end: does the machine shut down, and how?
 *
 * Pure. Refuses to know where the list comes from.
 */
#ifndef ROUSE_SLEEPER_JOBS_H
#define ROUSE_SLEEPER_JOBS_H

enum jobs_verdict {
	JOBS_NONE, /* the machine stays: a restart of the service, an upgrade, a stop by hand */
	JOBS_REBOOT, /* it comes back by itself, also by kexec or with another root */
	JOBS_POWEROFF,
	JOBS_HALT,
	JOBS_VERDICTS
};

/* "none", "reboot", "poweroff", "halt" */
const char *jobs_verdict_name(enum jobs_verdict v);

/*
 * Takes one job into account: its unit and its type ("start", "stop", ...). Only the start of a final target counts. Where there
 * are several (a reboot asked for during a poweroff), coming back counts more: a goodbye that is missing costs less than a false one.
 */
enum jobs_verdict jobs_take(enum jobs_verdict so_far, const char *unit, const char *type);
/* What logind's PrepareForShutdownWithMetadata calls it: "reboot", "kexec", "soft-reboot", "poweroff", "halt". */
enum jobs_verdict jobs_of_logind(const char *type);

#endif
