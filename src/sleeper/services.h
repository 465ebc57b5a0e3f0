/*
 * services: what listens on this machine, and which of it shall wake it.
 *
 * Listening sockets are found by themselves; what is only reached from here, bound elsewhere, ephemeral or known chatter is left out;
 * the configuration and `rouse service` have the last word, the latter kept in the state folder. Refuses to know the guard.
 */
#ifndef ROUSE_SLEEPER_SERVICES_H
#define ROUSE_SLEEPER_SERVICES_H

#include "sleeper/config.h"
#include "sleeper/sleeper.h"
#include "sys/cgroup.h"
#include "sys/sock_diag.h"

#define SERVICES_MAX 128 /* kept; further ones are left out */
#define SERVICES_RULES_MAX 64 /* that a lease can carry */
#define SERVICES_TEXT 160

enum service_why {
	SERVICE_LISTENING,
	SERVICE_CHATTER, /* says nothing about being needed: name services, discovery, DHCP, rouse's own */
	SERVICE_EPHEMERAL, /* a port that the kernel chose */
	SERVICE_ELSEWHERE, /* bound to an address that is not the guarded interface's */
	SERVICE_CONFIGURED, /* rouse-sleeper.conf says so */
	SERVICE_SWITCHED, /* `rouse service` says so */
	SERVICE_WHYS
};

/* "listening", "chatter", "ephemeral", "elsewhere", "configured", "switched" */
const char *service_why_name(enum service_why w);

struct service {
	struct rule rule;
	bool on;
	bool listens; /* else a rule of a person that nothing listens to now */
	enum service_why why;
	struct cgroup_name unit;
};

/* --- judging: no I/O --- */

struct services_view {
	uint16_t ephemeral_first, ephemeral_last; /* 0, 0: not known */
	const struct port
		*port; /* its addresses are the guarded ones; none: all are taken for that */
	const struct config_rules *configured[2], *switched[2]; /* [on] */
	size_t n;
	struct service list[SERVICES_MAX];
};

/* Takes a socket (LISTENING or OPEN) into account; those of loopback are not even listed. */
void services_see(struct services_view *v, enum sock_kind kind, const struct sock_seen *s);
/* After all sockets: what people said, in order of kind and port. */
void services_judge(struct services_view *v);
/* Everything that a covers b. */
bool services_covers(const struct rule *a, const struct rule *b);

/* --- this machine's --- */

int services_new(struct sleeper *s);
void services_free(struct sleeper *s);
/* Scans when the last scan is old, or the machine is leaving; sets the spec's rules (rules_n 0: any TCP port). */
void services_rules(struct sleeper *s, struct spec *spec);
/* Scans now. */
const struct service *services_list(struct sleeper *s, size_t *ret_n);
/* Whether a connection whose end here is this TCP port concerns a service that is on; its unit, or "". */
bool services_tcp_on(struct sleeper *s, uint16_t port, const char **ret_unit);
/* For good, and told to the guard. Negative errno with a text for a person. */
int services_switch(struct sleeper *s, const struct rule *rule, bool on,
		    char error[static SERVICES_TEXT]);

#endif
