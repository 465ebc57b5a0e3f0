/*
 * spec_json: the parts of a spec as members of a JSON object, in the form that add, export, registration and lease share: their
 * writing, and what a single word of them may say.
 *
 * Refuses to know which members a message has, and in which order.
 */
#ifndef ROUSE_PROTO_SPEC_JSON_H
#define ROUSE_PROTO_SPEC_JSON_H

#include "base/spec.h"

struct json_writer;

/* "addresses": [..] */
void spec_json_addresses(struct json_writer *w, const struct spec *s);
/* "rules": [..], as people write them; of a rule for one address the address is not said. */
void spec_json_rules(struct json_writer *w, const struct spec *s);
/* "from": [..] and "ignore_from": [..] */
void spec_json_sources(struct json_writer *w, const struct spec *s);
/* "secureon": ".." */
void spec_json_secureon(struct json_writer *w, const struct spec *s);

/*
 * The other way: one word of a message into a spec. NULL, or why not, to be written behind the quoted word: " is a multicast
 * address".
 */
const char *spec_json_put_mac(struct spec *s, const char *word);
const char *spec_json_put_name(struct spec *s, const char *word);
const char *spec_json_parse_address(const char *word, struct addr *ret);
const char *spec_json_put_address(struct spec *s, const char *word);
const char *spec_json_put_rule(struct spec *s, const char *word);

#endif
