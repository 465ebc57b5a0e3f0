/*
 * record_fields: which fields the lines of the journal have, and how each is written and read: one table for both ways.
 * For record.c alone.
 */
#ifndef ROUSE_PROTO_RECORD_FIELDS_H
#define ROUSE_PROTO_RECORD_FIELDS_H

#include "base/text.h"
#include "proto/record.h"

/* How one kind of field is written. Fields that are zero are not written at all. */
struct record_form {
	size_t size; /* of the part that says whether it is zero */
	void (*put)(struct text *t, const void *field);
	/* 0; -EBADMSG; RECORD_STRANGE for a name that only a newer version knows. */
	int (*get)(const char *value, void *field);
};

struct record_field {
	const char *key; /* NULL: the end */
	const struct record_form *form;
	size_t offset; /* in struct record */
};

struct record_verb {
	const char *name;
	const struct record_field *fields;
};

extern const struct record_verb record_verbs[RECORD_KINDS];

#endif
