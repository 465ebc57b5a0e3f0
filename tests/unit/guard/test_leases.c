/* Leases and pairings in the engine: who may speak for a machine, when that is known, and what stays of what was said. */
#include "engine_kit.h"

#include "../freed.h"

/* A pairing that is not known yet is not unknown: its sleeper would think that it has to be paired anew. */
static void nobody_is_judged_before_all_is_known(void **state)
{
	struct rig *r = *state;
	struct ipc_message m = { .kind = IPC_LEASE_OPENING };

	r->engine.going = false;
	m.lease_opening.connection = 1;
	m.lease_opening.peer = addr_v4((const uint8_t[]){ 192, 0, 2, 5 });
	m.lease_opening.opening = (struct lease_opening){ .kind = LEASE_OPEN_LEASE,
							  .id = "yMnKy8zNzs_Q" };
	say(r, &m);
	hears_nothing(r->control);
	hears_nothing(r->monitor);
	engine_lease_go(&r->engine);
	hear(r->control, IPC_LEASE_RESET, &(struct ipc_message){ .kind = 0 }, NULL);
	say(r, &m);
	hear_error(r, "unknown-pairing");
}

/* Its addresses were being looked at when it was paired. */
static void who_is_paired_is_not_registered_any_more(void **state)
{
	struct rig *r = *state;
	const struct pairing p = { .id = "AAAAAAAAAAAA",
				   .mac = { { 2, 0, 0, 0, 0, 5 } },
				   .name = "nas" };
	struct ipc_registration said = {
		.goodbye = true,
		.spec = { .origin = SPEC_REGISTERED,
			  .mac = p.mac,
			  .name = "nas",
			  .addresses_n = 1 },
	};
	struct ipc_message m;

	said.spec.addresses[0] = addr_v4((const uint8_t[]){ 192, 0, 2, 5 });
	assert_int_equal(engine_requests_init(&r->engine), 0);
	engine_paired(&r->engine, &p);
	engine_registration_verified(&r->engine, 9, &said, r->now);
	hears_nothing(r->monitor);
	hear(r->control, IPC_RESULT, &m, NULL);
	assert_int_equal(m.request, 9);
	assert_int_equal(m.result.code, RESULT_REFUSED);
	engine_unpaired(&r->engine, p.id);
	engine_registration_verified(&r->engine, 10, &said, r->now);
	hear(r->monitor, IPC_STORE, &m, NULL);
	m = (struct ipc_message){ .kind = IPC_REFUSED, .request = m.request };
	engine_store_refused(&r->engine, &m);
	free(r->engine.stores);
}

/* Opens a lease and proves its key; what the sleeper seals with. */
static struct lease_way hold(struct rig *r, const struct pairing *p, uint32_t connection)
{
	struct ipc_message m = { .kind = IPC_LEASE_OPENING };
	struct lease_opening o = { .kind = LEASE_OPEN_LEASE, .nonce = { 1, 2, 3 } };
	struct lease_way way, back;

	memcpy(o.id, p->id, sizeof(o.id));
	m.lease_opening.opening = o;
	m.lease_opening.connection = connection;
	m.lease_opening.peer = addr_v4((const uint8_t[]){ 192, 0, 2, 5 });
	say(r, &m);
	hear(r->monitor, IPC_CHECK, &m, NULL);
	m = (struct ipc_message){ .kind = IPC_CHECKED, .request = m.request };
	assert_true(engine_lease_checked(&r->engine, &m, r->now));
	hear(r->control, IPC_LEASE_SEND, &m, r->line);
	assert_int_equal(lease_opening_read(r->line, m.lease_line.length - 1, &o), 0);
	assert_int_equal(o.kind, LEASE_OPENED);
	lease_ways(p->key, (const uint8_t[LEASE_NONCE_SIZE]){ 1, 2, 3 }, o.nonce, &way, &back);
	return way;
}

static void say_lease(struct rig *r, struct lease_way *way, uint32_t connection,
		      const struct lease_said *said)
{
	static union {
		struct ipc_message m;
		char bytes[IPC_BYTES_MAX];
	} line;
	static char json[LEASE_LINE_MAX];
	int n;

	line.m = (struct ipc_message){ .kind = IPC_LEASE_LINE };
	line.m.lease_line.connection = connection;
	assert_true(lease_said_write(said, json, sizeof(json)) > 0);
	n = lease_seal(way, json, line.bytes + ipc_length(&line.m), LEASE_LINE_MAX);
	assert_true(n > 0);
	line.m.lease_line.length = (uint32_t)n - 1;
	say(r, &line.m);
}

/* A SecureOn password is kept where the machine is described, and nowhere else. */
static void nothing_stays_of_a_line(void **state)
{
	static const uint8_t secret[6] = { 0x5e, 0xc2, 0xe7, 0x0f, 0x91, 0xd3 };
	struct rig *r = *state;
	const struct pairing p = {
		.id = "AAAAAAAAAAAA", .mac = { { 2, 0, 0, 0, 0, 5 } }, .key = { 9 }, .name = "nas"
	};
	struct lease_said said = {
		.say = SAY_LEASE,
		.why = WHY_BOOT,
		.spec = { .origin = SPEC_REGISTERED, .mac = p.mac, .name = "nas", .addresses_n = 1 }
	};
	struct ipc_message m = { .kind = IPC_LEASE_GONE, .id = 1 };
	struct lease_way way;

	said.spec.addresses[0] = addr_v4((const uint8_t[]){ 192, 0, 2, 5 });
	said.spec.secureon.length = sizeof(secret);
	memcpy(said.spec.secureon.b, secret, sizeof(secret));
	engine_paired(&r->engine, &p);
	way = hold(r, &p, 1);
	freed_watch(secret, sizeof(secret));
	say_lease(r, &way, 1, &said);
	say(r, &m);
	hear(r->monitor, IPC_CHECK, &m, NULL);
	assert_memory_equal(m.machine.spec.secureon.b, secret, sizeof(secret));
	assert_int_equal(freed_seen, 0);
	freed_watch_nothing();
	engine_unpaired(&r->engine, p.id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(who_is_paired_is_not_registered_any_more),
		RIG_TEST(nobody_is_judged_before_all_is_known),
		RIG_TEST(nothing_stays_of_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
