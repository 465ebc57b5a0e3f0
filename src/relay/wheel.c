#include "relay/wheel.h"

#include "base/heap.h"
#include "sys/clock.h"

static void turn(void *context)
{
	struct wheel *w = context;
	uint64_t now = clock_monotonic_us() / WHEEL_TICK_US;
	struct list due;

	/* After a long standstill one full turn has everything. */
	if (now - w->tick > WHEEL_SLOTS)
		w->tick = now - WHEEL_SLOTS;
	list_init(&due);
	while (w->tick < now) {
		struct list *slot = &w->slots[++w->tick % WHEEL_SLOTS];

		while (!list_empty(slot)) {
			struct list *node = slot->next;

			list_remove(node);
			list_append(&due, node);
		}
	}
	while (!list_empty(&due)) {
		struct wheel_timer *t = container_of(due.next, struct wheel_timer, node);

		wheel_cancel(w, t);
		t->due(t);
	}
	if (w->armed)
		loop_timer_set(&w->timer, (now + 1) * WHEEL_TICK_US);
}

int wheel_init(struct wheel *w, struct loop *l)
{
	w->tick = 0;
	w->armed = 0;
	for (size_t i = 0; i < WHEEL_SLOTS; i++)
		list_init(&w->slots[i]);
	return loop_timer_init(&w->timer, l, turn, w);
}

void wheel_done(struct wheel *w)
{
	loop_timer_done(&w->timer);
}

void wheel_timer_init(struct wheel_timer *t, void (*due)(struct wheel_timer *t))
{
	list_init(&t->node);
	t->due = due;
	t->armed = false;
}

void wheel_set(struct wheel *w, struct wheel_timer *t, uint64_t us)
{
	uint64_t now = clock_monotonic_us();
	uint64_t tick = (now + us) / WHEEL_TICK_US + 1;

	wheel_cancel(w, t);
	if (w->armed == 0) {
		w->tick = now / WHEEL_TICK_US;
		loop_timer_set(&w->timer, (w->tick + 1) * WHEEL_TICK_US);
	}
	if (tick - w->tick >= WHEEL_SLOTS)
		tick = w->tick + WHEEL_SLOTS - 1;
	list_append(&w->slots[tick % WHEEL_SLOTS], &t->node);
	t->armed = true;
	w->armed++;
}

void wheel_cancel(struct wheel *w, struct wheel_timer *t)
{
	if (!t->armed)
		return;
	list_remove(&t->node);
	t->armed = false;
	w->armed--;
}
