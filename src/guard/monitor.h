/*
 * monitor: the parent. It holds the one power there is (CAP_NET_RAW), opens what the roles need, sends the frames the
 * engine asks for, keeps the store, and starts again what dies. Shared by the files monitor_*.c alone.
 *
 * It never decodes a frame, a registration or a command; it parses the configuration, which is its owner's own file.
 */
#ifndef ROUSE_GUARD_MONITOR_H
#define ROUSE_GUARD_MONITOR_H

#include "guard/config.h"
#include "guard/directory.h"
#include "guard/lan.h"
#include "guard/listeners.h"
#include "guard/local.h"
#include "guard/monitor_discovery.h"
#include "guard/monitor_relay.h"
#include "guard/options.h"
#include "guard/store.h"
#include "proto/ipc.h"
#include "sys/channel.h"
#include "sys/loop.h"
#include "sys/role.h"
#include "sys/sandbox.h"
#include "sys/syncer.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A role that dies is started again at once, so often within a minute; then after a pause that doubles, until it has lived a
 * minute. One that never lived long enough to serve anybody has a flaw that no pause mends: the daemon gives up.
 */
#define DEATHS_MAX 5
#define DEATHS_WINDOW 60000000 /* us */
#define SERVED_AFTER 2000000 /* us */
#define PAUSE_FIRST 1000000 /* us */
#define PAUSE_MOST 60000000 /* us */

enum role_kind { ROLE_ENGINE, ROLE_CONTROL, ROLE_KINDS };

struct monitor;

struct role {
	struct monitor *monitor;
	enum role_kind kind;
	struct role_process process;
	struct loop_watch ended; /* of the pidfd */
	struct channel *channel;
	bool watching;
	struct loop_timer again; /* after a pause */
	uint64_t started; /* us */
	uint64_t pause; /* the last one, us; 0: none is due */
	bool served; /* some process of it did */
	uint64_t deaths[DEATHS_MAX]; /* when, the oldest overwritten */
	size_t deaths_n;
};

struct monitor {
	struct loop *loop;
	const struct options *options;
	struct config config;
	struct store *store;
	struct directory directory;
	struct lan lan;
	struct local local;
	struct listeners listeners;
	struct role_image image;
	struct role roles[ROLE_KINDS];
	int sisters
		[ROLE_KINDS]; /* the ends of the pair between engine and control: kept, so that neither loses it */
	struct loop_signals signals;
	struct loop_timer sync;
	struct syncer *syncer; /* NULL: the monitor waits for the disk itself */
	struct sandbox_report sandbox;
	struct relay_side relay;
	struct discovery_side discovery;
	bool stopping;
	int result;
};

/* monitor_machines.c: the store's machines, the directory's, the engine's */
int machines_load(struct monitor *m);
void machines_reload(struct monitor *m);
/* Interfaces came, went or changed: machines may be elsewhere now. */
void machines_relocate(struct monitor *m);
/* Everything a new engine must know of the machines. */
void machines_tell_all(struct monitor *m);
void machines_check(struct monitor *m, const struct ipc_message *q);
void machines_store(struct monitor *m, const struct ipc_message *q);
void machines_forget(struct monitor *m, const struct ipc_message *q);
void machines_past(struct monitor *m, const struct ipc_message *q);
/* Counts what may become dirty, so that it is on disk within a second. */
void machines_sync_soon(struct monitor *m);

/* monitor_pairings.c: pairings of sleepers */
void pairings_tell_all(struct monitor *m);
void pairings_pair(struct monitor *m, const struct ipc_message *q);
void pairings_unpair(struct monitor *m, const struct ipc_message *q);
void pairings_list(struct monitor *m, const struct ipc_message *q);

/* monitor_roles.c: starting, feeding and watching engine and control */
int roles_init(struct monitor *m);
int roles_start(struct monitor *m);
/* It said what it may not say; what comes after it is a new process. */
void role_end(struct monitor *m, enum role_kind kind);
void roles_stop(struct monitor *m);
void role_tell(struct monitor *m, enum role_kind kind, const struct ipc_message *q);
void role_tell_with(struct monitor *m, enum role_kind kind, const struct ipc_message *q, int fd);
void role_tell_with_all(struct monitor *m, enum role_kind kind, const struct ipc_message *q,
			const int *fds, size_t n);
void roles_tell_settings(struct monitor *m);

/* monitor_requests.c: what engine and control ask of the monitor */
void monitor_engine_said(struct monitor *m, const struct ipc_message *q);
void monitor_control_said(struct monitor *m, const struct ipc_message *q);
/* Stores an event, logs it, tells control. */
void monitor_event(struct monitor *m, struct event *e);

int monitor_main(const struct options *options);

#endif
