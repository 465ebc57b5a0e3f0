/*
 * check_here: what the machine itself shows: load, pressure, rates of disks and of the network, processes by name.
 */
#include "sleeper/idle_parts.h"

#include "sleeper/proc_text.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEXT_SIZE 65536
#define PROCESSES_MAX 65536
#define COMM_SIZE 16 /* what the kernel keeps of a name, with NUL */

/* A file of /proc as text; NULL when it cannot be read. Valid until the next call. */
static const char *read_text(int dir, const char *name)
{
	static char text[TEXT_SIZE];
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n = 1;

	if (fd < 0)
		return NULL;
	while (n > 0 && used < sizeof(text) - 1) {
		n = read(fd, text + used, sizeof(text) - 1 - used);
		used += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	text[used] = 0;
	return n < 0 ? NULL : text;
}

/* --- load and pressure --- */

struct figure {
	const char *check, *unit;
	uint64_t limit, value;
	bool known;
};

static void tell_figure(const struct figure *f, uint64_t now_us, uint64_t *last_us,
			struct evidences *to)
{
	struct text t;
	struct evidence *e = evidence_add(to, f->check, &t);

	if (!f->known) {
		text_string(&t, "the kernel does not say");
		return;
	}
	if (f->value >= f->limit) {
		e->is.said = IDLE_BUSY;
		*last_us = now_us;
	}
	e->is.last_us = *last_us;
	evidence_put_hundredths(&t, f->value);
	text_string(&t, f->unit);
	text_string(&t, " over the last minute; the limit is ");
	evidence_put_hundredths(&t, f->limit);
	text_string(&t, f->unit);
}

static void look_load(struct sleeper_idle *i, uint64_t now_us, struct evidences *to)
{
	const struct config *c = i->s->config;
	struct figure load = { .check = "load", .unit = "", .limit = c->idle_load };
	struct figure pressure = { .check = "pressure", .unit = " %", .limit = c->idle_pressure };
	const char *text;

	if (load.limit != CONFIG_OFF) {
		text = read_text(AT_FDCWD, "/proc/loadavg");
		load.known = text && proc_load(text, &load.value);
		tell_figure(&load, now_us, &i->here.load_last_us, to);
	}
	if (pressure.limit != CONFIG_OFF) {
		text = read_text(AT_FDCWD, "/proc/pressure/cpu");
		pressure.known = text && proc_pressure(text, &pressure.value);
		tell_figure(&pressure, now_us, &i->here.pressure_last_us, to);
	}
}

/* --- rates --- */

static void rate_take(struct idle_rate *r, bool known, uint64_t bytes, uint64_t now_us)
{
	uint64_t took = now_us - r->looked_us;

	if (r->looked_us && took < IDLE_SMOOTH_US)
		return;
	/* A disk or an interface that is gone takes its bytes with it. */
	r->known = known && r->looked_us && bytes >= r->bytes;
	if (r->known)
		r->per_second = (bytes - r->bytes) * 1000 / (took / 1000);
	r->bytes = bytes;
	r->looked_us = known ? now_us : 0;
}

static void rate_tell(struct idle_rate *r, const char *check, uint64_t limit, uint64_t now_us,
		      struct evidences *to)
{
	struct text t;
	struct evidence *e = evidence_add(to, check, &t);

	if (!r->known) {
		text_string(&t, r->looked_us ? "not known before the next look"
					     : "the kernel does not say");
		return;
	}
	if (r->per_second >= limit) {
		e->is.said = IDLE_BUSY;
		r->last_us = now_us;
	}
	e->is.last_us = r->last_us;
	evidence_put_bytes(&t, r->per_second);
	text_string(&t, " a second; the limit is ");
	evidence_put_bytes(&t, limit);
}

static void look_rates(struct sleeper_idle *i, uint64_t now_us, struct evidences *to)
{
	const struct config *c = i->s->config;
	const char *text;
	uint64_t bytes = 0;
	bool known;

	if (c->idle_disk != CONFIG_OFF) {
		text = read_text(AT_FDCWD, "/proc/diskstats");
		known = text && proc_disk_bytes(text, &bytes);
		rate_take(&i->here.disk, known, bytes, now_us);
		rate_tell(&i->here.disk, "disk", c->idle_disk, now_us, to);
	}
	if (c->idle_network != CONFIG_OFF) {
		text = read_text(AT_FDCWD, "/proc/net/dev");
		known = text && proc_network_bytes(text, i->s->port.interface, &bytes);
		rate_take(&i->here.network, known, bytes, now_us);
		rate_tell(&i->here.network, "network", c->idle_network, now_us, to);
	}
}

/* --- processes --- */

/* The one of `names` that this process has, or NULL. */
static const char *match(int proc, const char *pid, const struct config_names *names)
{
	char path[32];
	const char *comm;
	size_t n;

	if (strlen(pid) > 10)
		return NULL;
	(void)snprintf(path, sizeof(path), "%s/comm", pid);
	comm = read_text(proc, path);
	n = comm ? strcspn(comm, "\n") : 0;
	for (size_t i = 0; n && i < names->n; i++) {
		size_t length = strnlen(names->list[i], COMM_SIZE - 1);

		if (length == n && memcmp(names->list[i], comm, n) == 0)
			return names->list[i];
	}
	return NULL;
}

static void look_processes(struct sleeper_idle *i, struct evidences *to)
{
	const struct config_names *names = &i->s->config->idle_processes;
	const struct dirent *d;
	const char *found = NULL;
	struct evidence *e;
	struct text t;
	DIR *proc;

	if (names->n == 0)
		return;
	e = evidence_add(to, "processes", &t);
	proc = opendir("/proc");
	for (int n = 0; proc && !found && n < PROCESSES_MAX; n++) {
		d = readdir(proc); /* cppcheck-suppress readdirCalled ; one thread looks */
		if (!d)
			break;
		if (isdigit((unsigned char)d->d_name[0]))
			found = match(dirfd(proc), d->d_name, names);
	}
	if (proc)
		closedir(proc);
	if (found) {
		e->is.said = IDLE_BUSY;
		text_string(&t, found);
		text_string(&t, " runs");
	} else {
		text_string(&t, proc ? "none of them runs" : "cannot look at /proc");
	}
}

void here_look(struct sleeper_idle *i, uint64_t now_us, struct evidences *to)
{
	look_load(i, now_us, to);
	look_rates(i, now_us, to);
	look_processes(i, to);
}
