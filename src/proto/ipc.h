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
	IPC_CHECKED, /* result: of CHECK */
	/* monitor -> control */
	IPC_LISTENER, /* listener [the listening socket] */
	IPC_LOG_ENTRY, /* event: one line of the answer to LOG */
	IPC_LOG_END, /* - : no more for now */
	IPC_HAPPENED, /* event: live, to whom it may concern */
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
	/* control -> engine */
	IPC_REGISTER, /* registration */
	IPC_ADD, /* machine */
	IPC_REMOVE, /* name */
	IPC_WAKE_PLEASE, /* name */
	IPC_STATUS, /* page: machines after `id` (0: from the start), or the one of that name */
	/* engine -> control */
	IPC_RESULT, /* result: ends every request of control's */
	IPC_STATUS_ENTRY, /* machine: one line of the answer to STATUS */
	/* control -> monitor */
	IPC_LOG, /* page: events after `id`, of one machine or all */
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

struct ipc_machine {
	uint32_t id;
	uint8_t interface; /* HOME_NO_INTERFACE (0xff): none now */
	uint8_t has_past;
	struct machine_past past;
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
		uint32_t id;
	};
};

/* Bytes of this message, without the packet that follows a SEND. */
size_t ipc_length(const struct ipc_message *m);
/* The packet that follows a SEND. */
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
