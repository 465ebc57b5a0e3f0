/*
 * idle_bus: questions of the checks to logind and systemd, each with 2 s for its answer; what is asked while a look runs is
 * waited for by it.
 */
#include "sleeper/idle_parts.h"

#include "sleeper/bus.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct idle_call {
	struct sleeper_idle *i;
	sd_bus_slot *slot;
	idle_got *got; /* NULL: free */
	size_t nth;
};

static void end_call(struct idle_call *c, sd_bus_message *m)
{
	idle_got *got = c->got;

	c->got = NULL;
	got(c->i, m, c->nth);
	idle_answered(c->i);
}

static int answered(sd_bus_message *m, void *context, sd_bus_error *error)
{
	struct idle_call *c = context;

	(void)error;
	c->slot = sd_bus_slot_unref(c->slot);
	end_call(c, sd_bus_message_is_method_error(m, NULL) ? NULL : m);
	return 0;
}

static struct idle_call *free_call(struct sleeper_idle *i)
{
	for (size_t k = 0; k < IDLE_CALLS_MAX; k++) {
		if (!i->bus.calls[k].got)
			return &i->bus.calls[k];
	}
	return NULL;
}

static int send_call(struct idle_call *c, sd_bus *bus, const struct idle_question *q)
{
	sd_bus_message *m = NULL;
	int r = sd_bus_message_new_method_call(bus, &m, q->service, q->path, q->interface,
					       q->method);

	if (r >= 0 && q->word)
		r = sd_bus_message_append(m, "s", q->word);
	for (size_t k = 0; k < 2 && r >= 0 && q->lists[k]; k++) {
		/* What sd-bus does not declare const it does not change. */
		char **list = (char **)(uintptr_t)q->lists[k];

		r = sd_bus_message_append_strv(m, list);
	}
	if (r >= 0)
		r = sd_bus_call_async(bus, &c->slot, m, answered, c, IDLE_CALL_US);
	sd_bus_message_unref(m);
	return r;
}

void idle_bus_ask(struct sleeper_idle *i, const struct idle_question *q)
{
	sd_bus *bus = i->s->bus ? bus_now(i->s->bus) : NULL;
	struct idle_call *c = bus ? free_call(i) : NULL;

	if (c) {
		c->slot = NULL;
		c->nth = q->nth;
	}
	if (!c || send_call(c, bus, q) < 0) {
		q->got(i, NULL, q->nth);
		return;
	}
	c->got = q->got;
	idle_pending(i);
	bus_touch(i->s->bus);
}

static void bus_up(void *context, sd_bus *bus)
{
	(void)context, (void)bus;
}

/* The slots went with the connection. */
static void bus_down(void *context)
{
	struct sleeper_idle *i = context;

	for (size_t k = 0; i->bus.calls && k < IDLE_CALLS_MAX; k++) {
		i->bus.calls[k].slot = NULL;
		if (i->bus.calls[k].got)
			end_call(&i->bus.calls[k], NULL);
	}
}

int idle_bus_new(struct sleeper_idle *i)
{
	i->bus.calls = calloc(IDLE_CALLS_MAX, sizeof(*i->bus.calls));
	if (!i->bus.calls)
		return -ENOMEM;
	for (size_t k = 0; k < IDLE_CALLS_MAX; k++)
		i->bus.calls[k].i = i;
	if (i->s->bus)
		bus_use(i->s->bus, &(struct bus_user){ bus_up, bus_down, i });
	return 0;
}

void idle_bus_free(struct sleeper_idle *i)
{
	for (size_t k = 0; i->bus.calls && k < IDLE_CALLS_MAX; k++)
		sd_bus_slot_unref(i->bus.calls[k].slot);
	free(i->bus.calls);
	i->bus.calls = NULL;
}

/* --- properties --- */

static int read_property(sd_bus_message *m, const struct idle_property *p)
{
	const char *word;
	int truth;
	int r;

	switch (p->type) {
	case 's':
		r = sd_bus_message_read(m, "v", "s", &word);
		if (r > 0) {
			struct text t = text_over(p->to, p->size);

			text_string(&t, word);
		}
		return r;
	case 'b':
		r = sd_bus_message_read(m, "v", "b", &truth);
		if (r > 0)
			*(bool *)p->to = truth != 0;
		return r;
	case 'u':
		return sd_bus_message_read(m, "v", "u", p->to);
	default:
		return sd_bus_message_read(m, "v", "t", p->to);
	}
}

static const struct idle_property *named(const struct idle_property *p, size_t n, const char *name)
{
	for (size_t k = 0; k < n; k++) {
		if (strcmp(p[k].name, name) == 0)
			return &p[k];
	}
	return NULL;
}

int idle_bus_properties(sd_bus_message *m, const struct idle_property *p, size_t n)
{
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		const struct idle_property *one;
		const char *name;

		r = sd_bus_message_read(m, "s", &name);
		if (r < 0)
			return r;
		one = named(p, n, name);
		r = one ? read_property(m, one) : sd_bus_message_skip(m, "v");
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r < 0 ? r : 0;
}
