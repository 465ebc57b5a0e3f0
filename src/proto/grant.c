#include "proto/grant.h"

#include <string.h>

static bool ends(const char *text, size_t n)
{
	return memchr(text, 0, n) != NULL;
}

bool grant_sane(const struct grant *g)
{
	uint8_t id[RELAY_GRANT_SIZE];

	if (!ends(g->id, sizeof(g->id)) || b64_decode(g->id, strlen(g->id), id, sizeof(id)) < 0 ||
	    !ends(g->name, sizeof(g->name)) || !spec_name_valid(g->name, strlen(g->name)) ||
	    !ends(g->label, sizeof(g->label)))
		return false;
	if (g->kind >= RELAY_GRANT_KINDS || g->machines_n > GRANT_MACHINES_MAX ||
	    g->can >= 2 * RELAY_CAN_SLEEP || g->get > 1 || g->all > 1)
		return false;
	if (g->kind == RELAY_PHRASE && !spec_name_valid(g->label, strlen(g->label)))
		return false;
	/* A token is for one machine and one verb. */
	return g->kind != RELAY_PLAIN || (!g->all && g->machines_n == 1 &&
					  (g->can == RELAY_CAN_WAKE || g->can == RELAY_CAN_SLEEP));
}

bool grant_names(const struct grant *g, uint32_t machine)
{
	for (uint16_t i = 0; i < g->machines_n; i++) {
		if (g->machines[i] == machine)
			return true;
	}
	return g->all;
}

bool grant_expired(const struct grant *g, uint64_t now_ms)
{
	return g->expires_ms != 0 && now_ms >= g->expires_ms;
}

void grant_public(const struct grant *g, struct relay_grant *ret)
{
	*ret = (struct relay_grant){
		.kind = g->kind,
		.can = g->can,
		.get = g->get,
		.all = g->all,
		.expires_ms = g->expires_ms ? g->expires_ms : RELAY_NULL,
		.machines_n = g->machines_n,
	};
	memcpy(ret->id, g->id, sizeof(ret->id));
	memcpy(ret->hash, g->hash, sizeof(ret->hash));
	memcpy(ret->salt, g->salt, sizeof(ret->salt));
	memcpy(ret->label, g->label, sizeof(ret->label));
	memcpy(ret->machines, g->machines, g->machines_n * sizeof(g->machines[0]));
}

const char *grant_kind_name(enum relay_grant_kind k)
{
	static const char *const names[RELAY_GRANT_KINDS] = { "link", "phrase", "plain" };

	return names[k];
}
