/*
 * spec_json: the parts of a spec as members of a JSON object, in the form that add, export and registration share.
 *
 * Refuses to know which members a message has, and in which order.
 */
#ifndef ROUSE_PROTO_SPEC_JSON_H
#define ROUSE_PROTO_SPEC_JSON_H

#include "base/spec.h"

#include <stddef.h>

struct json_writer;

/* "addresses": [..] */
void spec_json_addresses(struct json_writer *w, const struct spec *s);
/* "rules": [..], as people write them; of a rule for one address the address is not said. */
void spec_json_rules(struct json_writer *w, const struct spec *s);
/* "from": [..] and "ignore_from": [..] */
void spec_json_sources(struct json_writer *w, const struct spec *s);
/* "secureon": ".." */
void spec_json_secureon(struct json_writer *w, const struct spec *s);

#endif
