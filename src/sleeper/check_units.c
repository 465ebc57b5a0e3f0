/*
 * check_units: the units that [idle] names, and the timers that want this machine awake when they elapse (WakeSystem=, or named in
 * wake-for), as systemd says.
 */
#include "sleeper/idle_parts.h"

#include "sleeper/bus.h"
#include "sleeper/rtc.h"
#include "sys/clock.h"

#include <stdio.h>
#include <string.h>

#define SYSTEMD "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define MANAGER SYSTEMD ".Manager"
#define UNIT_SIGNATURE "(ssssssouso)"
#define UNITS_MAX 256 /* of an answer that are looked at */

struct unit {
	const char *name, *text, *load, *state, *sub, *following, *path, *job, *job_path;
	uint32_t job_id;
};

static bool next_unit(sd_bus_message *m, struct unit *u)
{
	return sd_bus_message_read(m, UNIT_SIGNATURE, &u->name, &u->text, &u->load, &u->state,
				   &u->sub, &u->following, &u->path, &u->job_id, &u->job,
				   &u->job_path) > 0;
}

static void copy(char *to, size_t size, const char *from)
{
	struct text t = text_over(to, size);

	text_string(&t, from);
}

/* --- units --- */

static void got_units(struct sleeper_idle *i, sd_bus_message *m, size_t nth)
{
	static const char *const works[] = { "active", "activating", "deactivating", "reloading" };
	struct idle_units *all = &i->units;
	struct unit u;

	(void)nth;
	all->busy[0] = 0;
	all->failed = !m || sd_bus_message_enter_container(m, 'a', UNIT_SIGNATURE) < 0;
	for (int n = 0; !all->failed && !all->busy[0] && n < UNITS_MAX && next_unit(m, &u); n++) {
		for (size_t k = 0; k < sizeof(works) / sizeof(works[0]); k++) {
			if (strcmp(u.state, works[k]) != 0)
				continue;
			copy(all->busy, sizeof(all->busy), u.name);
			copy(all->state, sizeof(all->state), u.state);
		}
	}
}

/* --- timers --- */

static bool is_named(const struct config_names *names, const char *unit)
{
	for (size_t k = 0; k < names->n; k++) {
		if (strcmp(names->list[k], unit) == 0)
			return true;
	}
	return false;
}

static void got_timer(struct sleeper_idle *i, sd_bus_message *m, size_t nth)
{
	struct idle_units *all = &i->units;
	uint64_t wall = 0, monotonic = 0, now_wall, now;
	bool wakes = false;
	const struct idle_property wanted[] = {
		{ "WakeSystem", 'b', &wakes, 0 },
		{ "NextElapseUSecRealtime", 't', &wall, 0 },
		{ "NextElapseUSecMonotonic", 't', &monotonic, 0 },
	};

	if (!m || idle_bus_properties(m, wanted, sizeof(wanted) / sizeof(wanted[0])) < 0 ||
	    (!wakes && !is_named(&i->s->config->idle_wake_for, all->timers[nth])))
		return;
	now_wall = clock_wall_ms() * 1000;
	now = clock_monotonic_us();
	/* Both count; systemd says 0 or all ones for what there is not. */
	if (monotonic > now && monotonic != UINT64_MAX) {
		monotonic = now_wall + (monotonic - now);
		wall = wall == 0 || wall == UINT64_MAX || monotonic < wall ? monotonic : wall;
	}
	if (wall <= now_wall || wall == UINT64_MAX)
		return;
	if (all->next.unit[0] && all->next.at_wall_us <= wall)
		return;
	all->next.at_wall_us = wall;
	copy(all->next.unit, sizeof(all->next.unit), all->timers[nth]);
}

static void got_timers(struct sleeper_idle *i, sd_bus_message *m, size_t nth)
{
	struct idle_units *all = &i->units;
	struct unit u;

	(void)nth;
	all->timers_n = 0;
	all->next = (struct idle_wake){ .unit = "" };
	all->timers_failed = !m || sd_bus_message_enter_container(m, 'a', UNIT_SIGNATURE) < 0;
	while (!all->timers_failed && all->timers_n < IDLE_TIMERS_MAX && next_unit(m, &u)) {
		copy(all->timers[all->timers_n], sizeof(all->timers[0]), u.name);
		idle_bus_ask(i, &(struct idle_question){
					.service = SYSTEMD,
					.path = u.path,
					.interface = "org.freedesktop.DBus.Properties",
					.method = "GetAll",
					.word = SYSTEMD ".Timer",
					.got = got_timer,
					.nth = all->timers_n++ });
	}
}

static void ask_manager(struct sleeper_idle *i, const char *method, idle_got *got,
			const char *const *first, const char *const *second)
{
	idle_bus_ask(i, &(struct idle_question){ .service = SYSTEMD,
						 .path = SYSTEMD_PATH,
						 .interface = MANAGER,
						 .method = method,
						 .lists = { first, second },
						 .got = got });
}

void units_ask(struct sleeper_idle *i)
{
	static const char *const active[] = { "active", NULL };
	static const char *const timers[] = { "*.timer", NULL };
	const struct config_names *names = &i->s->config->idle_units;
	const char *list[CONFIG_NAMES_MAX + 1] = { NULL };

	for (size_t k = 0; k < names->n; k++)
		list[k] = names->list[k];
	if (names->n)
		ask_manager(i, "ListUnitsByNames", got_units, list, NULL);
	if (i->s->config->idle_timers)
		ask_manager(i, "ListUnitsByPatterns", got_timers, active, timers);
}

/* --- telling --- */

static void tell_units(struct sleeper_idle *i, uint64_t now_us, struct evidences *to)
{
	struct idle_units *all = &i->units;
	struct text t;
	struct evidence *e = evidence_add(to, "units", &t);

	if (all->failed) {
		e->is.said = IDLE_POSTPONES;
		text_string(&t, "systemd does not answer");
		return;
	}
	if (all->busy[0]) {
		e->is.said = IDLE_BUSY;
		all->last_us = now_us;
		text_string(&t, all->busy);
		text_string(&t, " is ");
		text_string(&t, all->state);
	} else {
		text_string(&t, "none of them is active");
	}
	e->is.last_us = all->last_us;
}

static void tell_timers(struct sleeper_idle *i, struct evidences *to)
{
	const struct idle_units *all = &i->units;
	uint64_t now_wall = clock_wall_ms() * 1000;
	uint64_t left = all->next.at_wall_us > now_wall ? all->next.at_wall_us - now_wall : 0;
	struct text t;
	struct evidence *e = evidence_add(to, "timers", &t);

	if (all->timers_failed) {
		e->is.said = IDLE_POSTPONES;
		text_string(&t, "systemd does not answer");
		return;
	}
	if (!all->next.unit[0]) {
		text_string(&t, "no timer needs it awake");
		return;
	}
	text_string(&t, all->next.unit);
	text_string(&t, " in ");
	evidence_put_duration(&t, left);
	if (left < i->s->config->idle_timer_near) {
		e->is.said = IDLE_POSTPONES;
		text_string(&t, ": too soon to sleep before it");
	} else if (!rtc_present()) {
		e->is.said = IDLE_POSTPONES;
		text_string(&t, ", and there is no clock that could wake the machine for it "
				"([idle] timers = ignore sleeps all the same)");
	} else {
		text_string(&t, ": the clock will wake the machine for it");
	}
}

void units_tell(struct sleeper_idle *i, uint64_t now_us, struct evidences *to)
{
	if (i->s->config->idle_units.n)
		tell_units(i, now_us, to);
	if (i->s->config->idle_timers)
		tell_timers(i, to);
}
