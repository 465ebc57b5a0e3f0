/*
 * evidence: what one check says about whether this machine is needed: for the decision (core/idle.h) and, in words, for people.
 * Values only.
 */
#ifndef ROUSE_SLEEPER_EVIDENCE_H
#define ROUSE_SLEEPER_EVIDENCE_H

#include "base/spec.h"
#include "base/text.h"
#include "core/idle.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVIDENCE_TEXT 200
#define EVIDENCE_MAX 32 /* the checks of ours and CONFIG_CHECKS_MAX commands fit */

struct evidence {
	char check[SPEC_NAME_MAX +
		   1]; /* "traffic", "sessions", ...; the name of a command of the user's */
	struct idle_evidence is;
	bool firm; /* keeps it awake also when a person forces sleep: somebody else's work would break */
	char text[EVIDENCE_TEXT];
};

struct evidences {
	size_t n;
	struct evidence list[EVIDENCE_MAX];
};

/* A quiet one at the end, and a writer for its text. Never NULL: beyond the limit the last one is used again. */
struct evidence *evidence_add(struct evidences *all, const char *check, struct text *ret_text);
/* "3 s", "12 min", "5 h", "2 days" */
void evidence_put_duration(struct text *t, uint64_t us);
/* "512 B", "3.2 KiB", "1.0 MiB" */
void evidence_put_bytes(struct text *t, uint64_t bytes);
/* 1234 as "12.34" */
void evidence_put_hundredths(struct text *t, uint64_t v);

#endif
