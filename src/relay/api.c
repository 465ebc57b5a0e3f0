#include "relay/api.h"

#include "base/text.h"
#include "proto/keys.h"
#include "relay/guard.h"
#include "sys/clock.h"

#include <stdio.h>

static void serve_health(struct call *c);
static void serve_metrics(struct call *c);

enum { GET = 1, POST = 2 };

static const struct route_entry {
	unsigned int methods;
	const char *path; /* {…} stands for one segment, at most once */
	void (*serve)(struct call *c);
} routes[] = {
	{ GET | POST, "/w/{token}", api_token_path },
	{ POST, "/w", api_token_bearer },
	{ POST, "/api/v1/homes/{home}/requests", api_request },
	{ GET, "/api/v1/homes/{home}/challenge", api_challenge },
	{ GET, "/api/v1/homes/{home}", api_home },
	{ GET, "/api/v1/homes/{home}/events", api_events },
	{ GET, "/api/v1/homes/{home}/live", api_live },
	{ GET, "/api/v1/homes/{home}/phrase", api_phrase },
	{ GET, "/api/v1/openapi.json", api_openapi },
	{ GET, "/healthz", serve_health },
	{ GET, "/metrics", serve_metrics },
	{ GET, "/guard", guard_upgrade },
};
#define ROUTES_N (sizeof(routes) / sizeof(routes[0]))

void api_print_routes(FILE *to)
{
	for (size_t i = 0; i < ROUTES_N; i++) {
		if (routes[i].methods & GET)
			fprintf(to, "GET %s\n", routes[i].path);
		if (routes[i].methods & POST)
			fprintf(to, "POST %s\n", routes[i].path);
	}
}

/* Whether the path is of this form; then *ret_arg is what stands for its {…}. */
static bool matches(const char *form, struct slice path, struct slice *ret_arg)
{
	const char *open = strchr(form, '{');
	const char *rest;
	struct slice arg;

	if (!open)
		return slice_is(path, form);
	rest = strchr(open, '}') + 1;
	if (!slice_starts(path, (struct slice){ form, (size_t)(open - form) }))
		return false;
	arg = (struct slice){ path.at + (open - form), path.n - (size_t)(open - form) };
	if (arg.n <= strlen(rest) || memcmp(arg.at + arg.n - strlen(rest), rest, strlen(rest)) != 0)
		return false;
	arg.n -= strlen(rest);
	*ret_arg = arg;
	return memchr(arg.at, '/', arg.n) == NULL;
}

static void serve_route(struct call *c)
{
	unsigned int method = c->head->method == HTTP_POST    ? POST
			      : c->head->method == HTTP_OTHER ? 0
							      : GET;

	for (size_t i = 0; i < ROUTES_N; i++) {
		if (!matches(routes[i].path, c->head->path, &c->arg))
			continue;
		if (routes[i].methods & method)
			routes[i].serve(c);
		else
			reply_problem(c->visitor, PROBLEM_METHOD_NOT_ALLOWED, NULL, NULL);
		return;
	}
	if (method == GET)
		api_file(c);
	else
		reply_problem(c->visitor, PROBLEM_NOT_FOUND, NULL, NULL);
}

bool call_allowed(struct call *c, enum limit_kind kind, const void *key, size_t n,
		  const struct rate *rate, const char *members)
{
	uint64_t wait = limits_take(&c->relay->limits, kind, key, n, rate, c->now_us);

	if (wait == 0)
		return true;
	reply_limited(c->visitor, wait, members);
	return false;
}

void call_failed(struct call *c, enum problem p, const char *members)
{
	if (call_allowed(c, LIMIT_FAILURE, c->client_key, c->client_key_n,
			 &c->relay->config.failures, members))
		reply_problem(c->visitor, p, NULL, members);
}

bool call_number(struct call *c, const char *key, uint64_t most, uint64_t fallback, uint64_t *ret)
{
	char text[24];
	int r = http_query(c->head->query, key, text, sizeof(text));

	*ret = fallback;
	if (r < 0 || (r > 0 && text_parse_u64(text, most, ret) < 0)) {
		reply_problem(c->visitor, PROBLEM_BAD_REQUEST, "a number of the query", NULL);
		return false;
	}
	return true;
}

const struct store_grant *call_grant(struct call *c)
{
	static struct store_grant grant;
	struct slice bearer = http_bearer(c->head->fields[HTTP_AUTHORIZATION]);
	uint8_t home[RELAY_HOME_SIZE] = { 0 };
	uint8_t key[RELAY_KEY_SIZE] = { 0 };
	bool good;

	/* The same work and the same words, whatever is wrong. */
	good = b64_decode(c->arg.at, c->arg.n, home, sizeof(home)) == 0;
	good = bearer.at && b64_decode(bearer.at, bearer.n, key, sizeof(key)) == 0 && good;
	keys_hash(key, sizeof(key), c->hash);
	good = store_find_view(c->relay->store, home, c->hash, &grant) == 1 && good;
	if (good && grant.expires_ms > clock_wall_ms())
		return &grant;
	call_failed(c, PROBLEM_NOT_AUTHORIZED, NULL);
	return NULL;
}

static bool own_origin(const struct call *c)
{
	struct slice origin = c->head->fields[HTTP_ORIGIN];

	return !origin.at || slice_is(origin, c->relay->config.public_url);
}

void api_serve(struct visitor *v, const struct http_head *h, struct slice body)
{
	struct relay *r = v->relay;
	struct call c = { .relay = r,
			  .visitor = v,
			  .head = h,
			  .body = body,
			  .client = v->peer,
			  .now_us = clock_monotonic_us() };

	if (v->proxied) {
		c.client = http_forwarded(h, r->config.proxies, r->config.proxies_n);
		if (!c.client.family)
			c.client = v->peer;
	}
	c.client_key_n = limit_address(&c.client, c.client_key);
	r->metrics.counters[METRIC_REQUESTS]++;
	if (!call_allowed(&c, LIMIT_REQUEST, c.client_key, c.client_key_n, &r->config.requests,
			  ",\"result\":\"limited\""))
		return;
	if (!own_origin(&c))
		reply_problem(v, PROBLEM_WRONG_ORIGIN, NULL, NULL);
	else
		serve_route(&c);
}

static void serve_health(struct call *c)
{
	struct relay *r = c->relay;
	enum store_state state = store_state_now(r->store);
	char json[256];
	int n = snprintf(json, sizeof(json),
			 "{\"status\":\"%s\",\"version\":\"" ROUSE_VERSION
			 "\",\"guards\":%u,\"storage\":\"%s\"}",
			 r->draining	     ? "draining"
			 : state == STORE_OK ? "ok"
					     : "degraded",
			 r->route.guards, store_state_name(state));

	reply_json(c->visitor, r->draining ? 503 : 200, json, (size_t)n);
}

static void count_streams(void *context, struct route_home *h)
{
	*(uint64_t *)context += h->streams_n;
}

static bool metrics_allowed(const struct call *c)
{
	const struct config *config = &c->relay->config;
	bool local = addr_is_loopback(&c->client);

	for (size_t i = 0; i < config->proxies_n; i++)
		local = local || prefix_contains(&config->proxies[i], &c->client);
	return config->metrics == CONFIG_METRICS_ALL ||
	       (config->metrics == CONFIG_METRICS_LOCAL && local);
}

static void serve_metrics(struct call *c)
{
	struct relay *r = c->relay;
	struct metric_levels levels = {
		.guards = r->route.guards,
		.connections = r->visitors_n,
		.waiting = r->route.waiting,
		.storing = store_waiting(r->store),
		.storage_ok = store_state_now(r->store) == STORE_OK,
	};
	struct buffer body = { 0 };
	struct reply reply = { .status = 200, .type = "text/plain; version=0.0.4" };

	/* As if it were not there. */
	if (!metrics_allowed(c)) {
		call_failed(c, PROBLEM_NOT_FOUND, NULL);
		return;
	}
	route_each(&r->route, count_streams, &levels.streams);
	metrics_write(&r->metrics, &levels, &body);
	if (body.failed) {
		reply_problem(c->visitor, PROBLEM_INTERNAL, NULL, NULL);
	} else {
		reply.body = body.start;
		reply.n = body.used;
		reply_send(c->visitor, &reply);
	}
	buffer_done(&body);
}
