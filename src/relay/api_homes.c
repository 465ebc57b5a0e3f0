/*
 * api_homes: what a home shows to those who have a view key, and phrase lookups for those who have nothing yet.
 */
#include "proto/keys.h"
#include "relay/api.h"
#include "relay/guard.h"
#include "relay/live.h"
#include "sys/clock.h"

#include <stdio.h>

static void answer(struct call *c, int result, struct buffer *body)
{
	if (result < 0 || body->failed)
		reply_problem(c->visitor, PROBLEM_INTERNAL, NULL, NULL);
	else
		reply_json(c->visitor, 200, body->start, body->used);
	buffer_done(body);
}

void api_home(struct call *c)
{
	const struct store_grant *g = call_grant(c);
	struct buffer body = { 0 };

	if (g)
		answer(c, live_write_home(c->relay, g, &body), &body);
}

void api_events(struct call *c)
{
	const struct store_grant *g = call_grant(c);
	struct buffer body = { 0 };
	uint64_t after, limit;
	int r;

	if (!g || !call_number(c, "after", RELAY_WHOLE_MAX, RELAY_NULL, &after) ||
	    !call_number(c, "limit", 200, 50, &limit))
		return;
	buffer_text(&body, "{\"events\":[");
	r = store_list_events(c->relay->store, g, after, (uint32_t)limit, &body);
	buffer_text(&body, "]}");
	answer(c, r, &body);
}

void api_live(struct call *c)
{
	const struct store_grant *g = call_grant(c);

	if (!g)
		return;
	if (c->head->method != HTTP_GET)
		reply_problem(c->visitor, PROBLEM_METHOD_NOT_ALLOWED, NULL, NULL);
	else
		live_start(c, g);
}

void api_challenge(struct call *c)
{
	const struct store_grant *g = call_grant(c);
	const struct route_home *h;
	char challenge[RELAY_NONCE_TEXT];
	char json[128];
	uint32_t seconds;
	int n;

	if (!g)
		return;
	h = route_find(&c->relay->route, g->home);
	if (!h || !h->guard || !guard_challenge(h->guard, c->now_us, challenge, &seconds)) {
		call_offline(c);
		return;
	}
	n = snprintf(json, sizeof(json), "{\"challenge\":\"%s\",\"expires_in\":%u}", challenge,
		     seconds);
	reply_json(c->visitor, 200, json, (size_t)n);
}

/* What a label gets that nobody has: the same every time, and as random as the real ones. */
static void make_up(struct call *c, const uint8_t *home, const char *label,
		    char grant[static RELAY_GRANT_TEXT], uint8_t salt[static RELAY_NONCE_SIZE])
{
	uint8_t bytes[256], mac[32];
	struct writer w = writer_over(bytes, sizeof(bytes));
	char lower[RELAY_NAME_MAX + 1] = "";

	for (size_t i = 0; label[i]; i++)
		lower[i] = label[i] >= 'A' && label[i] <= 'Z' ? (char)(label[i] + 32) : label[i];
	relay_part_text(&w, "rouse-phrase-v1");
	relay_part(&w, home, RELAY_HOME_SIZE);
	relay_part_text(&w, lower);
	keys_hmac(store_secret(c->relay->store), bytes, w.used, mac);
	b64_encode(mac, RELAY_GRANT_SIZE, grant);
	memcpy(salt, mac + RELAY_GRANT_SIZE, RELAY_NONCE_SIZE);
}

void api_phrase(struct call *c)
{
	uint8_t home[RELAY_HOME_SIZE] = { 0 };
	char label[RELAY_NAME_MAX + 1];
	char grant[2][RELAY_GRANT_TEXT];
	uint8_t salt[2][RELAY_NONCE_SIZE];
	char text[RELAY_NONCE_TEXT], json[128];
	int found, n;

	if (!call_allowed(c, LIMIT_PHRASE, c->client_key, c->client_key_n,
			  &c->relay->config.phrases, NULL))
		return;
	if (http_query(c->head->query, "label", label, sizeof(label)) != 1 ||
	    !relay_name_valid(label)) {
		reply_problem(c->visitor, PROBLEM_BAD_REQUEST, "label", NULL);
		return;
	}
	(void)b64_decode(c->arg.at, c->arg.n, home, sizeof(home));
	make_up(c, home, label, grant[0], salt[0]);
	found = store_find_label(c->relay->store, home, label, grant[1], salt[1]) == 1;
	n = snprintf(json, sizeof(json), "{\"grant\":\"%s\",\"salt\":\"%s\"}", grant[found],
		     b64_encode(salt[found], RELAY_NONCE_SIZE, text));
	reply_json(c->visitor, 200, json, (size_t)n);
}
