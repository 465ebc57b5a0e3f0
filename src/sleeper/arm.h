/*
 * arm: makes the hardware wake the machine for a magic packet, and says what it changed. Network managers and drivers undo it,
 * so it is done at the start, at each link-up, after each wake and before each sleep.
 *
 * Owns nothing. Refuses to know which hardware matters: port.h.
 */
#ifndef ROUSE_SLEEPER_ARM_H
#define ROUSE_SLEEPER_ARM_H

#include "sleeper/port.h"

#include <stdbool.h>
#include <stdint.h>

/* power/wakeup of the device. */
enum arm_wakeup { ARM_WAKEUP_NONE, ARM_WAKEUP_ENABLED, ARM_WAKEUP_DISABLED };

struct arm_seen {
	int error; /* of asking the driver: 0 or negative errno */
	uint32_t supported, armed; /* ETHTOOL_WAKE_... */
	enum arm_wakeup wakeup;
};

struct arm_plan {
	bool set, enable; /* what is to be changed: the driver's bits, power/wakeup */
	uint32_t armed; /* the bits then: what somebody else set stays */
	enum port_wake wake; /* how it stands once all of it is done */
};

/* Pure. `leave`: look only. */
struct arm_plan arm_decide(const struct arm_seen *seen, bool leave);

/* All the hardware of the port; logs what is new. */
void arm_port(struct port *p, bool leave);

#endif
