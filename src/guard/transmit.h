/*
 * transmit: typed requests of the engine -> frames on the LAN. The only sender of frames.
 *
 * It checks each request against the monitor's own view: whatever the engine asks, nothing is said about an address that
 * is not a guarded machine's, and packets go to the machine alone. It never reads a frame.
 */
#ifndef ROUSE_GUARD_TRANSMIT_H
#define ROUSE_GUARD_TRANSMIT_H

#include "guard/directory.h"
#include "guard/lan.h"
#include "proto/ipc.h"

enum transmit_verdict {
	TRANSMIT_SENT,
	TRANSMIT_NOT_NOW, /* no interface, no link, no address of our own of that family: nothing was sent */
	TRANSMIT_FORBIDDEN, /* our bug, or an engine that was taken over */
};

enum transmit_verdict transmit_lan(const struct lan *lan, const struct directory *d,
				   const struct ipc_message *m);
enum transmit_verdict transmit_packet(const struct lan *lan, const struct directory *d,
				      const struct ipc_message *m);
/* A burst of magic packets: raw to the MAC and to everybody, UDP port 9 to everybody. */
enum transmit_verdict transmit_magic(const struct lan *lan, const struct listing *l);

#endif
