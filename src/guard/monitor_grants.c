/*
 * monitor_grants: control's requests about grants: to store one, to take one back, to list them.
 *
 * A grant with its keys goes to the store and to the engine; the uplink gets its public part only.
 */
#include "guard/monitor_relay.h"

#include "base/text.h"
#include "guard/monitor.h"
#include "proto/keys.h"
#include "sys/clock.h"

#include <errno.h>
#include <string.h>

#define GRANTS_PAGE 32

static bool label_taken(const struct relay_side *s, const struct grant *g)
{
	const struct grant *other;

	for (size_t i = 0; (other = store_grant(s->monitor->store, i)) != NULL; i++) {
		if (other->kind == RELAY_PHRASE && !grant_expired(other, clock_wall_ms()) &&
		    text_equal_ignoring_case(other->label, g->label))
			return true;
	}
	return false;
}

/* Makes room: grants that have expired are nobody's loss. */
static void drop_expired(struct relay_side *s)
{
	const struct grant *g;
	size_t i = 0;

	while ((g = store_grant(s->monitor->store, i)) != NULL) {
		struct ipc_message q = { .kind = IPC_REVOKED };

		if (!grant_expired(g, clock_wall_ms())) {
			i++;
			continue;
		}
		memcpy(q.grant_id, g->id, sizeof(q.grant_id));
		if (store_revoke(s->monitor->store, q.grant_id) < 0)
			return;
		role_tell(s->monitor, ROLE_ENGINE, &q);
		uplink_tell(s, &q);
	}
}

void relay_side_share(struct relay_side *s, const struct ipc_message *q)
{
	struct ipc_message m = { .kind = IPC_GRANT };
	int r;

	if (!s->wanted.origin[0] || !s->has_key) {
		relay_side_answer(s, q->request, RESULT_REFUSED,
				  "no relay is joined: `rouse join URL INVITATION` first");
		return;
	}
	if (q->grant.kind == RELAY_PHRASE && label_taken(s, &q->grant)) {
		relay_side_answer(
			s, q->request, RESULT_REFUSED,
			"another phrase is typed with that label already: revoke it, or choose "
			"another with --label");
		return;
	}
	m.grant = q->grant;
	m.grant.made_ms = clock_wall_ms();
	drop_expired(s);
	r = store_put_grant(s->monitor->store, &m.grant);
	if (r < 0) {
		relay_side_answer(s, q->request, RESULT_FULL,
				  r == -ENOSPC ? "there are too many grants, or the disk is full"
					       : strerror(-r));
		return;
	}
	machines_sync_soon(s->monitor);
	role_tell(s->monitor, ROLE_ENGINE, &m);
	relay_side_tell_grant(s, &m.grant);
	keys_wipe(&m, sizeof(m));
	relay_side_answer_status(s, q->request);
	relay_side_answer(s, q->request, RESULT_OK, "");
}

void relay_side_revoke(struct relay_side *s, const struct ipc_message *q)
{
	struct ipc_message m = { .kind = IPC_REVOKED };
	int r = store_revoke(s->monitor->store, q->grant_id);

	if (r < 0) {
		relay_side_answer(s, q->request, RESULT_NOT_FOUND, "there is no such grant");
		return;
	}
	memcpy(m.grant_id, q->grant_id, sizeof(m.grant_id));
	machines_sync_soon(s->monitor);
	role_tell(s->monitor, ROLE_ENGINE, &m);
	uplink_tell(s, &m);
	relay_side_answer(s, q->request, RESULT_OK, "");
}

void relay_side_list_grants(struct relay_side *s, const struct ipc_message *q)
{
	struct ipc_message m = { .kind = IPC_GRANT_ENTRY, .request = q->request };
	struct ipc_message end = { .kind = IPC_RESULT, .request = q->request };
	size_t i = (size_t)q->page.id;
	const struct grant *g;

	for (size_t n = 0; n < GRANTS_PAGE && (g = store_grant(s->monitor->store, i)); n++, i++) {
		m.grant = *g;
		memset(m.grant.request, 0, sizeof(m.grant.request));
		memset(m.grant.answer, 0, sizeof(m.grant.answer));
		memset(m.grant.hash, 0, sizeof(m.grant.hash));
		role_tell(s->monitor, ROLE_CONTROL, &m);
	}
	end.result.code = store_grant(s->monitor->store, i) ? RESULT_MORE : RESULT_OK;
	end.result.id = (uint32_t)i;
	role_tell(s->monitor, ROLE_CONTROL, &end);
}
