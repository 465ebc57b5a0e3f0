#include "sleeper/sleeper.h"

#include "base/heap.h"
#include "proto/json.h"
#include "proto/keys.h"
#include "proto/registration.h"
#include "sleeper/arm.h"
#include "sleeper/bus.h"
#include "sleeper/config.h"
#include "sleeper/guard.h"
#include "sleeper/idle.h"
#include "sleeper/life.h"
#include "sleeper/logind.h"
#include "sleeper/services.h"
#include "sleeper/wakupator.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/net.h"
#include "sys/notify.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000)
/* Two notices of one wake come this close together. */
#define SAME_WAKE_US (5 * SECOND)
/* Said goodbye, and awake so long after it: it did not sleep. */
#define STILL_HERE_US (60 * SECOND)

/* --- what this machine is --- */

static void own_name(struct spec *spec)
{
	char host[256] = "";

	(void)gethostname(host, sizeof(host) - 1);
	host[strcspn(host, ".")] = 0;
	if (spec_name_valid(host, strlen(host)))
		memcpy(spec->name, host, strlen(host) + 1);
	else
		registration_default_name(&spec->mac, spec->name);
}

void sleeper_describe(struct sleeper *s, struct spec *ret_spec)
{
	const char *name = s->config->name;

	memset(ret_spec, 0, sizeof(*ret_spec));
	ret_spec->origin = SPEC_REGISTERED;
	ret_spec->mac = s->state.paired ? s->state.pairing.mac : s->port.mac;
	ret_spec->secureon = s->port.secureon;
	if (!name[0] && s->state.paired)
		name = s->state.pairing.name;
	if (name[0])
		memcpy(ret_spec->name, name, strlen(name) + 1);
	else
		own_name(ret_spec);
	for (size_t i = 0; i < s->port.addresses_n; i++)
		(void)spec_add_address(ret_spec, &s->port.addresses[i]);
	if (s->services)
		services_rules(s, ret_spec);
}

void sleeper_changed(struct sleeper *s)
{
	if (s->phase == SLEEPER_UP)
		guard_changed(s->guard);
}

/* --- the port --- */

static const struct net_interface *choose(const struct sleeper *s)
{
	const char *name = s->config->interface;
	uint16_t port;
	struct addr guard = guard_address(s->guard, &port);

	if (!name[0] && s->state.paired && net_by_name(s->net, s->state.pairing.interface))
		name = s->state.pairing.interface;
	return port_choose(s->net, name, &guard);
}

static void arm(struct sleeper *s)
{
	arm_port(&s->port, s->config->wake_on_lan != 0);
}

static void say_port(const struct sleeper *s)
{
	char mac[MAC_TEXT], paired[MAC_TEXT];

	if (!s->port.ifindex) {
		log_warning("there is no interface towards a guard now");
		return;
	}
	log_info("interface %s, %s", s->port.interface, mac_format(&s->port.mac, mac));
	if (s->port.physical_n == 0)
		log_warning("%s has no hardware below it: Wake-on-LAN is up to whoever runs it",
			    s->port.interface);
	if (s->state.paired && !mac_equal(&s->state.pairing.mac, &s->port.mac))
		log_warning("%s has the MAC %s, but the pairing is of %s: give it that one, or run "
			    "'rouse setup' again",
			    s->port.interface, mac, mac_format(&s->state.pairing.mac, paired));
}

static bool same_addresses(const struct port *a, const struct port *b)
{
	return a->addresses_n == b->addresses_n &&
	       memcmp(a->addresses, b->addresses, a->addresses_n * sizeof(a->addresses[0])) == 0;
}

/* A bridge with other ports has a carrier all the time: what counts for Wake-on-LAN is that of the hardware. */
static bool hardware_came_up(struct sleeper *s)
{
	bool came = false;

	for (size_t i = 0; i < s->port.physical_n; i++) {
		struct port_physical *p = &s->port.physical[i];
		const struct net_interface *n = net_by_name(s->net, p->name);
		bool carrier = n && n->link.carrier;

		came = came || (carrier && !p->carrier);
		p->carrier = carrier;
	}
	return came;
}

void sleeper_look(struct sleeper *s)
{
	struct port before = s->port;
	bool other, link_up;

	port_look(&s->port, choose(s));
	other = before.ifindex != s->port.ifindex || !mac_equal(&before.mac, &s->port.mac);
	link_up = s->port.carrier && (!before.carrier || other);
	link_up = hardware_came_up(s) || link_up;
	if (other)
		say_port(s);
	if (s->phase != SLEEPER_UP)
		return;
	/* Network managers set their own when they configure a link. */
	if (link_up || before.physical_n != s->port.physical_n)
		arm(s);
	if (link_up)
		guard_check(s->guard);
	if (other || !same_addresses(&before, &s->port))
		sleeper_changed(s);
}

/* --- goodbye --- */

static void leaving_over(void *context, int result, const char *text)
{
	struct sleeper *s = context;
	struct sleeper_life *life = s->life;
	size_t n = life->waiting_n;

	if (result == -ECANCELED)
		s->phase = SLEEPER_UP;
	else
		s->phase = SLEEPER_GONE;
	if (result == -ENOTCONN)
		log_debug("no goodbye: %s", text);
	else if (result < 0)
		log_warning("goodbye (%s) did not reach the guard: %s", lease_why_name(life->why),
			    text);
	else
		log_notice("said goodbye to the guard (%s)", lease_why_name(life->why));
	if (s->phase == SLEEPER_GONE && !life->shuts_down)
		loop_timer_set(&life->still_here, clock_monotonic_us() + STILL_HERE_US);
	life->waiting_n = 0;
	for (size_t i = 0; i < n; i++)
		life->waiting[i].done(life->waiting[i].context, result, text);
}

static void leave(struct sleeper *s)
{
	struct sleeper_life *life = s->life;
	struct spec spec;
	int r;

	if (s->state.paired) {
		guard_goodbye(s->guard, life->why, SLEEPER_GOODBYE_US, leaving_over, s);
		return;
	}
	if (!s->config->guard[0]) {
		leaving_over(s, -ENOTCONN, "not paired with a guard: run 'rouse setup' here");
		return;
	}
	sleeper_describe(s, &spec);
	wakupator_free(life->registration);
	life->registration = NULL;
	r = wakupator_register(s->loop, s->config, &spec, leaving_over, s, &life->registration);
	if (r < 0)
		leaving_over(s, r, strerror(-r));
}

void sleeper_goodbye(struct sleeper *s, enum lease_why why, sleeper_done *done, void *context)
{
	struct sleeper_life *life = s->life;

	if (s->phase == SLEEPER_GONE) {
		done(context, 0, "");
		return;
	}
	if (life->waiting_n == LIFE_WAITING) {
		done(context, -EBUSY, "too many ask at once");
		return;
	}
	life->waiting[life->waiting_n++] = (struct life_waiting){ done, context };
	if (s->phase == SLEEPER_LEAVING)
		return;
	s->phase = SLEEPER_LEAVING;
	life->why = why;
	life->shuts_down = why == WHY_POWEROFF || why == WHY_HALT;
	if (!life->errand)
		arm(s);
	leave(s);
}

void sleeper_forget(struct sleeper *s, const void *context)
{
	struct sleeper_life *life = s->life;
	size_t kept = 0;

	for (size_t i = 0; i < life->waiting_n; i++) {
		if (life->waiting[i].context != context)
			life->waiting[kept++] = life->waiting[i];
	}
	life->waiting_n = kept;
}

/* --- hello --- */

/*
 * Neighbours learn that the address is ours again from a request of ours for the guard's: sent anew, and to all, because the
 * kernel has forgotten the guard. It needs no further power; everything else the guard's hand back announces.
 */
static void announce(struct sleeper *s)
{
	uint16_t port;
	struct addr guard = guard_address(s->guard, &port);

	if (s->port.ifindex && guard.family == 4)
		(void)net_neighbour_delete(s->net, s->port.ifindex, &guard);
}

static void wake(struct sleeper *s)
{
	s->woken = clock_now();
	s->life->shuts_down = false;
	loop_timer_set(&s->life->still_here, NEVER);
	wakupator_free(s->life->registration);
	s->life->registration = NULL;
	s->phase = SLEEPER_UP;
	port_look(&s->port, choose(s));
	arm(s);
	announce(s);
	if (s->logind)
		logind_lock(s->logind);
	if (s->idle)
		idle_woken(s);
	guard_kick(s->guard, WHY_RESUME);
}

void sleeper_hello(struct sleeper *s)
{
	if (s->phase == SLEEPER_UP && s->woken.us &&
	    clock_monotonic_us() - s->woken.us < SAME_WAKE_US)
		return;
	log_notice("awake");
	wake(s);
}

static void resumed(void *context, uint64_t slept_us)
{
	log_info("slept %llu s", (unsigned long long)(slept_us / SECOND));
	sleeper_hello(context);
}

static void still_here(void *context)
{
	log_warning("said goodbye, but did not sleep: hello again");
	sleeper_hello(context);
}

/* --- logind --- */

static void release(void *context, int result, const char *text)
{
	struct sleeper *s = context;

	(void)result, (void)text;
	logind_release(s->logind);
}

static void on_sleeps(void *context)
{
	sleeper_goodbye(context, WHY_SUSPEND, release, context);
}

static void on_wakes(void *context)
{
	sleeper_hello(context);
}

static void on_shuts_down(void *context, enum jobs_verdict how)
{
	struct sleeper *s = context;

	if (how == JOBS_REBOOT) {
		log_info("a reboot: no goodbye");
		release(s, 0, "");
		return;
	}
	/* Where nobody says how, it is put right when we are told to end. A registration cannot be: it waits until then. */
	if (how == JOBS_NONE && !s->state.paired) {
		release(s, 0, "");
		return;
	}
	sleeper_goodbye(s, how == JOBS_HALT ? WHY_HALT : WHY_POWEROFF, release, s);
}

static void stayed(void *context, int result, const char *text)
{
	(void)context;
	if (result < 0)
		log_warning("the guard does not know that this machine stays: %s", text);
}

static void on_stays(void *context)
{
	struct sleeper *s = context;

	log_notice("the shutdown was cancelled");
	s->phase = SLEEPER_UP;
	s->life->shuts_down = false;
	logind_lock(s->logind);
	if (s->state.paired)
		guard_stay(s->guard, WHY_CANCELLED, SLEEPER_GOODBYE_US, stayed, s);
}

void sleeper_suspend(struct sleeper *s, const char *who, sleeper_done *done, void *context)
{
	log_notice("asks logind to suspend: %s", who);
	logind_suspend(s->logind, done, context);
}

/* --- the end --- */

static void stop(void *context, int result, const char *text)
{
	struct sleeper *s = context;

	(void)result, (void)text;
	loop_stop(s->loop);
}

static void take_back(struct sleeper *s, enum lease_why why)
{
	log_notice("takes the goodbye back (%s)", lease_why_name(why));
	s->phase = SLEEPER_UP;
	guard_stay(s->guard, why, SLEEPER_GOODBYE_US, stop, s);
}

void sleeper_end(struct sleeper *s)
{
	enum jobs_verdict how = JOBS_NONE;
	bool said = s->phase != SLEEPER_UP;
	int r = s->life->ending ? -EALREADY : logind_jobs(s->bus, &how);

	if (s->life->ending) {
		loop_stop(s->loop);
		return;
	}
	s->life->ending = true;
	(void)notify_stopping();
	if (r < 0)
		log_info("nobody says why this program ends: %s", strerror(-r));
	else
		log_info("told to end; the machine's own end: %s", jobs_verdict_name(how));
	if (how == JOBS_POWEROFF || how == JOBS_HALT)
		sleeper_goodbye(s, how == JOBS_HALT ? WHY_HALT : WHY_POWEROFF, stop, s);
	else if (r == 0 && said && s->state.paired)
		take_back(s, how == JOBS_REBOOT ? WHY_REBOOT : WHY_STOP);
	else if (r < 0 && s->phase == SLEEPER_LEAVING)
		sleeper_goodbye(s, s->life->why, stop, s);
	else
		loop_stop(s->loop);
}

/* --- the pairing --- */

void sleeper_pairing(struct sleeper *s)
{
	struct state is;
	int r = state_load(s->config->state_dir, &is);

	if (r == -EPERM)
		log_error("%s/" PAIRING_STATE_FILE " can be read by others: its key is no secret; "
			  "run 'rouse setup' again",
			  s->config->state_dir);
	else if (r < 0)
		log_error("%s/" PAIRING_STATE_FILE ": %s", s->config->state_dir, strerror(-r));
	if (state_same(&is, &s->state)) {
		keys_wipe(&is, sizeof(is));
		return;
	}
	s->state = is;
	keys_wipe(&is, sizeof(is));
	if (!s->guard)
		return;
	log_notice("the pairing is another one now");
	sleeper_look(s);
	guard_paired(s->guard);
}

static void pairing_changed(void *context)
{
	sleeper_pairing(context);
}

/* --- what the daemon is made of --- */

int sleeper_watch(struct sleeper *s)
{
	static const struct logind_user user = { on_sleeps, on_wakes, on_shuts_down, on_stays,
						 NULL };
	struct logind_user logind = user;
	struct sleeper_life *life = s->life;
	int r = loop_timer_init(&life->still_here, s->loop, still_here, s);

	logind.context = s;
	if (r == 0)
		r = resume_init(&life->resume, s->loop, resumed, s);
	if (r == 0)
		r = state_watch_init(&life->pairing, s->loop, s->config->state_dir, pairing_changed,
				     s);
	if (r == 0)
		r = bus_new(s->loop, &s->bus);
	if (r == 0)
		r = logind_new(s, &logind, &s->logind);
	return r;
}
