/*
 * entropy: unpredictable bytes from the kernel, for hash keys, ids and sequence numbers.
 */
#ifndef ROUSE_SYS_ENTROPY_H
#define ROUSE_SYS_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

/* Fills n bytes; waits for the kernel's pool right after boot. There is no useful way to go on
 * without randomness, so failure (a kernel without getrandom) aborts. */
void entropy_bytes(void *to, size_t n);
uint32_t entropy_u32(void);
/* The same for an id that people give to commands: as base64url it does not begin with '-', like an option. */
void entropy_id(void *to, size_t n);

#endif
