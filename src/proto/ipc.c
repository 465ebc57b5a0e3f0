#include "proto/ipc.h"

#include <assert.h>
#include <string.h>

#define HEAD offsetof(struct ipc_message, settings)
#define BODY(member) (sizeof(((struct ipc_message *)0)->member))

/* The payload of each kind. */
static const struct form {
	const char *name;
	size_t body;
	bool (*sane)(const struct ipc_message *m);
} forms[IPC_KINDS];

static bool text_ends(const char *text, size_t n)
{
	return memchr(text, 0, n) != NULL;
}

static bool family_sane(const struct addr *a)
{
	return a->family == 0 || a->family == 4 || a->family == 6;
}

static bool settings_sane(const struct ipc_message *m)
{
	return m->settings.register_mode < REGISTER_MODES &&
	       text_ends(m->settings.token, BODY(settings.token));
}

static bool interface_sane(const struct ipc_message *m)
{
	return m->interface.index < 16 && text_ends(m->interface.name, BODY(interface.name));
}

static bool lan_sane(const struct ipc_message *m)
{
	return m->lan.interface < 16 && family_sane(&m->lan.addr) && family_sane(&m->lan.peer);
}

static bool send_sane(const struct ipc_message *m)
{
	return m->send.interface < 16 && m->send.length <= IPC_PACKET_MAX;
}

static bool machine_sane(const struct ipc_message *m)
{
	return spec_sane(&m->machine.spec) &&
	       (!m->machine.has_past || machine_past_sane(&m->machine.past)) &&
	       (m->machine.interface < 16 || m->machine.interface == 0xff);
}

static bool registration_sane(const struct ipc_message *m)
{
	return spec_sane(&m->registration.spec) && family_sane(&m->registration.peer);
}

static bool past_sane(const struct ipc_message *m)
{
	return machine_past_sane(&m->past.past);
}

static bool happened_sane(const struct ipc_message *m)
{
	return event_sane(&m->event);
}

static bool page_sane(const struct ipc_message *m)
{
	return text_ends(m->page.name, BODY(page.name));
}

static bool name_sane(const struct ipc_message *m)
{
	return text_ends(m->name.name, BODY(name.name));
}

static bool result_sane(const struct ipc_message *m)
{
	return m->result.code < RESULT_CODES && text_ends(m->result.text, BODY(result.text));
}

static bool listener_sane(const struct ipc_message *m)
{
	return m->listener.kind < LISTENER_KINDS && family_sane(&m->listener.addr);
}

static const struct form forms[IPC_KINDS] = {
	[IPC_SETTINGS] = { "settings", BODY(settings), settings_sane },
	[IPC_INTERFACE] = { "interface", BODY(interface), interface_sane },
	[IPC_GO] = { "go", 0, NULL },
	[IPC_TAP] = { "tap", BODY(interface), interface_sane },
	[IPC_MACHINE] = { "machine", BODY(machine), machine_sane },
	[IPC_FORGOTTEN] = { "forgotten", BODY(id), NULL },
	[IPC_REFUSED] = { "refused", BODY(result), result_sane },
	[IPC_CHECKED] = { "checked", BODY(result), result_sane },
	[IPC_LISTENER] = { "listener", BODY(listener), listener_sane },
	[IPC_LOG_ENTRY] = { "log-entry", BODY(event), happened_sane },
	[IPC_LOG_END] = { "log-end", 0, NULL },
	[IPC_HAPPENED] = { "happened", BODY(event), happened_sane },
	[IPC_ANSWER] = { "answer", BODY(lan), lan_sane },
	[IPC_ANNOUNCE] = { "announce", BODY(lan), lan_sane },
	[IPC_REPOINT] = { "repoint", BODY(lan), lan_sane },
	[IPC_SOLICIT] = { "solicit", BODY(lan), lan_sane },
	[IPC_PROBE_PORT] = { "probe-port", BODY(lan), lan_sane },
	[IPC_PROBE_ECHO] = { "probe-echo", BODY(lan), lan_sane },
	[IPC_WAKE] = { "wake", BODY(lan), lan_sane },
	[IPC_SEND] = { "send", BODY(send), send_sane },
	[IPC_CLAIM] = { "claim", BODY(lan), lan_sane },
	[IPC_RELEASE] = { "release", BODY(lan), lan_sane },
	[IPC_LOCAL] = { "local", BODY(lan), lan_sane },
	[IPC_REFRESH] = { "refresh", BODY(lan), lan_sane },
	[IPC_CHECK] = { "check", BODY(machine), machine_sane },
	[IPC_STORE] = { "store", BODY(machine), machine_sane },
	[IPC_FORGET] = { "forget", BODY(id), NULL },
	[IPC_PAST] = { "past", BODY(past), past_sane },
	[IPC_EVENT] = { "event", BODY(event), happened_sane },
	[IPC_REGISTER] = { "register", BODY(registration), registration_sane },
	[IPC_ADD] = { "add", BODY(machine), machine_sane },
	[IPC_REMOVE] = { "remove", BODY(name), name_sane },
	[IPC_WAKE_PLEASE] = { "wake-please", BODY(name), name_sane },
	[IPC_STATUS] = { "status", BODY(page), page_sane },
	[IPC_RESULT] = { "result", BODY(result), result_sane },
	[IPC_STATUS_ENTRY] = { "status-entry", BODY(machine), machine_sane },
	[IPC_LOG] = { "log", BODY(page), page_sane },
};

size_t ipc_length(const struct ipc_message *m)
{
	assert(m->kind < IPC_KINDS && forms[m->kind].name);
	return HEAD + forms[m->kind].body;
}

bool ipc_check(const struct ipc_message *m, size_t n)
{
	if (n < HEAD || m->kind >= IPC_KINDS || !forms[m->kind].name)
		return false;
	size_t length = ipc_length(m);

	if (n < length || (forms[m->kind].sane && !forms[m->kind].sane(m)))
		return false;
	return n - length == (m->kind == IPC_SEND ? m->send.length : 0);
}

const char *ipc_kind_name(enum ipc_kind k)
{
	return forms[k].name;
}
