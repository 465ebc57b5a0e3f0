/*
 * box_parts: how box.c asks the programs of this host: for box*.c alone.
 */
#ifndef ROUSE_CLI_BOX_PARTS_H
#define ROUSE_CLI_BOX_PARTS_H

struct box;

/* Fill b->sleeper and b->roused; say nothing to anybody. */
void box_ask_sleeper(struct box *b);
void box_ask_guard(struct box *b);

#endif
