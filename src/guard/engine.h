/*
 * engine: the role that reads the LAN and decides. Shared by the files engine_*.c alone.
 *
 * It has no capability, no file, no network: frames come in through packet sockets the monitor made, and everything
 * it wants done goes to the monitor as a typed request.
 */
#ifndef ROUSE_GUARD_ENGINE_H
#define ROUSE_GUARD_ENGINE_H

#include "core/home.h"
#include "proto/ipc.h"
#include "sys/channel.h"
#include "sys/loop.h"
#include "sys/packet.h"

#include <stdbool.h>
#include <stdint.h>

#define VERIFY_MAX 64 /* registrations being verified on the LAN at once */

/* A packet socket the engine reads: an interface's own, or its tap of what this host sends. */
struct engine_port {
	struct engine *engine;
	struct engine_interface *of;
	struct loop_watch watch;
	int fd; /* -1: none */
	bool tap;
};

struct engine_interface {
	struct ipc_interface said;
	struct engine_port lan, tap;
};

struct verify; /* engine_verify.c */
struct store_queue; /* engine_requests.c */
struct relayed; /* engine_grants.c */
struct leases; /* engine_lease.c */

struct engine {
	struct loop *loop;
	struct channel *monitor, *control;
	struct loop_timer tick;
	struct home *home;
	struct ipc_settings settings;
	struct engine_interface interfaces[HOME_INTERFACES];
	struct packet_batch *batch;
	struct verify *verify;
	struct store_queue *stores;
	struct relayed *relayed;
	struct leases *leases;
	/* The frame being handled: a packet that is sent on at once keeps what came with it. */
	const struct packet_frame *current;
	const uint8_t *current_packet;
	const uint32_t *asker; /* uid of who caused what the core does now, or NULL */
	const struct addr *registrant; /* who registered it, while the core takes it in, or NULL */
	const char *why; /* it goes, as its sleeper said; NULL: it did not */
	uint64_t blamed_until; /* control was: it will be another one by then, us */
	bool going; /* GO was said */
};

/* engine_sense.c: bytes of the LAN -> evidence for the core */
void engine_sense(struct engine *e, struct engine_interface *i, bool tap, struct packet_frame *raw,
		  struct moment now);

/* engine_effects.c: what the core wants -> requests to the monitor */
void engine_effect(void *engine, const struct effect *x);
/* Sends a message; what cannot be queued towards the LAN is dropped and counted, anything else ends the role. */
void engine_tell_monitor(struct engine *e, const struct ipc_message *m);

/* engine_requests.c: control's requests, and the store's answers to them */
int engine_requests_init(struct engine *e);
void engine_request(struct engine *e, const struct ipc_message *m, struct moment now);
/* It said what it may not say: the monitor ends it. */
void engine_blame_control(struct engine *e);
void engine_machine_granted(struct engine *e, const struct ipc_message *m, struct moment now);
void engine_machine_forgotten(struct engine *e, const struct ipc_message *m, struct moment now);
/* "uid 1000" */
void engine_put_asker(uint32_t uid, char to[static SPEC_NAME_MAX + 1]);
void engine_store_refused(struct engine *e, const struct ipc_message *m);
void engine_result(struct engine *e, uint32_t request, enum ipc_code code, uint32_t id,
		   const char *text);
/* It says goodbye, from there; `why` may be NULL. */
void engine_say_goodbye(struct engine *e, struct machine *m, const struct addr *peer,
			const char *why, struct moment now);
/* A machine of a lease goes to the store; engine_lease_stored() says what came of it. */
void engine_store_lease(struct engine *e, uint32_t lease, const struct ipc_machine *im);
/* The registration that was verified goes to the store. */
void engine_registration_verified(struct engine *e, uint32_t request,
				  const struct ipc_registration *r, struct moment now);

/* engine_verify.c: does a machine register only itself? */
int engine_verify_init(struct engine *e);
void engine_verify(struct engine *e, uint32_t request, const struct ipc_registration *r);
/* The monitor's word on a registration: whether its addresses can be guarded at all. */
void engine_verify_checked(struct engine *e, const struct ipc_message *m, struct moment now);
/* Somebody said on the LAN that `addr` is at `mac`. */
void engine_verify_heard(struct engine *e, const struct addr *addr, const struct mac *mac,
			 struct moment now);
uint64_t engine_verify_due(const struct engine *e);
void engine_verify_tick(struct engine *e, struct moment now);

/* engine_grants.c: grants, and requests over the relay */
int engine_relay_init(struct engine *e);
void engine_key(struct engine *e, const struct ipc_key *key);
void engine_granted(struct engine *e, const struct grant *g);
void engine_revoked(struct engine *e, const char *id);
void engine_uplink_said(struct engine *e, const struct ipc_message *m, struct moment now);
/* Something happened to a machine; called while the core works: only looks at it. */
void engine_relay_event(struct engine *e, const struct event *event);
void engine_relay_port_answer(struct engine *e, uint8_t interface, const struct addr *a,
			      uint16_t port, bool open, struct moment now);
uint64_t engine_relay_due(const struct engine *e);
void engine_relay_tick(struct engine *e, struct moment now);

/* An answer of its sleeper to somebody over the relay, or the lack of one. */
void engine_relay_slept(struct engine *e, uint32_t number, enum ipc_code code, const char *text);

/* engine_lease.c, engine_paired.c: sleepers, their pairings and leases */
int engine_lease_init(struct engine *e);
/* Everything that was known is known again: sleepers may come. */
void engine_lease_go(struct engine *e);
void engine_paired(struct engine *e, const struct pairing *p);
void engine_unpaired(struct engine *e, const char *id);
void engine_pair_stored(struct engine *e, const struct ipc_message *m);
/* What control says of them. */
void engine_lease_said(struct engine *e, const struct ipc_message *m, struct moment now);
/* The answer to a CHECK; false: it is not of a lease. */
bool engine_lease_checked(struct engine *e, const struct ipc_message *m, struct moment now);
void engine_lease_stored(struct engine *e, uint32_t lease, enum ipc_code code, const char *text,
			 struct moment now);
void engine_lease_heard(struct engine *e, const struct addr *a, const struct mac *mac,
			struct moment now);
void engine_lease_port_open(struct engine *e, uint8_t interface, const struct addr *a,
			    uint16_t port, struct moment now);
/* Called while the core works: only looks at it. */
void engine_lease_event(struct engine *e, const struct event *event);
/* Whether its MAC or one of its addresses is a paired machine's, for whom only its sleeper speaks. */
/* It is guarded from now on, or described anew: whether it has a sleeper is known. */
void engine_lease_machine(struct engine *e, struct machine *m, struct moment now);
bool engine_lease_owns(const struct engine *e, const struct spec *s);
void engine_lease_status(const struct engine *e, const struct machine *m,
			 struct ipc_sleeper *ret_sleeper);
uint64_t engine_lease_due(struct engine *e);
void engine_lease_tick(struct engine *e, struct moment now);

/*
 * engine_sleep.c: asks its sleeper to let it sleep. OK: the answer comes to the request of control, or, when that is 0, to
 * engine_relay_slept() with the number. RESULT_NO_SLEEPER, RESULT_FULL otherwise.
 */
enum ipc_code engine_lease_ask(struct engine *e, const struct machine *m, uint32_t request,
			       const char *who, uint32_t *ret_number);

/* engine.c: sets the timer to the next thing that is due. */
void engine_set_tick(struct engine *e);

int engine_main(void);

#endif
