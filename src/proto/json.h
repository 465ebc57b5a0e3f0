/*
 * json: the door to the JSON library. Strict reading of whole texts, and a scanner that says where a text that
 * comes in pieces ends.
 *
 * Owns the limits of what is read: size, depth, number of containers. Refuses to know what the text is about.
 */
#ifndef ROUSE_PROTO_JSON_H
#define ROUSE_PROTO_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_TEXT_MAX 65536 /* bytes of a text */
#define JSON_DEPTH_MAX 16
#define JSON_CONTAINERS_MAX 2048 /* objects and arrays: each costs the library some 300 bytes */
#define JSON_PROBLEM 128

/* To be called once before the first text, with a random number: keys from the network are hashed. */
void json_seed(uint64_t random);

/* Follows a text as it comes in; each byte is looked at once. Zeroed: at the start. */
struct json_scan {
	uint32_t depth;
	uint32_t containers;
	bool in_string, escaped;
	bool begun; /* something other than blanks came */
	bool done; /* the object that the text must be is closed */
	const char *wrong; /* why it can never become a text we read, or NULL */
};

void json_scan(struct json_scan *s, const char *bytes, size_t n);

struct json; /* one value, and for the root all below it */

/* What a value is; the names keep clear of the library's. */
enum json_kind {
	JSON_KIND_NOTHING, /* it is not there */
	JSON_KIND_NULL,
	JSON_KIND_BOOL,
	JSON_KIND_WHOLE, /* a number without fraction and exponent */
	JSON_KIND_FRACTION,
	JSON_KIND_WORD,
	JSON_KIND_LIST,
	JSON_KIND_MAP,
	JSON_KINDS
};

/*
 * Reads a whole text, which must be an object: no duplicate keys, no NUL in strings, nothing behind it. 0 and the root
 * for json_drop(); -EINVAL with the problem for a person (escaped), or -ENOMEM.
 */
int json_read(const char *bytes, size_t n, struct json **ret_root,
	      char problem[static JSON_PROBLEM]);
void json_drop(struct json *root);

/* All of these take NULL for a value that is not there; its kind is JSON_KIND_NOTHING. */
enum json_kind json_kind_of(const struct json *v);
const char *json_kind_words(enum json_kind k); /* "a number", "a string", …, for messages */
const struct json *json_member(const struct json *map, const char *key);
size_t json_count(const struct json *list);
const struct json *json_item(const struct json *list, size_t i);
const char *json_word(const struct json *v); /* NULL when it is none */
bool json_truth(const struct json *v);
int64_t json_whole(const struct json *v); /* 0 when it is no integer */
double json_amount(const struct json *v); /* 0 when it is no number */
/* The value as text again, for free(); NULL without memory. */
char *json_print(const struct json *v);

#endif
