/*
 * engine: the role's own life: what it is told by the monitor, when it looks at the LAN, when it ticks.
 */
#include "guard/engine.h"

#include "proto/json.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/log.h"
#include "sys/role.h"
#include "sys/sandbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH_FRAMES 16
#define BATCH_FRAME_SIZE 65600
#define BATCHES_AT_ONCE 8 /* then others get their turn */
#define TICKS_AT_ONCE 64
#define WAITING_MAX (8U << 20) /* bytes of requests to a monitor that is slow */
#define BLAMED 200000 /* us: until a control that was blamed is ended */

/* Pools of the core: their bounds are what peers can make the engine hold. */
#define HOLD_SLOTS 1024 /* held packets, of all machines */
#define GATES 256 /* (address, port) pairs with held connections */
#define KNOCKERS 4096 /* sources remembered */
#define FIRST_BUCKETS 256

static void *need(size_t n, size_t size)
{
	void *memory = calloc(n, size);

	if (!memory) {
		log_error("engine: out of memory");
		exit(EXIT_FAILURE);
	}
	return memory;
}

void engine_set_tick(struct engine *e)
{
	uint64_t due = home_due(e->home);
	uint64_t verify = engine_verify_due(e);
	uint64_t relay = engine_relay_due(e);
	uint64_t lease = engine_lease_due(e);

	if (verify < due)
		due = verify;
	if (lease < due)
		due = lease;
	loop_timer_set(&e->tick, relay < due ? relay : due);
}

static void tick(void *context)
{
	struct engine *e = context;

	/* Bounded, so that frames are looked at however much is due. */
	for (int i = 0; i < TICKS_AT_ONCE; i++) {
		struct moment now = clock_now();

		if (engine_verify_due(e) <= now.us)
			engine_verify_tick(e, now);
		if (engine_relay_due(e) <= now.us)
			engine_relay_tick(e, now);
		if (engine_lease_due(e) <= now.us)
			engine_lease_tick(e, now);
		if (home_due(e->home) > now.us)
			break;
		home_tick(e->home, now);
	}
	engine_set_tick(e);
}

static void frames_ready(void *context, unsigned int what)
{
	struct engine_port *port = context;
	struct engine *e = port->engine;

	(void)what;
	for (int i = 0; i < BATCHES_AT_ONCE; i++) {
		int n = packet_batch_receive(e->batch, port->fd);
		struct moment now = clock_now();

		for (int k = 0; k < n; k++) {
			struct packet_frame f;

			packet_batch_frame(e->batch, (size_t)k, &f);
			engine_sense(e, port->of, port->tap, &f, now);
		}
		if (n < BATCH_FRAMES)
			break;
	}
	engine_set_tick(e);
}

static void close_port(struct engine_port *port)
{
	loop_watch_done(&port->watch);
	if (port->fd >= 0)
		close(port->fd);
	port->fd = -1;
}

/* Takes over the descriptor that came with a message, if one did. */
static void open_port(struct engine_port *port, struct channel_message *m)
{
	close_port(port);
	if (m->fds_n == 0)
		return;
	port->fd = m->fds[0];
	m->fds[0] = -1;
	if (loop_watch_init(&port->watch, port->engine->loop, port->fd, LOOP_READ, frames_ready,
			    port) < 0) {
		log_error("engine: cannot watch a packet socket");
		exit(EXIT_FAILURE);
	}
}

static void hear_interface(struct engine *e, const struct ipc_interface *said,
			   struct channel_message *m)
{
	struct engine_interface *i = &e->interfaces[said->index];
	struct home_interface h = { .present = said->present,
				    .up = said->up,
				    .virtual_mac = said->virtual_mac,
				    .own = said->own,
				    .claim = said->claim,
				    .has4 = said->has4,
				    .has6 = said->has6 };

	i->said = *said;
	if (m->fds_n > 0)
		open_port(&i->lan, m);
	if (!said->present) {
		close_port(&i->lan);
		close_port(&i->tap);
	}
	home_interface_set(e->home, said->index, &h, clock_now());
}

static void hear_settings(struct engine *e, const struct ipc_settings *s)
{
	struct home_settings h = {
		.attempts = s->attempts,
		.interval = s->interval,
		.hold = s->hold,
		.keep = s->keep,
		.shutdown_timeout = s->shutdown_timeout,
		.probe_interval = s->probe_interval,
		.watch = s->watch,
		.observe = s->observe,
		.scan_limit = s->scan_limit,
		.scan_window = s->scan_window,
		.wake_limit = s->wake_limit,
		.wake_window = s->wake_window,
	};

	e->settings = *s;
	home_configure(e->home, &h, clock_now());
}

static const struct ipc_message *checked(const struct channel_message *c)
{
	const struct ipc_message *m = c->bytes;

	if (ipc_check(m, c->length))
		return m;
	log_error("engine: a malformed message from the monitor");
	exit(EXIT_FAILURE);
}

static void monitor_said(void *context, struct channel_message *c)
{
	struct engine *e = context;
	const struct ipc_message *m = checked(c);
	struct moment now = clock_now();

	switch (m->kind) {
	case IPC_SETTINGS:
		hear_settings(e, &m->settings);
		break;
	case IPC_INTERFACE:
		hear_interface(e, &m->interface, c);
		break;
	case IPC_TAP:
		open_port(&e->interfaces[m->interface.index].tap, c);
		break;
	case IPC_MACHINE:
		engine_machine_granted(e, m, now);
		break;
	case IPC_FORGOTTEN:
		engine_machine_forgotten(e, m, now);
		break;
	case IPC_REFUSED:
		engine_store_refused(e, m);
		break;
	case IPC_CHECKED:
		if (!engine_lease_checked(e, m, now))
			engine_verify_checked(e, m, now);
		break;
	case IPC_KEY:
		engine_key(e, &m->key);
		break;
	case IPC_GRANT:
		engine_granted(e, &m->grant);
		break;
	case IPC_REVOKED:
		engine_revoked(e, m->grant_id);
		break;
	case IPC_PAIRING:
		engine_paired(e, &m->pairing.pairing);
		break;
	case IPC_UNPAIRED:
		engine_unpaired(e, m->pairing_id);
		break;
	case IPC_PAIR_STORED:
		engine_pair_stored(e, m);
		break;
	case IPC_GO:
		engine_lease_go(e);
		break;
	default:
		log_error("engine: the monitor said %s, which is not for the engine",
			  ipc_kind_name(m->kind));
		exit(EXIT_FAILURE);
	}
	engine_set_tick(e);
}

void engine_blame_control(struct engine *e)
{
	struct ipc_message m = { .kind = IPC_BLAME };
	uint64_t now = clock_monotonic_us();

	/* What the same process said behind it must not cost the next one its life. */
	if (now < e->blamed_until)
		return;
	e->blamed_until = now + BLAMED;
	engine_tell_monitor(e, &m);
}

/* Control is the more exposed: what it says wrongly costs its own life, not the guard's. */
static void control_malformed(void *context)
{
	struct engine *e = context;

	log_error("engine: a malformed message from control");
	engine_blame_control(e);
}

static void control_said(void *context, struct channel_message *c)
{
	struct engine *e = context;

	if (ipc_check(c->bytes, c->length))
		engine_request(e, c->bytes, clock_now());
	else
		control_malformed(e);
	engine_set_tick(e);
}

static void channel_ended(void *context, int why)
{
	(void)context;
	/* The monitor ended, and everything with it. */
	if (why < 0)
		log_error("engine: a channel failed: %s", strerror(-why));
	exit(why < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void make_home(struct engine *e)
{
	struct home_memory memory = {
		.slots = need(HOLD_SLOTS, hold_slot_size()),
		.slots_n = HOLD_SLOTS,
		.gates = need(GATES, gate_size()),
		.gates_n = GATES,
		.knockers = need(KNOCKERS, knocker_size()),
		.knockers_n = KNOCKERS,
		.knocker_buckets = need(KNOCKERS, sizeof(struct hash_node *)),
		.knocker_buckets_n = KNOCKERS,
		.address_buckets = need(FIRST_BUCKETS, sizeof(struct hash_node *)),
		.address_buckets_n = FIRST_BUCKETS,
		.mac_buckets = need(FIRST_BUCKETS, sizeof(struct hash_node *)),
		.mac_buckets_n = FIRST_BUCKETS,
	};
	struct home_settings none = { .attempts = 1 };
	uint64_t seed;

	entropy_bytes(&memory.key, sizeof(memory.key));
	/* Lines of sleepers are JSON. */
	entropy_bytes(&seed, sizeof(seed));
	json_seed(seed);
	e->home = need(1, home_size());
	home_init(e->home, &none, &memory,
		  (struct effect_sink){ .take = engine_effect, .context = e });
}

static void make_ports(struct engine *e)
{
	for (uint8_t n = 0; n < HOME_INTERFACES; n++) {
		struct engine_interface *i = &e->interfaces[n];

		i->said.index = n;
		i->lan = (struct engine_port){ .engine = e, .of = i, .fd = -1 };
		i->tap = (struct engine_port){ .engine = e, .of = i, .fd = -1, .tap = true };
	}
}

static int start(struct engine *e)
{
	struct sandbox_report report = { 0 };
	int r = role_enter();

	if (r >= 0)
		r = sandbox_strip(SANDBOX_ENGINE, &report);
	if (r >= 0)
		r = loop_new(&e->loop);
	if (r >= 0)
		r = loop_timer_init(&e->tick, e->loop, tick, e);
	if (r >= 0)
		r = packet_batch_new(BATCH_FRAMES, BATCH_FRAME_SIZE, &e->batch);
	if (r >= 0)
		r = engine_requests_init(e);
	if (r >= 0)
		r = engine_verify_init(e);
	if (r < 0)
		return r;
	make_home(e);
	make_ports(e);
	r = channel_new(e->loop, ROLE_FD_MONITOR, IPC_BYTES_MAX, WAITING_MAX,
			&(struct channel_handler){ monitor_said, channel_ended, e }, &e->monitor);
	if (r >= 0)
		r = channel_new(e->loop, ROLE_FD_SISTER, IPC_BYTES_MAX, WAITING_MAX,
				&(struct channel_handler){ control_said, channel_ended, e },
				&e->control);
	if (r >= 0)
		channel_bear(e->control, control_malformed);
	if (r >= 0)
		r = engine_relay_init(e);
	if (r >= 0)
		r = engine_lease_init(e);
	if (r >= 0)
		r = sandbox_close(SANDBOX_ENGINE, NULL, 0, &report);
	return r;
}

int engine_main(void)
{
	static struct engine engine;
	int r;

	log_open("roused");
	r = start(&engine);
	if (r >= 0)
		r = loop_run(engine.loop);
	if (r < 0)
		log_error("engine: %s", strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
