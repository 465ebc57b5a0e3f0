/*
 * fuzz_ipc: messages between roles: any bytes, and any body for a kind's right length. What ipc_check() lets through must be
 * safe to use: described, printed, counted.
 */
#include "proto/answer.h"
#include "proto/event_text.h"
#include "proto/ipc.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Sums the bytes, so that they are really read. */
static unsigned int sum(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	unsigned int s = 0;

	while (n--)
		s += *p++;
	return s;
}

static void use_machine(const struct ipc_machine *m)
{
	static char line[ANSWER_MAX];
	static const struct machine_past nothing;
	struct json_writer w = json_writer_over(line, sizeof(line));

	answer_write_machine(&w, m->id, &m->spec, m->has_past ? &m->past : &nothing, NULL);
	assert(!w.out.cut && line[w.out.used - 1] == '\n');
}

static void use_event(const struct event *e)
{
	static char json[EVENT_JSON];
	char line[EVENT_LINE];
	struct json_writer w = json_writer_over(json, sizeof(json));

	assert(strlen(event_line(e, line)) < EVENT_LINE - 1);
	event_write_json(&w, e);
	assert(!w.out.cut);
}

static void use(const struct ipc_message *m, size_t n)
{
	assert(ipc_kind_name(m->kind)[0]);
	switch (m->kind) {
	case IPC_SEND:
		assert(n == ipc_length(m) + m->send.length);
		assert(sum(ipc_packet(m), m->send.length) < UINT32_MAX);
		return;
	case IPC_MACHINE:
	case IPC_STORE:
	case IPC_ADD:
	case IPC_STATUS_ENTRY:
		use_machine(&m->machine);
		return;
	case IPC_LOG_ENTRY:
	case IPC_HAPPENED:
	case IPC_EVENT:
		use_event(&m->event);
		return;
	case IPC_RESULT:
	case IPC_REFUSED:
		assert(strlen(m->result.text) < sizeof(m->result.text));
		return;
	case IPC_REMOVE:
	case IPC_WAKE_PLEASE:
		assert(strlen(m->name.name) <= SPEC_NAME_MAX);
		return;
	case IPC_LEASE_LINE:
	case IPC_LEASE_SEND:
		assert(n == ipc_length(m) + m->lease_line.length);
		assert(sum(ipc_packet(m), m->lease_line.length) < UINT32_MAX);
		return;
	default:
		assert(n == ipc_length(m));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static union {
		struct ipc_message m;
		uint8_t bytes[IPC_BYTES_MAX];
	} at;
	size_t n = size < sizeof(at) ? size : sizeof(at);

	/* As it is. */
	memset(&at, 0xa5, sizeof(at));
	if (n)
		memcpy(at.bytes, data, n);
	if (ipc_check(&at.m, n))
		use(&at.m, n);
	/* The first byte as kind, the rest as body, of the length that kind has. */
	if (size == 0 || (at.m.kind = data[0] % IPC_KINDS) == 0)
		return 0;
	memset(at.bytes + sizeof(at.m.kind), 0, sizeof(at) - sizeof(at.m.kind));
	n = size - 1 < sizeof(at) - 8 ? size - 1 : sizeof(at) - 8;
	memcpy(at.bytes + 8, data + 1, n);
	n = ipc_length(&at.m);
	if (at.m.kind == IPC_SEND && at.m.send.length <= IPC_PACKET_MAX)
		n += at.m.send.length;
	if ((at.m.kind == IPC_LEASE_LINE || at.m.kind == IPC_LEASE_SEND) &&
	    at.m.lease_line.length <= LEASE_LINE_MAX)
		n += at.m.lease_line.length;
	if (ipc_check(&at.m, n))
		use(&at.m, n);
	return 0;
}
