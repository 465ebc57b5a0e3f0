/*
 * random: unpredictable bytes from the kernel, for hash keys, ids and sequence numbers.
 */
#ifndef ROUSE_SYS_RANDOM_H
#define ROUSE_SYS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills n bytes; waits for the kernel's pool right after boot. There is no useful way to go on
 * without randomness, so failure (a kernel without getrandom) aborts. */
void random_bytes(void *to, size_t n);
uint32_t random_u32(void);

#endif
