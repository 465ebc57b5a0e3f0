#include "sleeper/services.h"

#include "base/text.h"
#include "sys/clock.h"
#include "sys/files.h"
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "services"
#define FILE_MAX 8192
#define SCAN_US (5 * 60 * UINT64_C(1000000)) /* an older scan is made again */
#define PORT_RANGE "/proc/sys/net/ipv4/ip_local_port_range"

struct services {
	struct config_rules switched[2]; /* [on] */
	uint64_t scanned_us; /* 0: never */
	int error; /* of the last scan, so that it is logged once */
	struct services_view view;
};

/* --- what was switched by hand --- */

static void rules_remove(struct config_rules *all, const struct rule *r)
{
	for (size_t i = 0; i < all->n;) {
		if (services_covers(r, &all->list[i]))
			all->list[i] = all->list[--all->n];
		else
			i++;
	}
}

static int rules_add(struct config_rules *all, const struct rule *r)
{
	rules_remove(all, r);
	if (all->n == CONFIG_RULES_MAX)
		return -ENOSPC;
	all->list[all->n++] = *r;
	return 0;
}

/* "on tcp/445": a line that makes no sense is left out, the file is ours. */
static void take_line(struct services *v, char *line)
{
	bool on = strncmp(line, "on ", 3) == 0;
	struct rule r;

	if (!on && strncmp(line, "off ", 4) != 0)
		return;
	if (rule_parse(line + (on ? 3 : 4), &r) == 0)
		(void)rules_add(&v->switched[on], &r);
}

static int load(struct services *v, const char *directory)
{
	char *bytes = NULL, *line, *rest;
	size_t n;
	int dir, r;

	r = file_directory_open(directory, &dir);
	if (r < 0)
		return r;
	r = file_read(dir, FILE_NAME, FILE_MAX, &bytes, &n);
	close(dir);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (rest = bytes; (line = strsep(&rest, "\n"));)
		take_line(v, line);
	free(bytes);
	return 0;
}

static void put_rules(struct text *t, const char *word, const struct config_rules *all)
{
	char rule[RULE_TEXT];

	for (size_t i = 0; i < all->n; i++) {
		text_string(t, word);
		text_string(t, rule_format(&all->list[i], rule));
		text_char(t, '\n');
	}
}

static int save(const struct config_rules switched[2], const char *directory)
{
	char bytes[FILE_MAX];
	struct text t = text_over(bytes, sizeof(bytes));
	int dir, r;

	put_rules(&t, "on ", &switched[true]);
	put_rules(&t, "off ", &switched[false]);
	if (t.cut)
		return -ENOSPC;
	r = file_directory_open(directory, &dir);
	if (r < 0)
		return r;
	r = file_replace(dir, FILE_NAME, bytes, t.used, 0600);
	close(dir);
	return r;
}

int services_switch(struct sleeper *s, const struct rule *rule, bool on,
		    char error[static SERVICES_TEXT])
{
	struct services *v = s->services;
	struct config_rules after[2] = { v->switched[0], v->switched[1] };
	int r;

	rules_remove(&after[!on], rule);
	r = rules_add(&after[on], rule);
	if (r < 0) {
		(void)snprintf(error, SERVICES_TEXT, "at most %d rules can be switched",
			       CONFIG_RULES_MAX);
		return r;
	}
	r = save(after, s->config->state_dir);
	if (r < 0) {
		(void)snprintf(error, SERVICES_TEXT, "it could not be stored: %s", strerror(-r));
		return r;
	}
	memcpy(v->switched, after, sizeof(after));
	v->scanned_us = 0;
	sleeper_changed(s);
	return 0;
}

/* --- scanning --- */

static void read_ephemeral(struct services_view *v)
{
	FILE *f = fopen(PORT_RANGE, "re");
	char line[64] = "";
	uint64_t first = 0, last = 0;
	char *at = line;

	if (!f)
		return;
	if (fgets(line, sizeof(line), f)) {
		const char *a = strsep(&at, " \t\n");
		const char *b = at ? strsep(&at, " \t\n") : NULL;

		if (a && b && text_parse_u64(a, 65535, &first) == 0 &&
		    text_parse_u64(b, 65535, &last) == 0) {
			v->ephemeral_first = (uint16_t)first;
			v->ephemeral_last = (uint16_t)last;
		}
	}
	fclose(f);
}

static void see_tcp(void *context, const struct sock_seen *s)
{
	services_see(context, SOCK_TCP_LISTENING, s);
}

static void see_udp(void *context, const struct sock_seen *s)
{
	services_see(context, SOCK_UDP_OPEN, s);
}

static void name_units(struct services_view *v)
{
	static struct cgroup_name names[SERVICES_MAX];

	for (size_t i = 0; i < v->n; i++)
		names[i] = v->list[i].unit;
	(void)cgroup_units(CGROUP_ROOT, names, v->n);
	for (size_t i = 0; i < v->n; i++)
		v->list[i].unit = names[i];
}

static void scan(struct sleeper *s)
{
	struct services *v = s->services;
	const struct config *c = s->config;
	int r;

	v->view = (struct services_view){
		.port = &s->port,
		.configured = { &c->services_off, &c->services_on },
		.switched = { &v->switched[false], &v->switched[true] },
	};
	read_ephemeral(&v->view);
	r = sock_diag_each(SOCK_TCP_LISTENING, see_tcp, &v->view);
	if (r == 0)
		r = sock_diag_each(SOCK_UDP_OPEN, see_udp, &v->view);
	if (r < 0 && r != v->error)
		log_warning(
			"cannot see all that listens here (%s): name it with [services] on = ...",
			strerror(-r));
	v->error = r;
	services_judge(&v->view);
	v->scanned_us = clock_monotonic_us();
	/* A goodbye needs no names, and must not wait for them. */
	if (s->phase == SLEEPER_UP)
		name_units(&v->view);
}

static void scan_if_old(struct sleeper *s)
{
	const struct services *v = s->services;

	if (v->scanned_us == 0 || s->phase != SLEEPER_UP ||
	    clock_monotonic_us() - v->scanned_us >= SCAN_US)
		scan(s);
}

void services_rules(struct sleeper *s, struct spec *spec)
{
	const struct services_view *v = &s->services->view;

	scan_if_old(s);
	spec->rules_n = 0;
	/* A person's own rules first: of too many the others are left out. */
	for (int own = 1; own >= 0; own--) {
		for (size_t i = 0; i < v->n; i++) {
			const struct service *one = &v->list[i];

			if (one->on && (one->why >= SERVICE_CONFIGURED) == own &&
			    spec->rules_n < SERVICES_RULES_MAX)
				(void)spec_add_rule(spec, &one->rule);
		}
	}
}

const struct service *services_list(struct sleeper *s, size_t *ret_n)
{
	scan(s);
	*ret_n = s->services->view.n;
	return s->services->view.list;
}

bool services_tcp_on(struct sleeper *s, uint16_t port, const char **ret_unit)
{
	const struct services_view *v = &s->services->view;
	const struct rule r = { .kind = RULE_TCP, .first = port, .last = port };
	bool ephemeral = port >= v->ephemeral_first && port <= v->ephemeral_last;
	bool any = false, on = false, listens = false;

	scan_if_old(s);
	*ret_unit = "";
	for (size_t i = 0; i < v->n; i++) {
		const struct service *one = &v->list[i];

		any = any || one->on;
		on = on || (one->on && services_covers(&one->rule, &r));
		if (one->rule.kind != RULE_TCP || one->rule.first != port)
			continue;
		listens = listens || one->listens;
		if (one->unit.unit[0])
			*ret_unit = one->unit.unit;
	}
	/* Without any rule every TCP port wakes; those that the kernel chose are of connections that began here. */
	return on || (!any && (listens || !ephemeral));
}

/* --- life --- */

int services_new(struct sleeper *s)
{
	int r;

	s->services = calloc(1, sizeof(*s->services));
	if (!s->services)
		return -ENOMEM;
	r = load(s->services, s->config->state_dir);
	if (r < 0)
		log_warning("what `rouse service` switched cannot be read in %s: %s",
			    s->config->state_dir, strerror(-r));
	return 0;
}

void services_free(struct sleeper *s)
{
	free(s->services);
	s->services = NULL;
}
