/*
 * pairing_state: the pairing as the machine keeps it: which guard, under which id, with which key. `rouse setup` writes the
 * file (PAIRING_STATE_FOLDER/PAIRING_STATE_FILE, mode 0600, by file_replace), rouse-sleeper reads it. Text only: the file
 * itself is its callers' business.
 *
 * It is one JSON object of one line:
 *   {"pairing":1,"id":b64(9),"key":b64(32),"guard":"192.0.2.1","port":13717,"mac":"be:ef:fa:ce:c0:de","name":"nas",
 *    "interface":"eth0"}
 * Members beyond these are ignored, so that either program may be the newer one.
 */
#ifndef ROUSE_PROTO_PAIRING_STATE_H
#define ROUSE_PROTO_PAIRING_STATE_H

#include "proto/pairing.h"

#define PAIRING_STATE_FOLDER "/var/lib/rouse-sleeper"
#define PAIRING_STATE_FILE "pairing.json"
#define PAIRING_STATE_MAX 2048 /* bytes of the file */
#define PAIRING_STATE_HOST 256

struct pairing_state {
	char id[PAIRING_ID_TEXT];
	uint8_t key[PAIRING_KEY_SIZE]; /* secret: keys_wipe() what is not needed any more */
	char guard
		[PAIRING_STATE_HOST]; /* name or address, IPv6 without brackets, link-local with its zone */
	uint16_t port; /* of registration, TCP */
	struct mac mac; /* whose the pairing is: the physical port's */
	char name[SPEC_NAME_MAX + 1]; /* what the guard calls this machine */
	char interface[16]; /* that has the machine's addresses: its port, or the bridge, bond or VLAN on it */
};

/* n bytes: the file, as it is. -EINVAL: it is no pairing, -EPROTONOSUPPORT: one of a newer program; *ret stays as it was. */
int pairing_state_read(const char *text, size_t n, struct pairing_state *ret)
	__attribute__((warn_unused_result));
/* With newline and NUL; its length without NUL, or -ENOSPC. */
int pairing_state_write(const struct pairing_state *s, char *to, size_t size)
	__attribute__((warn_unused_result));

#endif
