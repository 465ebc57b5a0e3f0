/*
 * home: everything one guard serves, and the only entrance to the core for the guard. Evidence comes in (somebody
 * asked, something was heard, a packet came, time passed), effects go out.
 *
 * Owns: the machines' states, claims, gates, held packets, and what it remembers of sources. Does not own memory: machines are
 * placed in memory of the caller, pools are given at the start. Refuses to know frames, sockets, clocks, files.
 */
#ifndef ROUSE_CORE_HOME_H
#define ROUSE_CORE_HOME_H

#include "base/event.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/spec.h"
#include "core/effect.h"

#define HOME_INTERFACES 16 /* interfaces one guard serves */
#define HOME_NO_INTERFACE 0xff

/* Durations in microseconds. Defaults and limits: roused.conf(5). */
struct home_settings {
	uint16_t attempts; /* [wake] attempts */
	uint64_t interval; /* [wake] interval */
	uint64_t hold; /* [wake] hold */
	bool keep; /* [wake] keep */
	uint64_t shutdown_timeout; /* [wake] shutdown-timeout; NEVER: for ever */
	uint64_t probe_interval; /* [wake] probe-interval */
	uint64_t watch; /* [wake] watch; 0: off */
	bool observe; /* [guard] observe */
	uint16_t scan_limit; /* 0: off */
	uint64_t scan_window;
	uint16_t wake_limit; /* 0: off */
	uint64_t wake_window;
};

#define HOLD_PACKET_MAX \
	2048 /* bytes of an IP packet that can be held; larger ones wake but are not held */

/* Internals, sized here so that the caller can provide arrays of them. */
struct hold_slot; /* one held packet */
struct gate; /* one (address, port) with held connections */
struct knocker; /* one remembered source */
size_t hold_slot_size(void);
size_t gate_size(void);
size_t knocker_size(void);

struct home_memory {
	struct hold_slot *slots; /* slots_n * hold_slot_size() zeroed bytes */
	uint32_t slots_n;
	struct gate *gates;
	uint32_t gates_n;
	struct knocker *knockers;
	uint32_t knockers_n;
	struct hash_node **knocker_buckets; /* a power of two of them */
	uint32_t knocker_buckets_n;
	struct hash_node *
		*address_buckets; /* likewise; home_wants_buckets() says when more are due */
	uint32_t address_buckets_n;
	struct hash_node **mac_buckets;
	uint32_t mac_buckets_n;
	struct hash_key key; /* random */
};

struct home; /* machine.h and home_state.h have the insides */

/* What the core knows of an interface. */
struct home_interface {
	bool present;
	bool up; /* carrier */
	bool virtual_mac; /* claims are made with a MAC of their own */
	struct mac own; /* of the NIC */
	struct mac claim; /* the virtual MAC, or own */
	bool has4, has6; /* the guard has an address of its own there */
};

size_t home_size(void);
void home_init(struct home *h, const struct home_settings *s, const struct home_memory *m,
	       struct effect_sink sink);
void home_configure(struct home *h, const struct home_settings *s, struct moment now);
void home_interface_set(struct home *h, uint8_t interface, const struct home_interface *i,
			struct moment now);
/* > 0: hand buckets of that size to home_grow(), which returns the old ones for the caller to free. */
size_t home_wants_buckets(const struct home *h);
void home_grow(struct home *h, struct hash_node **address_buckets, struct hash_node **mac_buckets,
	       size_t n, struct hash_node ***ret_old_address, struct hash_node ***ret_old_mac);

/* --- machines --- */

size_t machine_size(const struct spec *s);
/* Writes a machine of this description into memory of machine_size() bytes, aligned for any type. */
struct machine *machine_place(void *memory, const struct spec *s, uint32_t id);
/*
 * Why `s` cannot be guarded beside the machines that are: -EEXIST with what is taken (name, MAC or address) and by whom
 * in *ret_other (optional); 0 when it can. `except` (may be NULL) is the machine it would replace.
 */
int home_check(const struct home *h, const struct spec *s, const struct machine *except,
	       const struct machine **ret_other);
/* Starts to guard; `past` NULL: new. The caller has checked. */
void home_add(struct home *h, struct machine *m, uint8_t interface, const struct machine_past *past,
	      struct moment now);
/* `to` takes the place and the state of `from` (same id); addresses that are gone are released; `from` may be freed then. */
void home_replace(struct home *h, struct machine *from, struct machine *to, struct moment now);
/* Whether one that registers with another description may have it now; false: too often. Counts. */
bool home_may_change(struct home *h, struct machine *m, struct moment now);
/* Releases its claims; the memory may be freed then. */
void home_remove(struct home *h, struct machine *m, struct moment now);
/* Its interface appeared, went away or changed. */
void home_move(struct home *h, struct machine *m, uint8_t interface, struct moment now);

struct machine *home_by_id(const struct home *h, uint32_t id);
struct machine *home_by_name(const struct home *h, const char *name);
struct machine *home_by_mac(const struct home *h, const struct mac *mac);
struct machine *home_by_address(const struct home *h, uint8_t interface, const struct addr *a);
struct machine *home_next(const struct home *h,
			  const struct machine *m); /* NULL starts and ends; in order of adding */
size_t home_count(const struct home *h);

uint32_t machine_id(const struct machine *m);
const char *machine_name(const struct machine *m);
const struct mac *machine_mac(const struct machine *m);
const struct secureon *machine_secureon(const struct machine *m);
uint8_t machine_interface(const struct machine *m);
enum machine_state machine_state_of(const struct machine *m);
void machine_past_of(const struct machine *m, struct machine_past *ret_past);
void machine_spec_of(const struct machine *m, struct spec *ret_spec);

/* --- what people ask --- */

/* It registered: it is about to sleep. */
void home_goodbye(struct home *h, struct machine *m, struct moment now);

/* It says by itself that it is awake, and that nobody else can have said so; takes a goodbye back. */
void home_stay(struct home *h, struct machine *m, struct moment now);

/*
 * Whether a sleeper on it says goodbye. A power cut takes that away without a word: its silence is watched like a configured
 * machine's, not like one's that registers only when it goes to sleep.
 */
void home_watch(struct home *h, struct machine *m, bool has_sleeper, struct moment now);

enum wake_verdict {
	WAKE_STARTED, /* a series runs: the result will show in its state and events */
	WAKE_ALREADY_AWAKE,
	WAKE_UNREACHABLE, /* its interface is not there, or has no link */
};
enum wake_verdict home_wake(struct home *h, struct machine *m, enum wake_by by, struct moment now);
/* The same, by request of somebody whose name (at most SPEC_NAME_MAX bytes) goes into the events. */
enum wake_verdict home_wake_asked(struct home *h, struct machine *m, const char *who,
				  struct moment now);
/* The same for the holder of a grant of that name, who asked from there (may be none). */
enum wake_verdict home_wake_granted(struct home *h, struct machine *m, const char *who,
				    const struct addr *from, struct moment now);

/* --- what was seen on the LAN --- */

/* Somebody asks who has an address (ARP request or probe, NS). */
struct solicit {
	uint8_t interface;
	struct addr target;
	struct mac asker_mac; /* the Ethernet source */
	struct mac asker_said; /* sender hardware address or SLLA; equal to asker_mac when absent */
	struct addr asker; /* unspecified: an ARP probe or DAD */
};
void home_solicit(struct home *h, const struct solicit *s, struct moment now);

/* Somebody says something of itself: ARP of any kind, NA, DHCP, a packet to the virtual MAC or to the guard. */
struct heard {
	uint8_t interface;
	struct mac mac; /* the Ethernet source */
	struct mac said; /* the MAC it says `addr` is at; equal to mac when it says none */
	struct addr addr; /* the address it speaks for; none when it does not */
	bool answer; /* it answers our own solicit: ARP reply to us, or NA solicited to us */
	bool lasting; /* the answer hands back: any ARP answer; an NA with Override */
	bool claims; /* it claims the address for `said`: announcement, ARP reply, NA; false for an ARP probe */
	bool must; /* it did not have to say it: not an answer to ARP or NS (a NIC can answer those asleep) */
};
void home_heard(struct home *h, const struct heard *x, struct moment now);

/* An IP packet that arrived for the virtual MAC (or, local, was sent by the guard's own host to it). */
struct packet {
	uint8_t interface;
	bool local;
	bool dropped; /* truncated or otherwise unfit to hold and to send on; it may still knock */
	uint8_t knock; /* enum knock_kind it could be; KNOCK_NONE for everything else */
	struct mac src_mac;
	struct addr src, dst;
	uint16_t src_port, dst_port;
	uint32_t payload_length;
	const uint8_t *bytes; /* the IP packet, L4 checksum finished */
	uint32_t length;
};
void home_packet(struct home *h, const struct packet *p, struct moment now);

/* An answer to one of the ready gate's half-open SYNs: SYN-ACK (open) or RST. */
void home_port_answer(struct home *h, uint8_t interface, const struct addr *a, uint16_t port,
		      bool open, struct moment now);
/* An answer to an echo probe. */
void home_echo_answer(struct home *h, uint8_t interface, const struct addr *a, struct moment now);

/* --- time --- */

/* When home_tick() wants to be called next (monotonic us), or NEVER. */
uint64_t home_due(const struct home *h);
/* Does what is due; bounded work per call: call again while home_due() <= now. */
void home_tick(struct home *h, struct moment now);

#endif
