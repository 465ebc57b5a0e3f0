/*
 * time_text: points in time as ISO 8601 text with offset, and back. Plain arithmetic in the proleptic Gregorian
 * calendar: no time zone is read here, the offset comes in.
 */
#ifndef ROUSE_PROTO_TIME_TEXT_H
#define ROUSE_PROTO_TIME_TEXT_H

#include <stdint.h>

#define TIME_TEXT 40

/* "2026-02-03T04:05:06.789+01:00"; offset east of Greenwich in minutes; returns `to`. */
char *time_text(uint64_t wall_ms, int offset_minutes, char to[static TIME_TEXT]);
/* The form above (fraction optional, 'Z' too), 1970 to 9999; -EINVAL otherwise. */
int time_text_parse(const char *text, uint64_t *ret_wall_ms);

#endif
