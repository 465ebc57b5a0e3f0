/*
 * proc_text: the figures in a few files of /proc, read from their text. No I/O; what is not understood is not there.
 */
#ifndef ROUSE_SLEEPER_PROC_TEXT_H
#define ROUSE_SLEEPER_PROC_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* All of these: false when the text does not say it; *ret stays as it was. */

/* /proc/loadavg: the first figure, of one minute, in hundredths. */
bool proc_load(const char *text, uint64_t *ret_hundredths);
/* /proc/pressure/cpu: percent of the last minute in which something waited, in hundredths ("some", avg60). */
bool proc_pressure(const char *text, uint64_t *ret_hundredths);
/* /proc/diskstats: bytes read and written so far, of all whole disks. */
bool proc_disk_bytes(const char *text, uint64_t *ret_bytes);
/* /proc/net/dev: bytes received and sent so far, of one interface, or of all but loopback (empty). */
bool proc_network_bytes(const char *text, const char *interface, uint64_t *ret_bytes);

#endif
