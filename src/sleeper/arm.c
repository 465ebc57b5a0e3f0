#include "sleeper/arm.h"

#include "sys/ethtool.h"
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAKEUP "/sys/class/net/%s/device/power/wakeup"
#define WAKEUP_PATH 80

struct arm_plan arm_decide(const struct arm_seen *seen, bool leave)
{
	struct arm_plan p = { .armed = seen->armed, .wake = PORT_WAKE_ARMED };
	bool armed = seen->armed & (ETHTOOL_WAKE_MAGIC | ETHTOOL_WAKE_SECURE);

	if (seen->error == -EOPNOTSUPP ||
	    (seen->error == 0 && !(seen->supported & ETHTOOL_WAKE_MAGIC))) {
		p.wake = PORT_WAKE_UNSUPPORTED;
		return p;
	}
	if (seen->error < 0) {
		p.wake = PORT_WAKE_FAILED;
		return p;
	}
	if (leave) {
		p.wake = armed && seen->wakeup != ARM_WAKEUP_DISABLED ? PORT_WAKE_ARMED
								      : PORT_WAKE_LEFT;
		return p;
	}
	p.set = !armed;
	p.enable = seen->wakeup == ARM_WAKEUP_DISABLED;
	if (p.set)
		p.armed |= ETHTOOL_WAKE_MAGIC;
	return p;
}

static enum arm_wakeup wakeup_of(const char *name)
{
	char path[WAKEUP_PATH], text[16] = "";
	ssize_t n = -1;
	int fd;

	(void)snprintf(path, sizeof(path), WAKEUP, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	/* Empty: a device that cannot wake at all. */
	if (n <= 0 || text[0] == '\n')
		return ARM_WAKEUP_NONE;
	return strncmp(text, "enabled", 7) == 0 ? ARM_WAKEUP_ENABLED : ARM_WAKEUP_DISABLED;
}

static int wakeup_enable(const char *name)
{
	static const char word[] = "enabled";
	char path[WAKEUP_PATH];
	int fd, r = 0;

	(void)snprintf(path, sizeof(path), WAKEUP, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, word, sizeof(word) - 1) < 0)
		r = -errno;
	close(fd);
	return r;
}

static void look(int fd, const char *name, struct arm_seen *ret, struct secureon *ret_secureon)
{
	struct ethtool_wol wol = { .supported = 0 };

	ret->error = ethtool_wol_get(fd, name, &wol);
	ret->supported = wol.supported;
	ret->armed = wol.armed;
	ret->wakeup = wakeup_of(name);
	if (ret->error == 0 && wol.armed & ETHTOOL_WAKE_SECURE) {
		ret_secureon->length = sizeof(wol.password);
		memcpy(ret_secureon->b, wol.password, sizeof(wol.password));
	}
}

static enum port_wake carry_out(int fd, struct port_physical *p, const struct arm_seen *seen,
				const struct arm_plan *plan)
{
	char before[ETHTOOL_WAKE_TEXT], after[ETHTOOL_WAKE_TEXT];
	int r = plan->set ? ethtool_wol_set(fd, p->name, plan->armed) : 0;

	/* The driver sets it too, as a rule; one that did not is helped. */
	if (r == 0 && (plan->enable || plan->set) && wakeup_of(p->name) == ARM_WAKEUP_DISABLED)
		r = wakeup_enable(p->name);
	if (r < 0) {
		if (p->wake != PORT_WAKE_FAILED)
			log_error("%s: Wake-on-LAN cannot be armed: %s", p->name, strerror(-r));
		return PORT_WAKE_FAILED;
	}
	if (plan->set || plan->enable) {
		log_line(p->told ? LOG_LEVEL_DEBUG : LOG_LEVEL_NOTICE,
			 "%s: Wake-on-LAN armed (it was %s, is %s%s)", p->name,
			 ethtool_wake_text(seen->armed, before),
			 ethtool_wake_text(plan->armed, after),
			 plan->enable ? "; power/wakeup was disabled" : "");
		p->told = true;
	}
	return plan->wake;
}

static void say_new(const struct port_physical *p, enum port_wake is, int error)
{
	if (p->wake == is)
		return;
	if (is == PORT_WAKE_UNSUPPORTED)
		log_warning("%s: its driver knows no magic packet: this machine can say goodbye, "
			    "but not be woken",
			    p->name);
	else if (is == PORT_WAKE_FAILED && error)
		log_error("%s: its driver does not say whether Wake-on-LAN is armed: %s", p->name,
			  strerror(-error));
	else if (is == PORT_WAKE_LEFT)
		log_warning("%s: Wake-on-LAN is not armed, and wake-on-lan = leave", p->name);
}

void arm_port(struct port *p, bool leave)
{
	int fd = ethtool_open();

	p->secureon = (struct secureon){ .length = 0 };
	for (size_t i = 0; i < p->physical_n; i++) {
		struct port_physical *hardware = &p->physical[i];
		struct arm_seen seen = { .error = fd < 0 ? fd : 0 };
		struct arm_plan plan;
		enum port_wake is;

		if (fd >= 0) {
			look(fd, hardware->name, &seen, &p->secureon);
			(void)ethtool_permanent_mac(fd, hardware->name, &hardware->permanent);
		}
		plan = arm_decide(&seen, leave);
		is = plan.set || plan.enable ? carry_out(fd, hardware, &seen, &plan) : plan.wake;
		if (!plan.set && !plan.enable)
			say_new(hardware, is, seen.error);
		hardware->wake = is;
	}
	if (fd >= 0)
		close(fd);
}
