/*
 * fuzz_record: a line of the state journal: as it is, and as a payload with the right checksum in front. What is
 * understood must come out the same when it is written and read again.
 */
#include "proto/record.h"

#include "base/text.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t write_again(const struct record *r, char line[static RECORD_MAX])
{
	switch (r->kind) {
	case RECORD_MACHINE:
		return record_machine(r->id, &r->spec, line);
	case RECORD_GONE:
		return record_gone(r->id, line);
	case RECORD_PAST:
		return record_past(r->id, &r->past, line);
	case RECORD_EVENT:
		return record_event(&r->event, line);
	case RECORD_GRANT:
		return record_grant(&r->grant, line);
	case RECORD_REVOKED:
		return record_revoked(r->grant.id, line);
	case RECORD_RELAY:
		return record_relay(&r->relay, line);
	case RECORD_IDS:
		return record_ids(r->next_machine, r->next_event, line);
	case RECORD_PAIRED:
		return record_paired(&r->pairing, line);
	case RECORD_UNPAIRED:
		return record_unpaired(r->pairing.id, line);
	case RECORD_KINDS:
		break;
	}
	assert(r->kind < RECORD_KINDS);
	return 0;
}

static void decode(const char *line, size_t n)
{
	static char again[RECORD_MAX];
	static char third[RECORD_MAX];
	struct record r;
	struct record same;
	size_t written;

	if (record_decode(line, n, &r) != 0)
		return;
	written = write_again(&r, again);
	assert(record_decode(again, written - 1, &same) == 0);
	assert(write_again(&same, third) == written && memcmp(again, third, written) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char line[2 * RECORD_MAX];
	char crc[9];
	struct text t = text_over(crc, sizeof(crc));

	decode((const char *)data, size);
	if (size > sizeof(line) - 9)
		return 0;
	text_hex(&t, record_checksum((const char *)data, size), 8);
	memcpy(line, crc, 8);
	line[8] = ' ';
	if (size)
		memcpy(line + 9, data, size);
	decode(line, 9 + size);
	return 0;
}
