/*
 * config_report: collecting what is wrong with a configuration. For those who parse it; who reads the result needs
 * guard/config.h alone.
 */
#ifndef ROUSE_GUARD_CONFIG_REPORT_H
#define ROUSE_GUARD_CONFIG_REPORT_H

#include "guard/config.h"

/* One sentence without a full stop; the values in it may be anything: they are escaped. */
__attribute__((format(printf, 3, 4))) void config_error(struct config_report *r, uint32_t line,
							const char *format, ...);
__attribute__((format(printf, 3, 4))) void config_warning(struct config_report *r, uint32_t line,
							  const char *format, ...);
/* In the order of the lines. */
void config_report_sort(struct config_report *r);

#endif
