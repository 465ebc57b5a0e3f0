/*
 * limits: every bound and every fixed duration of the core, in one place. Durations are microseconds. What a person
 * can set is in struct home_settings instead.
 */
#ifndef ROUSE_CORE_LIMITS_H
#define ROUSE_CORE_LIMITS_H

#include <stdint.h>

#define MILLISECOND ((uint64_t)1000)
#define SECOND ((uint64_t)1000000)
#define MINUTE (60 * SECOND)

/* --- judging silence --- */

#define LIFE_UNKNOWN_PROBE \
	(250 * MILLISECOND) /* a machine of unknown state is asked this often … */
#define LIFE_UNKNOWN_LIMIT (1 * SECOND) /* … and decided after this */
#define LIFE_RESTART_PROBE (150 * MILLISECOND) /* the same, when it was asleep before a restart */
#define LIFE_RESTART_LIMIT (450 * MILLISECOND)
#define LIFE_DROWSY_INTERVALS 3 /* probe intervals of silence after a goodbye */
#define LIFE_DROWSY_UNANSWERED 2 /* and at least this many probes of them unanswered */
#define LIFE_WATCH_PROBE (500 * MILLISECOND) /* after a look that was not answered */
#define LIFE_WATCH_PROBES 6 /* so many more, the last two to everybody */
#define LIFE_ASLEEP_LOOK (30 * SECOND)
#define LIFE_WAKING_PROBE (50 * MILLISECOND)
#define LIFE_GATED_PROBE \
	(250 * MILLISECOND) /* an address that answered and waits for a port: is it still there? */
#define LIFE_GATED_SILENCE (3 * SECOND) /* it is not: the boot was broken off */
#define LIFE_RUN_GAP (5 * SECOND) /* frames nearer than this belong to one run of life */
#define LIFE_NO_ANSWER \
	(30 * SECOND) /* alive for so long without answering for an address: it has others now */
#define LIFE_HAND_QUIET \
	(30 * SECOND) /* one frame and then nothing for so long: it was not waking up */
#define LIFE_NIC_WAIT (1 * SECOND) /* ARP answers alone for so long after a goodbye: ask a port */
#define LIFE_NIC_PROBE (500 * MILLISECOND)
#define LIFE_NIC_SILENCE \
	(5 * SECOND) /* no answer of a port or to echo for so long: only the NIC answers */

/* --- claims --- */

#define CLAIM_ANNOUNCES 3
#define CLAIM_ANNOUNCE_GAP (1100 * MILLISECOND) /* more than Linux' ARP locktime of 1 s */
/*
 * An IPv6 address is tentative up to a second before its first DAD NS leaves (measured: the repeat at 1.1 s failed the
 * DAD of a machine that was switched on meanwhile and had not been heard). An NA with Override knows no locktime, so
 * the repeats, which are there for losses, follow at once. ARP probes are heard before they can fail.
 */
#define CLAIM_ANNOUNCE_GAP_6 (100 * MILLISECOND)
#define CLAIM_MOVED_QUIET \
	(30 * SECOND) /* silence after a broken-off boot before the neighbours are told again */
#define CLAIM_DEFEND_INTERVAL (10 * SECOND) /* RFC 5227, 2.4 (b): DEFEND_INTERVAL */
#define CLAIM_GUARD_DEFEND (1 * SECOND) /* against another guard not more often than this */
#define CLAIM_CONFLICT_LOOK (10 * MINUTE)
#define CLAIM_YIELDED_LOOK (30 * SECOND)
#define CLAIM_LOOK_PROBE (500 * MILLISECOND) /* a look: two questions, nobody answered after 1 s */
#define CLAIM_LOOK_PROBES 2
#define CLAIM_RIVAL_FRESH \
	(3 * SECOND) /* who was heard using the address so recently still uses it */
#define CLAIM_ASKERS 256 /* askers told apart when their questions are too many; a power of two */
#define CLAIM_ANSWER_BURST 256
#define CLAIM_ANSWER_GAP (4 * MILLISECOND) /* after the burst one asker gets 250 answers a second */
#define CLAIM_REFRESH (90 * SECOND)

/* --- waking --- */

#define WAKE_AGAIN (1 * MINUTE) /* between starts of series of a machine that does not come up */
#define WAKE_LATE (10 * MINUTE) /* up so long after the series failed: still its doing */
#define WAKE_HAND_GRACE \
	(3 * SECOND) /* a machine that showed life by itself gets so long before a knock wakes it */

/* --- held packets and gates --- */

#define HOLD_PER_MACHINE 64
#define HOLD_PER_SOURCE 48 /* one client of several machines, or a proxy for many people */
#define HOLD_PER_FLOW 8 /* datagrams and echo requests; of SYNs the newest */
/*
 * A replayed SYN that is lost costs its client until its next one, up to 64 s. Whether it arrived cannot be seen, since the
 * answer does not pass here; a second one is an old duplicate to a connection that stands (RFC 9293, 3.10.7.4).
 */
#define HOLD_AGAIN (200 * MILLISECOND) /* it is sent again so long after the first … */
#define HOLD_LAST (1 * SECOND) /* … and once more so long after the first */
#define GATE_PROBE (50 * MILLISECOND)
#define GATE_SILENCE (3 * SECOND) /* neither SYN-ACK nor RST: a firewall drops the probes */
#define GATE_THERE (1 * SECOND) /* and the machine was heard so recently */
#define GATE_REPOINT (250 * MILLISECOND)
#define GATE_REPOINT_GAP \
	(2 * MILLISECOND) /* because of its frames: at once, again after this, never more often */

/* --- sources --- */

#define KNOCK_REMEMBERED 16 /* touches, and machines, a source is remembered by */
#define KNOCK_MUTE (60 * SECOND)
#define KNOCK_DATA_MIN 2 /* a keep-alive carries 0 or 1 byte */

/* --- records and observing --- */

#define EVENT_MACHINE_BURST 30
#define EVENT_MACHINE_GAP (2 * SECOND)
#define CHANGE_BURST 10 /* other descriptions that a machine may register at once … */
#define CHANGE_GAP (10 * SECOND) /* … and then: each is written to the disk */
#define EVENT_SOURCE_BURST 20
#define EVENT_SOURCE_GAP (3 * SECOND)
#define EVENT_LEFT_OUT_AFTER (10 * SECOND)
#define OBSERVE_REPEAT_MIN (500 * MILLISECOND) /* the same asker again after this … */
#define OBSERVE_REPEAT_MAX (5 * SECOND) /* … and before this was not answered */

#define HOME_TICK_BATCH 64 /* machines served by one home_tick() */

#endif
