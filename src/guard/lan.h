/*
 * lan: the interfaces the guard serves, as the monitor keeps them: which are there, the MAC that claims are made with,
 * the sockets that frames come and go through, the claims of each.
 *
 * It changes nothing on the host: no address, sysctl, route or rule. It never reads a frame.
 */
#ifndef ROUSE_GUARD_LAN_H
#define ROUSE_GUARD_LAN_H

#include "base/addr.h"
#include "base/hash.h"
#include "base/spec.h"
#include "guard/config.h"
#include "proto/ipc.h"
#include "sys/group.h"
#include "sys/loop.h"
#include "sys/net.h"

#include <stdbool.h>
#include <stdint.h>

struct sock_filter;

#define LAN_INTERFACES 16

struct lan_interface {
	bool wanted; /* the configuration names it, or it has the default route */
	struct ipc_interface said; /* what engine and control were told */
	int ifindex; /* 0: not served */
	const struct net_interface *net; /* valid while ifindex is set */
	char refused[192]; /* why it is there but not served; empty otherwise */
	int receive_fd; /* the engine's, kept to give it to the next engine */
	int send_fd;
	int voice_fd; /* the engine's own: says magic packets to UDP port 9 of this LAN, and nothing else to nobody else */
	uint64_t addresses; /* a hash of our own there, to see that they changed */
	struct hash_table claims; /* lan_claims.c's; no buckets before the first */
};

struct lan {
	struct lan_interface slots[LAN_INTERFACES];
	const struct config *config;
	struct net_view *net;
	struct group_set *groups;
	struct loop_deferred refilter; /* own-MAC mode: the claims changed */
	int gate_fd;
	uint16_t gate_port;
	uint16_t echo_id;
	uint32_t fold_key; /* of filter_capture_own */
	struct hash_key claims_key;
	void (*changed)(void *context, uint8_t slot, bool new_socket); /* `said` has changed */
	void *context;
};

/* Reads the host's interfaces and serves those that the configuration wants; `changed` is called for each later. */
int lan_init(struct lan *lan, struct loop *loop, const struct config *config,
	     void (*changed)(void *context, uint8_t slot, bool new_socket), void *context);
void lan_done(struct lan *lan);
/* After a reload: other interfaces may be wanted. Slots keep their numbers as long as their name is wanted. */
void lan_reconfigure(struct lan *lan, const struct config *config);

/* The slot, if frames can be sent there now; NULL otherwise. */
const struct lan_interface *lan_sending(const struct lan *lan, uint8_t slot);
/* lan_check.c: may a machine be guarded, and on which interface? */

/* The slot where these addresses are on link, or which is named; without addresses the first; 0xff: none now. */
uint8_t lan_slot_for(const struct lan *lan, const char *name, const struct addr *addresses,
		     size_t n);
/* An address of the machine that is on no link now; NULL: all are. */
const struct addr *lan_off_link(const struct lan *lan, const struct spec *s);
/*
 * Why this machine must not be guarded, as a text for people, and -EPERM: a MAC that is broadcast, multicast, zero or ours;
 * an address that is multicast, unspecified, loopback, broadcast, ours, the gateway's, or, unless it is of the
 * file, off every link.
 */
int lan_check(const struct lan *lan, const struct spec *s, char *text, size_t n);
/*
 * Which of its addresses lan_check() has something against, bit i for the i-th: without them it may be guarded. Of those on
 * several links the ones on the first of these links stay.
 */
uint32_t lan_faulty(const struct lan *lan, const struct spec *s);

/* lan_claims.c: what is claimed, and the groups and filters that follow from it */

/* From now on the engine answers for this address: groups and filters follow. */
void lan_claim(struct lan *lan, uint8_t slot, const struct addr *a);
void lan_release(struct lan *lan, uint8_t slot, const struct addr *a);
bool lan_claimed(const struct lan *lan, uint8_t slot, const struct addr *a);
/* A new engine will say all claims again. */
void lan_release_all(struct lan *lan);
/* For lan.c alone. Nothing is claimed there any more; its groups were left. */
void lan_forget_claims(struct lan_interface *i);
/*
 * For lan.c alone. The filter of an interface as `said`, in memory for the caller to free also after a failure; the number of
 * instructions or a negative errno.
 */
int lan_make_filter(const struct lan *lan, const struct lan_interface *i,
		    const struct ipc_interface *said, struct sock_filter **ret_code);
/* For lan.c alone: deferred after the claims of an interface with its own MAC changed. */
void lan_refilter(void *context);

#endif
