/*
 * uplink's process: started by the monitor with two channels and nothing else, it confines itself and runs until the
 * monitor is gone.
 */
#include "proto/json.h"
#include "sys/entropy.h"
#include "sys/log.h"
#include "sys/role.h"
#include "sys/sandbox.h"
#include "uplink/uplink.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_MAX (1U << 20) /* bytes of messages to a slow sister */

void uplink_tell_monitor(struct uplink *u, const struct ipc_message *m)
{
	if (channel_send(u->monitor, m, ipc_length(m), NULL, 0) == -ENOBUFS) {
		log_error("uplink: the monitor does not listen any more");
		exit(EXIT_FAILURE);
	}
}

void uplink_tell_engine(struct uplink *u, struct ipc_message *m)
{
	m->request = u->session;
	/* An engine that is slow loses requests rather than time: the relay says that it is not known. */
	if (channel_send(u->engine, m, ipc_length(m), NULL, 0) < 0)
		log_warning("uplink: the engine takes no more requests");
}

static void monitor_said(void *context, struct channel_message *c)
{
	struct uplink *u = context;
	const struct ipc_message *m = c->bytes;

	if (!ipc_check(m, c->length)) {
		log_error("uplink: a malformed message from the monitor");
		exit(EXIT_FAILURE);
	}
	switch (m->kind) {
	case IPC_RELAY:
		u->relay = m->relay;
		return;
	case IPC_RELAY_MACHINE:
		state_machine(&u->state, &m->relay_machine);
		break;
	case IPC_RELAY_GONE:
		state_machine_gone(&u->state, m->id);
		break;
	case IPC_RELAY_GRANT:
		state_grant(&u->state, &m->relay_grant);
		break;
	case IPC_REVOKED:
		state_grant_gone(&u->state, m->grant_id);
		break;
	case IPC_LOG_ENTRY:
		session_event(u, &m->event);
		return;
	case IPC_LOG_END:
		u->asking = false;
		break;
	case IPC_HAPPENED:
		u->more = true;
		break;
	case IPC_SEALED_ANSWER:
	case IPC_PLAIN_ANSWER:
		session_answer(u, m);
		return;
	case IPC_RELAY_LEAVE:
		session_leave(u);
		return;
	case IPC_GO:
		session_go(u);
		return;
	default:
		log_error("uplink: the monitor said what is not for the uplink");
		exit(EXIT_FAILURE);
	}
	session_pump(u);
}

static void engine_said(void *context, struct channel_message *c)
{
	struct uplink *u = context;
	const struct ipc_message *m = c->bytes;

	if (!ipc_check(m, c->length) ||
	    (m->kind != IPC_SIGNED && m->kind != IPC_CHALLENGE && m->kind != IPC_PLAIN_ANSWER)) {
		log_error("uplink: a malformed message from the engine");
		exit(EXIT_FAILURE);
	}
	session_answer(u, m);
}

static void channel_ended(void *context, int why)
{
	(void)context;
	exit(why < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int confine(void)
{
	struct sandbox_report report = { 0 };
	int r = sandbox_strip(SANDBOX_UPLINK, &report);

	return r < 0 ? r
		     : sandbox_close(SANDBOX_UPLINK, sandbox_network, SANDBOX_NETWORK_PATHS,
				     &report);
}

static int open_all(struct uplink *u)
{
	int r = loop_new(&u->loop);

	if (r >= 0)
		r = session_init(u);
	if (r >= 0)
		r = channel_new(u->loop, ROLE_FD_MONITOR, sizeof(struct ipc_message), WAITING_MAX,
				&(struct channel_handler){ monitor_said, channel_ended, u },
				&u->monitor);
	if (r >= 0)
		r = channel_new(u->loop, ROLE_FD_SISTER, sizeof(struct ipc_message), WAITING_MAX,
				&(struct channel_handler){ engine_said, channel_ended, u },
				&u->engine);
	return r;
}

int main(void)
{
	static struct uplink uplink;
	uint64_t random;
	int r = role_enter();

	log_open("roused");
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	if (r == -EINVAL) {
		log_error(
			"uplink: this is a part of roused, which starts it when a relay is joined");
		return EXIT_FAILURE;
	}
	entropy_bytes(&random, sizeof(random));
	json_seed(random);
	secure_init();
	if (r >= 0)
		r = open_all(&uplink);
	if (r >= 0)
		r = confine();
	if (r >= 0)
		r = loop_run(uplink.loop);
	if (r < 0)
		log_error("uplink: %s", strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
