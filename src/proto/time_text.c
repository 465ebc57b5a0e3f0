#include "proto/time_text.h"

#include "base/text.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#define DAY_MS 86400000
#define LATEST_MS 253402300799999 /* the end of the year 9999 */

struct date {
	unsigned int year, month, day;
};

/* Days since 1970-01-01 and back, in years that begin in March: leap days come last (Hinnant's method). */
static struct date date_of_days(uint64_t days)
{
	uint64_t z = days + 719468;
	uint64_t era = z / 146097;
	uint64_t of_era = z - era * 146097;
	uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * of_year + 2) / 153;
	struct date d;

	d.day = (unsigned int)(of_year - (153 * month + 2) / 5 + 1);
	d.month = (unsigned int)(month < 10 ? month + 3 : month - 9);
	d.year = (unsigned int)(year + era * 400 + (d.month <= 2));
	return d;
}

static uint64_t days_of_date(const struct date *d)
{
	uint64_t year = d->year - (d->month <= 2);
	uint64_t era = year / 400;
	uint64_t of_era = year - era * 400;
	uint64_t month = d->month > 2 ? d->month - 3 : d->month + 9;
	uint64_t of_year = (153 * month + 2) / 5 + d->day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void put_digits(struct text *t, uint64_t v, unsigned int digits)
{
	uint64_t unit = 1;

	while (--digits)
		unit *= 10;
	for (; unit; unit /= 10)
		text_char(t, (char)('0' + v / unit % 10));
}

static void put_offset(struct text *t, int minutes)
{
	unsigned int m = (unsigned int)(minutes < 0 ? -minutes : minutes);

	text_char(t, minutes < 0 ? '-' : '+');
	put_digits(t, m / 60, 2);
	text_char(t, ':');
	put_digits(t, m % 60, 2);
}

char *time_text(uint64_t wall_ms, int offset_minutes, char to[static TIME_TEXT])
{
	struct text t = text_over(to, TIME_TEXT);
	int64_t local = (int64_t)(wall_ms > LATEST_MS ? LATEST_MS : wall_ms) +
			(int64_t)offset_minutes * 60000;
	uint64_t ms = local < 0 ? 0 : (uint64_t)local;
	struct date d = date_of_days(ms / DAY_MS);

	put_digits(&t, d.year, 4);
	text_char(&t, '-');
	put_digits(&t, d.month, 2);
	text_char(&t, '-');
	put_digits(&t, d.day, 2);
	text_char(&t, 'T');
	put_digits(&t, ms % DAY_MS / 3600000, 2);
	text_char(&t, ':');
	put_digits(&t, ms / 60000 % 60, 2);
	text_char(&t, ':');
	put_digits(&t, ms / 1000 % 60, 2);
	text_char(&t, '.');
	put_digits(&t, ms % 1000, 3);
	put_offset(&t, offset_minutes);
	return to;
}

/* `digits` digits, at most max, then `then` (0: nothing). */
static bool take(const char **at, unsigned int digits, unsigned int max, char then,
		 unsigned int *ret_value)
{
	unsigned int v = 0;

	for (; digits; digits--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		v = v * 10 + (unsigned int)(**at - '0');
	}
	if (v > max || (then && **at != then))
		return false;
	*at += then != 0;
	*ret_value = v;
	return true;
}

static bool take_offset(const char *at, int64_t *ret_ms)
{
	unsigned int hours, minutes;
	bool west = *at == '-';

	if (*at == 'Z' && !at[1]) {
		*ret_ms = 0;
		return true;
	}
	if (*at != '+' && *at != '-')
		return false;
	at++;
	if (!take(&at, 2, 23, ':', &hours) || !take(&at, 2, 59, 0, &minutes) || *at)
		return false;
	*ret_ms = (int64_t)(hours * 60 + minutes) * (west ? -60000 : 60000);
	return true;
}

int time_text_parse(const char *text, uint64_t *ret_wall_ms)
{
	struct date d;
	unsigned int hour, minute, second, ms = 0;
	int64_t offset, local;

	if (!take(&text, 4, 9999, '-', &d.year) || !take(&text, 2, 12, '-', &d.month) ||
	    !take(&text, 2, 31, 'T', &d.day) || !take(&text, 2, 23, ':', &hour) ||
	    !take(&text, 2, 59, ':', &minute) || !take(&text, 2, 59, 0, &second))
		return -EINVAL;
	if (d.year < 1970 || d.month == 0 || d.day == 0)
		return -EINVAL;
	if (*text == '.') {
		text++;
		if (!take(&text, 3, 999, 0, &ms))
			return -EINVAL;
	}
	if (!take_offset(text, &offset))
		return -EINVAL;
	local = (int64_t)(days_of_date(&d) * DAY_MS + hour * 3600000ULL + minute * 60000ULL +
			  second * 1000ULL + ms);
	if (local < offset)
		return -EINVAL;
	*ret_wall_ms = (uint64_t)(local - offset);
	return 0;
}
