/*
 * state: what the sleeper remembers: its pairing, and where the guard was last. One small file, 0600, replaced atomically.
 *
 * Refuses to know what the key is used for.
 */
#ifndef ROUSE_SLEEPER_STATE_H
#define ROUSE_SLEEPER_STATE_H

#include "base/addr.h"
#include "proto/pairing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATE_FILE "pairing"
#define STATE_FILE_MAX 1024

struct state {
	bool paired;
	char id[PAIRING_ID_TEXT];
	uint8_t key[PAIRING_KEY_SIZE];
	struct addr guard;
	uint16_t port;
	struct mac mac; /* the machine's, as it was paired */
};

/* The text of the file; -ENOSPC. And back: -EINVAL for anything torn, unknown or said twice. */
int state_write(const struct state *s, char *to, size_t size);
int state_read(const char *bytes, size_t n, struct state *ret) __attribute__((warn_unused_result));

/* 0, also when there is none yet (not paired); -EINVAL: the file makes no sense; errors of reading. */
int state_load(const char *directory, struct state *ret);
int state_save(const char *directory, const struct state *s);

#endif
