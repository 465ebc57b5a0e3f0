/*
 * command_reading: what the decoders of requests share: a request being read, and complaints about it that name the field.
 * For command.c and command_relay.c alone.
 */
#ifndef ROUSE_PROTO_COMMAND_READING_H
#define ROUSE_PROTO_COMMAND_READING_H

#include "base/text.h"
#include "proto/command.h"
#include "proto/json.h"
#include "proto/json_write.h"

/* One request being decoded. The first complaint ends it. */
struct command_reading {
	struct command *to;
	const struct json *root;
	struct text error;
};

/* "name: missing"; all return -EINVAL. */
int command_complain(struct command_reading *r, const char *field, const char *why);
/* "address: "x" is …" */
int command_complain_of(struct command_reading *r, const char *field, const char *value,
			const char *why);
int command_complain_kind(struct command_reading *r, const char *field, const struct json *v,
			  const char *expected);
int command_read_name(struct command_reading *r, bool needed);
int command_read_flag(struct command_reading *r, const char *field, bool *ret_flag);
int command_read_number(struct command_reading *r, const char *field, uint32_t least, uint32_t most,
			uint32_t *ret_number);

/* command_relay.c */
int command_read_join(struct command_reading *r);
int command_read_share(struct command_reading *r);
int command_read_revoke(struct command_reading *r);
void command_write_relay(struct json_writer *w, const struct command *c);

#endif
