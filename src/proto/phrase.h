/*
 * phrase: six generated words that a person types (docs/protocol.md, 2). The list has 4096 words and is a rule instead of a
 * table: each is consonant, vowel, consonant, vowel, out of 16 consonants and 4 vowels, so that any of them can be said,
 * and none looks like another in a bad typeface.
 */
#ifndef ROUSE_PROTO_PHRASE_H
#define ROUSE_PROTO_PHRASE_H

#include <stddef.h>
#include <stdint.h>

#define PHRASE_WORDS 6
#define PHRASE_WORD 4 /* letters */
#define PHRASE_RANDOM 9 /* bytes: 12 bits a word */
#define PHRASE_TEXT (PHRASE_WORDS * (PHRASE_WORD + 1))
#define PHRASE_TYPED_MAX 256

/* "tiba-moru-…" of 72 random bits. */
char *phrase_make(const uint8_t random[static PHRASE_RANDOM], char to[static PHRASE_TEXT]);
/*
 * What was typed as it is stretched: ASCII letters in lower case, each run of blanks and hyphens one '-', none at the
 * ends. -EINVAL when nothing is left or it has more than PHRASE_TYPED_MAX - 1 bytes.
 */
int phrase_normalise(const char *typed, char to[static PHRASE_TYPED_MAX]);

#endif
