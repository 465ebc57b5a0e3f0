/*
 * ipc: everything the roles of one daemon say to each other, on one screen. One message is one packet of a
 * SOCK_SEQPACKET pair; both ends are the same image, so the structures are the format.
 *
 * A role trusts no other: ipc_check() is the first thing done to a message, and one that fails it is fatal, since it is
 * our bug or a role that was taken over.
 */
#ifndef ROUSE_PROTO_IPC_H
#define ROUSE_PROTO_IPC_H

#include "base/event.h"
#include "base/spec.h"
#include "proto/grant.h"
#include "proto/lease.h"
#include "proto/record.h"
#include "proto/sealed.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ipc_kind {
	/* monitor -> engine, control */
	IPC_SETTINGS = 1, /* settings */
	IPC_INTERFACE, /* interface [engine: its packet socket, when it is new] */
	IPC_GO, /* all that is known from before has been said */
	/* monitor -> engine */
	IPC_TAP, /* interface: [the socket that sees what this host sends to the virtual MAC], none: closed */
	IPC_MACHINE, /* machine: new or changed; `request` of the STORE it grants, or 0 */
	IPC_FORGOTTEN, /* id: it is gone; `request` of the FORGET it grants, or 0 */
	IPC_REFUSED, /* result: STORE or FORGET was refused, and why */
	IPC_CHECKED, /* result: of CHECK; id: bit i for the i-th address that cannot be */
	IPC_KEY, /* key: of the guard, and the relay it is for */
	IPC_GRANT, /* grant: it holds from now on */
	IPC_PAIRING, /* pairing: it holds from now on, in place of one with that MAC */
	IPC_UNPAIRED, /* pairing_id: it holds no more */
	IPC_PAIR_STORED, /* result: of PAIR */
	/* monitor -> engine, uplink */
	IPC_REVOKED, /* grant_id */
	/* monitor -> control */
	IPC_LISTENER, /* listener [the listening socket] */
	IPC_DISCOVERY, /* discovery [where queries come in, where answers go out]: new or changed; none: over */
	IPC_LOG_ENTRY, /* event: one line of the answer to LOG */
	IPC_LOG_END, /* - : no more for now */
	IPC_HAPPENED, /* event: live, to whom it may concern (uplink: without addresses) */
	IPC_PAIRING_ENTRY, /* pairing, without its key: one line of the answer to PAIRINGS */
	IPC_GRANT_ENTRY, /* grant, without its keys: one line of the answer to GRANTS */
	/* monitor -> uplink; GO, LOG_ENTRY, LOG_END, HAPPENED and REVOKED as well */
	IPC_RELAY, /* relay: the one to join */
	IPC_RELAY_MACHINE, /* relay_machine: new or changed */
	IPC_RELAY_GONE, /* id: that machine is gone */
	IPC_RELAY_GRANT, /* relay_grant: new */
	IPC_RELAY_LEAVE, /* - : say goodbye to the relay for good */
	/* engine -> monitor: onto the LAN (see core/effect.h for the meaning) */
	IPC_ANSWER, /* lan */
	IPC_ANNOUNCE, /* lan */
	IPC_REPOINT, /* lan */
	IPC_SOLICIT, /* lan */
	IPC_PROBE_PORT, /* lan */
	IPC_PROBE_ECHO, /* lan */
	IPC_WAKE, /* lan */
	IPC_SEND, /* send: an IP packet to a machine */
	IPC_CLAIM, /* lan */
	IPC_RELEASE, /* lan */
	IPC_LOCAL, /* lan */
	IPC_REFRESH, /* lan */
	/* engine -> monitor: to the store */
	IPC_CHECK, /* machine: could it be guarded? answered by CHECKED */
	IPC_STORE, /* machine: guard it from now on (id 0: new); granted by IPC_MACHINE, or REFUSED */
	IPC_FORGET, /* id; granted by FORGOTTEN, or REFUSED */
	IPC_PAST, /* past */
	IPC_EVENT, /* event */
	IPC_PAIR, /* pairing: to be stored; answered by PAIR_STORED, after PAIRING when it is */
	IPC_PAIRING_OPEN, /* id: for so many seconds somebody may pair, and should find us; 0: over */
	IPC_BLAME, /* - : control said what it may not say: it is to be ended */
	/* control -> engine */
	IPC_REGISTER, /* registration */
	IPC_ADD, /* machine */
	IPC_REMOVE, /* name */
	IPC_WAKE_PLEASE, /* name */
	IPC_STATUS, /* page: machines after `id` (0: from the start), or the one of that name */
	IPC_PAIR_PLEASE, /* name.uid: answered by PAIR_NEWS with the code, and RESULT */
	IPC_PAIR_CANCEL, /* - : nobody waits for the code any more */
	IPC_SLEEP_PLEASE, /* name: ask its sleeper */
	/* control -> engine: connections of sleepers; `id` of a connection is control's, and not used again */
	IPC_LEASE_OPENING, /* lease_opening: a line before there are keys */
	IPC_LEASE_LINE, /* lease_line, and its bytes: a line that may be authentic */
	IPC_LEASE_GONE, /* id: the connection ended */
	/* control -> engine, engine -> control */
	IPC_LEASE_RESET, /* - : whoever says it is new: all connections of before are over */
	/* engine -> control */
	IPC_RESULT, /* result: ends every request of control's */
	IPC_STATUS_ENTRY, /* machine: one line of the answer to STATUS */
	IPC_LEASE_SEND, /* lease_line, and bytes for that connection */
	IPC_PAIR_NEWS, /* pair_news: the code, or what came of it */
	/* control -> monitor; uplink: LOG alone */
	IPC_LOG, /* page: events after `id`, of one machine or all */
	IPC_JOIN, /* relay */
	IPC_LEAVE, /* - */
	IPC_SHARE, /* grant: to be stored */
	IPC_REVOKE, /* grant_id */
	IPC_GRANTS, /* page: those from the `id`-th on */
	IPC_UPLINK_PLEASE, /* - : answered by UPLINK and RESULT */
	IPC_UNPAIR, /* name */
	IPC_PAIRINGS, /* page: those from the `id`-th on */
	/* uplink -> monitor, monitor -> control */
	IPC_UPLINK, /* uplink: how it stands with the relay */
	/* uplink -> engine; `request` is the uplink's session, and comes back in all that is for it */
	IPC_HELLO, /* hello: to be signed */
	IPC_JOINED, /* joined */
	IPC_SEALED, /* sealed: a request that only the engine can judge */
	IPC_TOKEN, /* token: the same, in the clear */
	/* engine -> uplink */
	IPC_SIGNED, /* join_signed */
	IPC_CHALLENGE, /* challenge */
	/* engine -> monitor -> uplink, behind the events of what is answered; a refusal of what is not authentic goes there at once */
	IPC_SEALED_ANSWER, /* sealed_answer */
	IPC_PLAIN_ANSWER, /* plain_answer */
	IPC_KINDS
};

enum ipc_code {
	RESULT_OK,
	RESULT_MORE, /* STATUS: ask again after `id` */
	RESULT_NOT_FOUND, /* no such machine */
	RESULT_REFUSED, /* text says why */
	RESULT_ALREADY_AWAKE,
	RESULT_UNREACHABLE, /* the machine's interface is away */
	RESULT_FULL, /* the store cannot take it now: text says why */
	RESULT_ALREADY_ASLEEP, /* SLEEP_PLEASE */
	RESULT_NO_SLEEPER, /* SLEEP_PLEASE: no sleeper holds a lease */
	RESULT_BUSY, /* PAIR_PLEASE: a code is open already */
	RESULT_CODES
};

enum ipc_register_mode {
	REGISTER_OFF,
	REGISTER_SELF,
	REGISTER_TOKEN,
	REGISTER_ANYONE,
	REGISTER_MODES
};

/* What engine and control need of the configuration. Durations in microseconds. */
struct ipc_settings {
	uint64_t interval, hold, shutdown_timeout, probe_interval, watch, scan_window, wake_window;
	uint16_t attempts, scan_limit, wake_limit;
	uint8_t keep, observe, local, register_mode;
	uint32_t machines_max; /* how many may register */
	uint16_t connections_max, connections_per_source; /* at the registration port */
	char token[65]; /* hex SHA-256 of it, or empty: for control alone, empty towards engine */
};

struct ipc_interface {
	uint8_t index; /* ours, 0 .. 15 */
	uint8_t present, up, virtual_mac, has4, has6;
	uint16_t gate_port; /* our half-open SYNs come from it */
	uint16_t echo_id; /* our echo probes carry it */
	struct mac own, claim;
	char name[16];
};

/* One address on one interface, and what belongs to it: which fields count, core/effect.h says. */
struct ipc_lan {
	uint8_t interface;
	uint8_t attempt;
	uint16_t port;
	uint32_t machine; /* 0: none */
	struct addr addr, peer;
	struct mac mac, peer_mac;
};

#define IPC_VNET_HEADER 10
#define IPC_PACKET_MAX 65535

struct ipc_send {
	uint8_t interface;
	uint8_t large; /* merged by GRO: it goes out with the virtio_net_hdr it came with */
	uint8_t vnet[IPC_VNET_HEADER];
	uint32_t machine;
	uint32_t length;
	/* The IP packet, `length` bytes, follows the message. */
};

/* How it stands with the machine's sleeper. */
struct ipc_sleeper {
	uint8_t paired;
	uint8_t held; /* it holds a lease now */
	uint64_t since_ms; /* …or holds none; 0: not since the guard started */
	struct addr source; /* where it came from, the last time */
};

struct ipc_machine {
	uint32_t id;
	uint8_t interface; /* HOME_NO_INTERFACE (0xff): none now */
	uint8_t has_past;
	uint32_t uid; /* ADD: who asked */
	struct machine_past past;
	struct ipc_sleeper sleeper; /* STATUS_ENTRY */
	struct spec spec;
};

struct ipc_registration {
	struct addr peer; /* where it came from */
	uint8_t trusted; /* register = anyone, or the token was right: not asked on the LAN */
	uint8_t goodbye; /* it is about to sleep (a registration of Wakupator's always is) */
	struct spec spec;
};

struct ipc_past {
	uint32_t id;
	struct machine_past past;
};

struct ipc_page {
	uint64_t id;
	uint32_t most; /* entries wanted at once */
	uint8_t backwards; /* LOG: the last `most` entries before the end instead of those after `id` */
	char name[SPEC_NAME_MAX + 1]; /* empty: all */
};

struct ipc_name {
	char name[SPEC_NAME_MAX + 1];
	uint32_t uid; /* who asked */
};

#define IPC_TEXT 256

struct ipc_result {
	uint32_t code; /* enum ipc_code */
	uint32_t id; /* the machine's; MORE: the last one sent */
	char text[IPC_TEXT];
};

enum ipc_listener_kind { LISTENER_REGISTRATION, LISTENER_CONTROL, LISTENER_KINDS };

struct ipc_listener {
	uint32_t kind; /* enum ipc_listener_kind */
	struct addr addr; /* where registrations come in */
	uint16_t port;
};

#define IPC_DISCOVERY_ADDRESSES 8
#define IPC_DISCOVERY_NAME 64

/* What the guard says of itself on one interface, by one family's multicast DNS. */
struct ipc_discovery {
	uint8_t interface;
	uint8_t family; /* 4, 6 */
	uint16_t port; /* of registration */
	struct mac mac; /* the host's name here is made of it */
	uint16_t addresses_n;
	struct prefix addresses[IPC_DISCOVERY_ADDRESSES]; /* own ones, with their links */
	char name[IPC_DISCOVERY_NAME]; /* of the guard, for people */
};

struct ipc_key {
	uint8_t there; /* 0: no relay is joined */
	uint8_t seed[RELAY_KEY_SIZE];
	char origin[RELAY_ORIGIN_MAX + 1]; /* the only one to sign for */
};

struct ipc_relay {
	struct relay_joined joined;
	char invitation[RELAY_INVITATION_TEXT]; /* empty: none is needed */
};

enum uplink_state {
	UPLINK_NONE, /* no relay is joined */
	UPLINK_OFFLINE, /* it tries */
	UPLINK_JOINED,
	UPLINK_REFUSED, /* by the relay, for good: text is its word for why */
	UPLINK_LEFT, /* the relay has forgotten us, as it was told */
	UPLINK_STATES
};

struct ipc_uplink {
	uint32_t state; /* enum uplink_state */
	uint32_t rtt_us; /* 0: not measured */
	uint64_t since_ms;
	char home[RELAY_HOME_TEXT];
	char origin[RELAY_ORIGIN_MAX + 1];
	char text[IPC_TEXT]; /* OFFLINE: what was wrong the last time */
};

struct ipc_hello {
	uint8_t challenge[RELAY_CHALLENGE_SIZE];
	char origin[RELAY_ORIGIN_MAX + 1];
};

struct ipc_join_signed {
	uint8_t refused; /* the origin is not the one to sign for */
	uint8_t key[RELAY_KEY_SIZE];
	uint8_t signature[RELAY_SIGNATURE_SIZE];
};

#define IPC_RUN 8

struct ipc_joined {
	uint8_t run[IPC_RUN]; /* ids of requests are good within it */
};

struct ipc_sealed {
	uint64_t id; /* the relay's, of the request */
	struct addr from;
	struct sealed_request request;
};

struct ipc_token {
	uint64_t id;
	struct addr from;
	uint8_t get;
	char grant[RELAY_GRANT_TEXT];
	uint8_t token[RELAY_KEY_SIZE];
};

struct ipc_challenge {
	uint32_t seconds; /* it is good for so long at least */
	char current[RELAY_NONCE_TEXT];
};

#define IPC_OUTCOME 24

struct ipc_sealed_answer {
	uint64_t id;
	uint8_t final;
	char outcome[IPC_OUTCOME]; /* of the final one */
	struct sealed_answer answer;
};

struct ipc_plain_answer {
	uint64_t id;
	uint8_t final;
	char outcome[IPC_OUTCOME];
	char why[IPC_OUTCOME]; /* to a sealed request that is not authentic; there is no body then */
	char body[SEALED_BODY]; /* JSON */
};

struct ipc_pairing {
	struct pairing pairing;
	struct addr from; /* PAIR: whence */
};

struct ipc_lease_opening {
	uint32_t connection;
	struct addr peer;
	struct lease_opening opening;
};

struct ipc_lease_line {
	uint32_t connection;
	uint32_t length; /* at most LEASE_LINE_MAX; the bytes follow the message */
	uint8_t proved; /* SEND: it proved its key: it stays open */
	uint8_t close; /* SEND: after these bytes */
};

enum pair_news {
	PAIR_CODE, /* code, seconds */
	PAIR_WRONG, /* somebody at `from` had another code: `left` tries */
	PAIR_DONE, /* name, mac, from, guarded */
	PAIR_EXPIRED,
	PAIR_SPENT, /* three tries */
	PAIR_FAILED, /* text: it could not be stored */
	PAIR_NEWS_KINDS
};

struct ipc_pair_news {
	uint8_t what; /* enum pair_news; from DONE on the code is over */
	uint8_t left;
	uint8_t guarded; /* a machine with this MAC was guarded already */
	char code[PAIRING_CODE_DIGITS + 1];
	uint32_t seconds;
	struct addr from;
	struct mac mac;
	char name[SPEC_NAME_MAX + 1];
	char text[IPC_TEXT];
};

struct ipc_message {
	uint32_t kind; /* enum ipc_kind */
	uint32_t request; /* chosen by who asks; comes back in what answers; 0: nobody waits */
	union {
		struct ipc_settings settings;
		struct ipc_interface interface;
		struct ipc_lan lan;
		struct ipc_send send;
		struct ipc_machine machine;
		struct ipc_registration registration;
		struct ipc_past past;
		struct event event;
		struct ipc_page page;
		struct ipc_name name;
		struct ipc_result result;
		struct ipc_listener listener;
		struct ipc_discovery discovery;
		struct ipc_key key;
		struct grant grant;
		char grant_id[RELAY_GRANT_TEXT];
		struct ipc_relay relay;
		struct relay_machine relay_machine;
		struct relay_grant relay_grant;
		struct ipc_uplink uplink;
		struct ipc_hello hello;
		struct ipc_join_signed join_signed;
		struct ipc_joined joined;
		struct ipc_sealed sealed;
		struct ipc_token token;
		struct ipc_challenge challenge;
		struct ipc_sealed_answer sealed_answer;
		struct ipc_plain_answer plain_answer;
		struct ipc_pairing pairing;
		char pairing_id[PAIRING_ID_TEXT];
		struct ipc_lease_opening lease_opening;
		struct ipc_lease_line lease_line;
		struct ipc_pair_news pair_news;
		uint32_t id;
	};
};

/* Bytes of this message, without those that follow a SEND, LEASE_LINE or LEASE_SEND. */
size_t ipc_length(const struct ipc_message *m);
/* What follows it. */
static inline const uint8_t *ipc_packet(const struct ipc_message *m)
{
	return (const uint8_t *)m + ipc_length(m);
}

/* Room for any message and what follows it. */
#define IPC_BYTES_MAX (sizeof(struct ipc_message) + IPC_PACKET_MAX)

/* True when n received bytes are a message of one of these kinds, whole and with every field in range. */
bool ipc_check(const struct ipc_message *m, size_t n);
const char *ipc_kind_name(enum ipc_kind k);

#endif
