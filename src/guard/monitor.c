/*
 * monitor: the parent's own life: start in the order that power allows, then signals, until it stops.
 */
#include "guard/monitor.h"

#include "guard/config_load.h"
#include "guard/transmit.h"
#include "sys/account.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/notify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define USER "rouse"
#define USER_WITHOUT_INSTALLATION "nobody"
#define EXIT_USAGE 2
#define SOCKETS_MAX 8 /* from the service manager */
#define EXIT_WAKE_ROUNDS 2
#define EXIT_WAKE_PAUSE 200000000 /* ns */

struct identity {
	uid_t uid;
	gid_t gid;
	bool root;
};

/* Whom to be: the daemon's own user, if it is there. */
static int choose_identity(struct identity *ret_identity)
{
	struct identity id = { .uid = geteuid(), .gid = getegid(), .root = geteuid() == 0 };

	if (id.root && account_user(USER, &id.uid, &id.gid) < 0) {
		if (account_user(USER_WITHOUT_INSTALLATION, &id.uid, &id.gid) < 0) {
			log_error("there is neither a user " USER " nor " USER_WITHOUT_INSTALLATION
				  " to run as");
			return -ENOENT;
		}
		log_notice("there is no user " USER
			   " (./run install makes it): running as " USER_WITHOUT_INSTALLATION
			   ", whose other programs can read the state and end the guard");
	}
	*ret_identity = id;
	return 0;
}

static bool is_empty(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	size_t n = 0;

	if (!d)
		return false;
	/* cppcheck-suppress readdirCalled; at the start there is one thread */
	while (n <= 2 && readdir(d))
		n++;
	(void)closedir(d);
	return n <= 2; /* "." and ".." */
}

/*
 * As root the state folder is made for the user who is to live in it. Through a descriptor: whoever owns the folder above
 * may put a link in its place meanwhile. And only an empty one is given away: `state-dir = /etc` is a mistake, no gift.
 */
static void prepare_state(const struct monitor *m, const struct identity *id)
{
	const char *folder = m->config.state_dir;
	struct stat st;
	int fd;

	if (!id->root)
		return;
	if (mkdir(folder, 0750) < 0 && errno != EEXIST)
		log_error("cannot make the state folder %s: %s", folder, strerror(errno));
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return; /* whoever opens it next says why */
	if (fstat(fd, &st) == 0 && st.st_uid == 0 && id->uid != 0) {
		if (!is_empty(fd))
			log_error("the state folder %s belongs to root and is not empty: it is not "
				  "given to the daemon's user",
				  folder);
		else if (fchown(fd, id->uid, id->gid) < 0)
			log_error("cannot give the state folder %s to its user: %s", folder,
				  strerror(errno));
	}
	close(fd);
}

static void tell_listener(void *context, const struct ipc_listener *said, int fd)
{
	struct monitor *m = context;
	struct ipc_message q = { .kind = IPC_LISTENER, .listener = *said };

	role_tell_with(m, ROLE_CONTROL, &q, fd);
}

static void tell_tap(void *context, uint8_t slot, int fd)
{
	struct monitor *m = context;
	struct ipc_message q = { .kind = IPC_TAP };

	q.interface = m->lan.slots[slot].said;
	role_tell_with(m, ROLE_ENGINE, &q, fd);
}

static void lan_changed(void *context, uint8_t slot, bool new_socket)
{
	struct monitor *m = context;
	struct ipc_message q = { .kind = IPC_INTERFACE };
	const struct lan_interface *i = &m->lan.slots[slot];

	q.interface = i->said;
	role_tell_with(m, ROLE_ENGINE, &q, new_socket ? i->receive_fd : -1);
	role_tell(m, ROLE_CONTROL, &q);
	machines_relocate(m);
	listeners_registration(&m->listeners, &m->config, &m->lan);
	discovery_update(m);
}

static void hear_store(void *who, const char *line)
{
	(void)who;
	log_warning("%s", line);
}

/* What starting and writing needed once: a guard of 1000 machines is 3 MB smaller without it. */
static void give_memory_back(void)
{
#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
}

static void synced(void *context, int result)
{
	struct monitor *m = context;

	store_tended(m->store, result);
	machines_sync_soon(m);
	give_memory_back();
}

static void sync_due(void *context)
{
	struct monitor *m = context;

	int fd;

	if (!m->syncer) {
		store_sync(m->store);
		machines_sync_soon(m);
		return;
	}
	fd = store_tend(m->store);
	if (fd < 0)
		synced(m, 0);
	else if (syncer_start(m->syncer, fd) < 0)
		synced(m, fdatasync(fd) < 0 ? -errno : 0);
}

/* With root's power: what only root may open. */
static int open_as_root(struct monitor *m, const struct identity *id)
{
	struct notify_socket sockets[SOCKETS_MAX];
	int n = notify_sockets(sockets, SOCKETS_MAX);
	gid_t group = (gid_t)-1;
	int r;

	listeners_init(&m->listeners, tell_listener, m);
	for (int k = 0; k < n; k++) {
		if (!listeners_adopt(&m->listeners, sockets[k].fd, sockets[k].name)) {
			log_warning("the service manager's socket %s is of no use here",
				    sockets[k].name);
			close(sockets[k].fd);
		}
	}
	if (id->root && account_group(USER, &group) < 0)
		group = id->gid;
	r = listeners_control(&m->listeners, m->config.control, id->root ? 0 : (uid_t)-1, group);
	if (r == -EADDRINUSE)
		log_error("another guard answers at %s; stop it first, or give this one its own "
			  "`control =` and "
			  "`state-dir =`",
			  m->config.control);
	else if (r < 0)
		log_error("cannot open the control socket %s: %s%s", m->config.control,
			  strerror(-r),
			  r == -EACCES && !id->root
				  ? "; the guard is started by root, which it does not stay, or by "
				    "systemd"
				  : "");
	return r;
}

static int drop_power(struct monitor *m, const struct identity *id)
{
	unsigned int keep = SANDBOX_NET_RAW | (m->config.local ? SANDBOX_NET_ADMIN : 0U) |
			    (m->config.port < 1024 ? SANDBOX_NET_BIND_SERVICE : 0U);
	int r = sandbox_identity(id->uid, id->gid, keep, &m->sandbox);

	if (r == -EPERM)
		log_error("a capability is missing: CAP_NET_RAW%s%s; start as root, or give it to "
			  "the service",
			  m->config.local ? " and CAP_NET_ADMIN (local = yes)" : "",
			  m->config.port < 1024 ? " and CAP_NET_BIND_SERVICE (port below 1024)"
						: "");
	else if (r < 0)
		log_error("cannot become an ordinary user: %s", strerror(-r));
	return r;
}

static int open_store(struct monitor *m)
{
	int r = store_open(m->config.state_dir, (struct store_ear){ .say = hear_store }, &m->store);

	/* -EBUSY: the store has said who uses it. */
	if (r < 0 && r != -EBUSY)
		log_error("cannot open the state folder %s: %s", m->config.state_dir, strerror(-r));
	return r;
}

/* The folder that a path is in. */
static void folder_of(const char *path, char to[static CONFIG_PATH_MAX + 1])
{
	char *slash;

	snprintf(to, CONFIG_PATH_MAX + 1, "%s", path);
	slash = strrchr(to, '/');
	if (slash && slash != to)
		*slash = 0;
}

static int close_sandbox(struct monitor *m)
{
	char control[CONFIG_PATH_MAX + 1];
	char config[CONFIG_PATH_MAX + 1];
	struct sandbox_path paths[3 + SANDBOX_NETWORK_PATHS] = {
		{ .path = m->config.state_dir, .write = true },
		{ .path = control, .write = true },
		{ .path = config, .write = false },
	};
	const size_t own = 3;
	static char program[32];
	bool uplink = m->relay.image.image >= 0;
	char text[SANDBOX_TEXT];
	int r;

	folder_of(m->config.control, control);
	folder_of(m->options->file ? m->options->file : OPTIONS_DEFAULT_FILE, config);
	if (uplink) {
		snprintf(program, sizeof(program), "/proc/self/fd/%d", m->relay.image.image);
		sandbox_program(program);
	}
	/* What the uplink reads is handed down to it. */
	memcpy(paths + own, sandbox_network, sizeof(sandbox_network));
	r = sandbox_close(SANDBOX_MONITOR, paths, uplink ? own + SANDBOX_NETWORK_PATHS : own,
			  &m->sandbox);
	if (r < 0) {
		log_error("cannot close the sandbox: %s", strerror(-r));
		return r;
	}
	log_info("sandbox: %s", sandbox_report_format(&m->sandbox, text));
	return 0;
}

static bool forwards(const struct monitor *m)
{
	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++) {
		const struct lan_interface *i = &m->lan.slots[slot];

		if (i->ifindex != 0 && (i->net->forwards4 || i->net->forwards6))
			return true;
	}
	return false;
}

static void say_start(const struct monitor *m)
{
	size_t n = store_machines(m->store);
	const char *registrations = m->config.register_mode == REGISTER_OFF ? "off"
				    : listeners_registering(&m->listeners)  ? "on"
									    : "not accepted yet";

	log_notice("guarding %zu machine%s; registrations: %s, port %u; state in %s", n,
		   n == 1 ? "" : "s", registrations, (unsigned int)m->config.port,
		   m->config.state_dir);
	if (m->config.observe)
		log_notice("observe = yes: nothing is sent onto the LAN; the log says what would "
			   "have been done");
	if (!m->config.local && forwards(m))
		log_notice("this host forwards packets, and local = no: connections that it "
			   "forwards or makes itself (a VPN, "
			   "containers, a reverse proxy) wake nothing; local = yes changes that, "
			   "see roused.conf(5)");
}

static void wake_all(struct monitor *m)
{
	const struct timespec pause = { .tv_nsec = EXIT_WAKE_PAUSE };
	const struct listing *l;
	size_t n = 0;

	for (int round = 0; round < EXIT_WAKE_ROUNDS; round++) {
		n = 0;
		for (l = directory_next(&m->directory, NULL); l;
		     l = directory_next(&m->directory, l)) {
			if (l->state != MACHINE_ASLEEP && l->state != MACHINE_DROWSY &&
			    l->state != MACHINE_WAKING)
				continue;
			(void)transmit_magic(&m->lan, l);
			n++;
		}
		if (n > 0 && round + 1 < EXIT_WAKE_ROUNDS)
			(void)nanosleep(&pause, NULL);
	}
	log_notice("on-exit = wake: magic packets sent to %zu machine%s", n, n == 1 ? "" : "s");
}

static void say_changed(void *who, const char *section, const char *key, bool restart)
{
	(void)who;
	log_notice("reload: [%s] %s has changed%s", section, key,
		   restart ? "; this one acts at the next start only" : "");
}

static void reload(struct monitor *m)
{
	struct config c;

	(void)notify_reloading();
	if (config_load(m->options, &c) < 0) {
		log_error("the configuration was not reloaded: the one before stays in force");
		config_done(&c);
		(void)notify_ready("the last reload failed: see the log");
		return;
	}
	config_diff(&m->config, &c, say_changed, m);
	/* What is bound to the start stays as it was. */
	memcpy(c.state_dir, m->config.state_dir, sizeof(c.state_dir));
	memcpy(c.control, m->config.control, sizeof(c.control));
	c.port = m->config.port;
	config_done(&m->config);
	m->config = c;
	lan_reconfigure(&m->lan, &m->config);
	local_set(&m->local, m->config.local);
	roles_tell_settings(m);
	machines_reload(m);
	machines_relocate(m);
	config_drop_machines(&m->config);
	listeners_registration(&m->listeners, &m->config, &m->lan);
	discovery_update(m);
	log_notice("reloaded: guarding %zu machine%s", store_machines(m->store),
		   store_machines(m->store) == 1 ? "" : "s");
	(void)notify_ready(NULL);
}

static void caught(void *context, int signal)
{
	struct monitor *m = context;

	if (signal == SIGHUP) {
		reload(m);
		return;
	}
	(void)notify_stopping();
	if (m->config.on_exit_wake)
		wake_all(m);
	loop_stop(m->loop);
}

/* After the power is gone: everything that the roles will need, then the roles. */
static int open_rest(struct monitor *m)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, 0 };
	int r = loop_signals_init(&m->signals, m->loop, signals, caught, m);

	if (r >= 0)
		r = loop_timer_init(&m->sync, m->loop, sync_due, m);
	if (r >= 0)
		r = directory_init(&m->directory);
	if (r >= 0)
		r = roles_init(m);
	if (r >= 0)
		r = relay_side_init(m);
	if (r >= 0)
		r = discovery_init(m);
	if (r >= 0)
		r = lan_init(&m->lan, m->loop, &m->config, lan_changed, m);
	if (r >= 0)
		r = local_init(&m->local, m->loop, &m->lan, tell_tap, m);
	if (r >= 0)
		r = machines_load(m);
	if (r < 0) {
		log_error("cannot start: %s", strerror(-r));
		return r;
	}
	config_drop_machines(&m->config);
	listeners_registration(&m->listeners, &m->config, &m->lan);
	discovery_update(m);
	local_set(&m->local, m->config.local);
	r = close_sandbox(m);
	if (r < 0)
		return r;
	/* In the sandbox, so that the thread is as well. */
	if (syncer_new(m->loop, synced, m, &m->syncer) < 0)
		log_warning(
			"no thread to sync the state journal: a slow disk will delay the guard");
	r = roles_start(m);
	if (r < 0)
		log_error("cannot start the roles: %s", strerror(-r));
	else
		relay_side_start(m);
	return r;
}

static int start(struct monitor *m)
{
	struct identity id;
	int r = role_image_open(&m->image);

	if (r < 0) {
		log_error("cannot open the running program (is /proc mounted?): %s", strerror(-r));
		return r;
	}
	/* Both before the power goes: the folder may be one that only root can enter. */
	if (uplink_find(&m->relay, m->image.null) < 0)
		log_debug("there is no uplink: no relay can be joined");
	(void)notify_open();
	r = loop_new(&m->loop);
	if (r >= 0)
		r = choose_identity(&id);
	if (r < 0)
		return r;
	prepare_state(m, &id);
	r = open_as_root(m, &id);
	if (r >= 0)
		r = drop_power(m, &id);
	if (r >= 0)
		r = open_store(m);
	if (r >= 0)
		r = open_rest(m);
	return r;
}

static void stop(struct monitor *m)
{
	roles_stop(m);
	relay_side_done(m);
	discovery_done(m);
	local_done(&m->local);
	syncer_free(m->syncer);
	if (m->store)
		store_close(m->store);
	listeners_done(&m->listeners);
	if (m->lan.net)
		lan_done(&m->lan);
	directory_done(&m->directory);
	loop_signals_done(&m->signals);
	loop_timer_done(&m->sync);
	loop_free(m->loop);
	role_image_close(&m->image);
	config_done(&m->config);
	log_flush();
}

int monitor_main(const struct options *options)
{
	static struct monitor m;
	int r;

	m.options = options;
	log_open("roused");
	if (options->debug)
		log_set_level(LOG_LEVEL_DEBUG);
	r = config_load(options, &m.config);
	if (r < 0)
		return r == -EINVAL ? EXIT_USAGE : EXIT_FAILURE;
	r = start(&m);
	if (r >= 0) {
		say_start(&m);
		(void)notify_ready(NULL);
		r = loop_run(m.loop);
	}
	stop(&m);
	/* The last line of the log says what it was. */
	if (r >= 0 && m.result == EXIT_SUCCESS)
		log_notice("stopped");
	return r < 0 ? EXIT_FAILURE : m.result;
}
