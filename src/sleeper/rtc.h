/*
 * rtc: the alarm of the battery-backed clock, which wakes the machine from sleep (Linux, Documentation/admin-guide/rtc.rst).
 *
 * Relative times only, so that it does not matter whether the clock runs in UTC. Refuses to know what it is set for.
 */
#ifndef ROUSE_SLEEPER_RTC_H
#define ROUSE_SLEEPER_RTC_H

#include <stdbool.h>
#include <stdint.h>

#define RTC_ROOT "/sys/class/rtc"

/* Whether there is a clock with an alarm. */
bool rtc_present(void);
/*
 * Wakes the machine so many seconds from now, unless an alarm of somebody else comes earlier: that one stays, and wakes it too.
 * *ret_ours: whether it is ours. -ENODEV: there is no clock with an alarm; errors of writing.
 */
int rtc_alarm_set(uint64_t seconds, bool *ret_ours);
/* Takes an alarm of ours back; harmless when it has gone off. */
void rtc_alarm_clear(void);
/* The same on another root, for tests. */
int rtc_alarm_set_at(const char *root, uint64_t seconds, bool *ret_ours);

#endif
