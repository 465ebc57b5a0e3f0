#include "core/grant.h"

#include <string.h>

void grant_rotate(struct grant_window *w, const uint8_t value[static GRANT_BYTES], uint64_t now)
{
	struct grant_challenge *c = &w->slots[w->current ^= 1U];

	c->there = true;
	c->made = now;
	c->nonces_n = 0;
	memcpy(c->value, value, GRANT_BYTES);
}

uint64_t grant_rotate_due(const struct grant_window *w)
{
	const struct grant_challenge *c = &w->slots[w->current];

	return c->there ? c->made + GRANT_ROTATE : 0;
}

static bool is_good(const struct grant_challenge *c, uint64_t now)
{
	return c->there && now - c->made < GRANT_CHALLENGE_LIFE;
}

const uint8_t *grant_current(const struct grant_window *w, uint64_t now, uint64_t *ret_left)
{
	const struct grant_challenge *c = &w->slots[w->current];

	*ret_left = is_good(c, now) ? GRANT_CHALLENGE_LIFE - (now - c->made) : 0;
	return c->value;
}

static bool was_seen(const struct grant_challenge *c, const uint8_t nonce[static GRANT_BYTES])
{
	for (uint32_t i = 0; i < c->nonces_n; i++) {
		if (memcmp(c->nonces[i], nonce, GRANT_BYTES) == 0)
			return true;
	}
	return false;
}

enum grant_verdict grant_admit(struct grant_window *w, const uint8_t challenge[static GRANT_BYTES],
			       const uint8_t nonce[static GRANT_BYTES], uint64_t now)
{
	struct grant_challenge *good = NULL;

	for (unsigned int i = 0; i < 2; i++) {
		struct grant_challenge *c = &w->slots[i];

		if (!is_good(c, now))
			continue;
		if (memcmp(c->value, challenge, GRANT_BYTES) == 0)
			good = c;
	}
	if (!good)
		return GRANT_CHALLENGE_EXPIRED;
	if (was_seen(good, nonce))
		return GRANT_REPLAYED;
	if (good->nonces_n == GRANT_NONCES)
		return GRANT_FULL;
	memcpy(good->nonces[good->nonces_n++], nonce, GRANT_BYTES);
	return GRANT_ADMITTED;
}

bool grant_allowed(const struct grant_limit *l, struct grant_rate rate, uint64_t now)
{
	return l->full_at <= now || l->full_at - now <= (rate.burst - 1) * rate.every;
}

void grant_spend(struct grant_limit *l, struct grant_rate rate, uint64_t now)
{
	l->full_at = (l->full_at > now ? l->full_at : now) + rate.every;
}
