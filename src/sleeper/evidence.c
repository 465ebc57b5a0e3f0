#include "sleeper/evidence.h"

#include <string.h>

#define SECOND UINT64_C(1000000)

struct evidence *evidence_add(struct evidences *all, const char *check, struct text *ret_text)
{
	struct evidence *e = &all->list[all->n < EVIDENCE_MAX ? all->n++ : EVIDENCE_MAX - 1];
	struct text name;

	*e = (struct evidence){ .is.said = IDLE_QUIET };
	name = text_over(e->check, sizeof(e->check));
	text_string(&name, check);
	*ret_text = text_over(e->text, sizeof(e->text));
	return e;
}

void evidence_put_duration(struct text *t, uint64_t us)
{
	uint64_t s = us / SECOND;

	if (s < 100) {
		text_u64(t, s);
		text_string(t, " s");
	} else if (s < 100 * 60) {
		text_u64(t, s / 60);
		text_string(t, " min");
	} else if (s < UINT64_C(48) * 3600) {
		text_u64(t, s / 3600);
		text_string(t, " h");
	} else {
		text_u64(t, s / 86400);
		text_string(t, " days");
	}
}

void evidence_put_bytes(struct text *t, uint64_t bytes)
{
	uint64_t tenths = bytes * 10 / 1024;

	if (bytes < 1024) {
		text_u64(t, bytes);
		text_string(t, " B");
		return;
	}
	if (tenths >= 10240)
		tenths /= 1024;
	text_u64(t, tenths / 10);
	text_char(t, '.');
	text_u64(t, tenths % 10);
	text_string(t, bytes >= 1U << 20 ? " MiB" : " KiB");
}

void evidence_put_hundredths(struct text *t, uint64_t v)
{
	text_u64(t, v / 100);
	text_char(t, '.');
	text_u64(t, v / 10 % 10);
	text_u64(t, v % 10);
}
