#include "relay/route.h"

#include "sys/clock.h"
#include "sys/entropy.h"

#include <errno.h>
#include <stdlib.h>

#define BUCKETS 16384
#define REQUEST_BUCKETS 16384
#define ACKNOWLEDGE_US 10000000
#define ANSWERS_MAX 32

static struct route_home *home_of(struct hash_node *node)
{
	return container_of(node, struct route_home, node);
}

int route_init(struct route *r, struct wheel *w, void (*send)(struct guard *, const char *, size_t),
	       void (*doubt)(struct guard *))
{
	struct hash_node **homes = calloc(BUCKETS, sizeof(struct hash_node *));
	struct hash_node **requests = calloc(REQUEST_BUCKETS, sizeof(struct hash_node *));

	*r = (struct route){ .wheel = w, .next_id = 1, .send = send, .doubt = doubt };
	if (!homes || !requests) {
		free(homes);
		free(requests);
		return -ENOMEM;
	}
	entropy_bytes(&r->key, sizeof(r->key));
	hash_init(&r->homes, homes, BUCKETS);
	hash_init(&r->requests, requests, REQUEST_BUCKETS);
	return 0;
}

void route_done(struct route *r)
{
	free(r->homes.buckets);
	free(r->requests.buckets);
}

struct route_home *route_find(struct route *r, const uint8_t home[static RELAY_HOME_SIZE])
{
	uint64_t hash = hash_bytes(&r->key, home, RELAY_HOME_SIZE);

	for (struct hash_node *n = hash_first(&r->homes, hash); n; n = hash_next(n))
		if (memcmp(home_of(n)->id, home, RELAY_HOME_SIZE) == 0)
			return home_of(n);
	return NULL;
}

struct route_home *route_take(struct route *r, const uint8_t home[static RELAY_HOME_SIZE])
{
	struct route_home *h = route_find(r, home);

	if (h)
		return h;
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	memcpy(h->id, home, RELAY_HOME_SIZE);
	list_init(&h->requests);
	list_init(&h->streams);
	hash_insert(&r->homes, &h->node, hash_bytes(&r->key, home, RELAY_HOME_SIZE));
	return h;
}

void route_put(struct route *r, struct route_home *h)
{
	if (h->guard || h->requests_n || h->streams_n)
		return;
	hash_remove(&r->homes, &h->node);
	free(h);
}

void route_each(struct route *r, void (*each)(void *context, struct route_home *h), void *context)
{
	for (size_t i = 0; i < r->homes.size; i++) {
		struct hash_node *next;

		for (struct hash_node *n = r->homes.buckets[i]; n; n = next) {
			next = n->next;
			each(context, home_of(n));
		}
	}
}

/* Ends a request and tells why; the entry of the home stays. */
static void fail(struct route_request *q, enum route_news news)
{
	route_end(q);
	q->told(q, news, NULL);
}

/* The requests that the connection which is gone has not acknowledged: nobody knows. */
static void lose(struct route_home *h)
{
	/* The entry must outlive the requests that end here. */
	h->streams_n++;
	list_each_safe(node, &h->requests)
	{
		struct route_request *q = container_of(node, struct route_request, by_home);

		if (q->answers == 0)
			fail(q, ROUTE_LOST);
	}
	h->streams_n--;
}

struct guard *route_attach(struct route *r, struct route_home *h, struct guard *g, uint64_t now_ms)
{
	struct guard *before = h->guard;

	r->guards += before == NULL;
	h->guard = g;
	h->since_ms = now_ms;
	lose(h);
	return before;
}

void route_detach(struct route *r, struct route_home *h, struct guard *g)
{
	if (h->guard != g)
		return;
	h->guard = NULL;
	h->since_ms = 0;
	r->guards--;
	lose(h);
}

uint64_t route_next_id(struct route *r)
{
	return r->next_id;
}

static void on_timer(struct wheel_timer *t)
{
	struct route_request *q = container_of(t, struct route_request, timer);

	if (q->answers == 0 && q->home->guard)
		q->route->doubt(q->home->guard);
	fail(q, q->answers ? ROUTE_TIME_OVER : ROUTE_SILENT);
}

bool route_send(struct route *r, struct route_home *h, struct route_request *q, uint64_t wait_us,
		const char *text, size_t n)
{
	if (!h->guard)
		return false;
	q->route = r;
	q->home = h;
	q->id = r->next_id++;
	q->answers = 0;
	q->until_us = clock_monotonic_us() + wait_us;
	list_init(&q->by_home);
	list_append(&h->requests, &q->by_home);
	h->requests_n++;
	r->waiting++;
	hash_insert(&r->requests, &q->node, q->id);
	wheel_timer_init(&q->timer, on_timer);
	wheel_set(r->wheel, &q->timer, ACKNOWLEDGE_US);
	r->send(h->guard, text, n);
	return true;
}

void route_end(struct route_request *q)
{
	struct route *r = q->route;
	struct route_home *h = q->home;

	if (!h)
		return;
	wheel_cancel(r->wheel, &q->timer);
	list_remove(&q->by_home);
	hash_remove(&r->requests, &q->node);
	q->home = NULL;
	r->waiting--;
	h->requests_n--;
	route_put(r, h);
}

static struct route_request *find_request(struct route *r, uint64_t id)
{
	for (struct hash_node *n = hash_first(&r->requests, id); n; n = hash_next(n)) {
		struct route_request *q = container_of(n, struct route_request, node);

		if (q->id == id)
			return q;
	}
	return NULL;
}

bool route_answered(struct route *r, struct route_home *h, uint64_t id,
		    const struct route_answer *a)
{
	struct route_request *q = find_request(r, id);
	uint64_t now;

	/* Another home's request is none of this guard's business. */
	if (!q || q->home != h || q->answers >= ANSWERS_MAX)
		return false;
	if (q->answers++ == 0 && !a->final) {
		now = clock_monotonic_us();
		wheel_set(r->wheel, &q->timer, q->until_us > now ? q->until_us - now : 0);
	}
	q->told(q, ROUTE_ANSWER, a);
	return true;
}
