#include "sleeper/proc_text.h"

#include "base/text.h"

#include <stddef.h>
#include <string.h>

#define FIELD 64
#define SECTOR 512 /* of diskstats, whatever the disk's own is */

/* The next word of a line into `word` (too long: cut), and where the rest begins; NULL: the line is over. */
static const char *next_word(const char *at, char word[static FIELD])
{
	size_t n;

	at += strspn(at, " \t");
	n = strcspn(at, " \t\n");
	if (n == 0)
		return NULL;
	memcpy(word, at, n < FIELD ? n : FIELD - 1);
	word[n < FIELD ? n : FIELD - 1] = 0;
	return at + n;
}

static const char *next_line(const char *at)
{
	at += strcspn(at, "\n");
	return at + (*at == '\n');
}

/* "12.3" in hundredths; further digits are left out. */
static bool hundredths(const char *word, uint64_t *ret)
{
	uint64_t v = 0;
	int behind = -1;

	if (!*word || strlen(word) > 12)
		return false;
	for (; *word; word++) {
		if (*word == '.' && behind < 0) {
			behind = 0;
		} else if (*word >= '0' && *word <= '9') {
			if (behind < 2)
				v = v * 10 + (uint64_t)(*word - '0');
			behind += behind >= 0 && behind < 2;
		} else {
			return false;
		}
	}
	for (behind = behind < 0 ? 0 : behind; behind < 2; behind++)
		v *= 10;
	*ret = v;
	return true;
}

bool proc_load(const char *text, uint64_t *ret_hundredths)
{
	char word[FIELD];

	return next_word(text, word) && hundredths(word, ret_hundredths);
}

bool proc_pressure(const char *text, uint64_t *ret_hundredths)
{
	char word[FIELD];

	for (; *text; text = next_line(text)) {
		const char *at = next_word(text, word);

		if (!at || strcmp(word, "some") != 0)
			continue;
		while ((at = next_word(at, word))) {
			if (strncmp(word, "avg60=", 6) == 0)
				return hundredths(word + 6, ret_hundredths);
		}
	}
	return false;
}

/* Those on top of others would count twice, those in memory are no work. */
static bool is_no_disk(const char *name)
{
	static const char *const others[] = {
		"loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd"
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strncmp(name, others[i], strlen(others[i])) == 0)
			return true;
	}
	return false;
}

/* "sda1" of "sda", "nvme0n1p1" of "nvme0n1": a disk comes before its partitions. */
static bool is_partition(const char *name, const char *disk)
{
	size_t n = strlen(disk);

	if (n == 0 || strncmp(name, disk, n) != 0)
		return false;
	name += n;
	name += *name == 'p';
	return *name && strspn(name, "0123456789") == strlen(name);
}

/* Word number `i` (from 0) behind `at` as a number. */
static bool number_at(const char *at, unsigned int i, uint64_t *ret)
{
	char word[FIELD];

	do {
		at = next_word(at, word);
	} while (at && i-- > 0);
	return at && text_parse_u64(word, UINT64_MAX, ret) == 0;
}

bool proc_disk_bytes(const char *text, uint64_t *ret_bytes)
{
	char disk[FIELD] = "", name[FIELD];
	uint64_t sum = 0;
	bool any = false;

	for (; *text; text = next_line(text)) {
		const char *at = next_word(text, name);
		uint64_t in, out;

		/* Major, minor, name; reads, merged, sectors, ms; writes, merged, sectors. */
		at = at ? next_word(at, name) : NULL;
		at = at ? next_word(at, name) : NULL;
		if (!at || is_no_disk(name) || is_partition(name, disk))
			continue;
		memcpy(disk, name, sizeof(disk));
		if (!number_at(at, 2, &in) || !number_at(at, 6, &out))
			continue;
		sum += (in + out) * SECTOR;
		any = true;
	}
	if (any)
		*ret_bytes = sum;
	return any;
}

bool proc_network_bytes(const char *text, const char *interface, uint64_t *ret_bytes)
{
	uint64_t sum = 0;
	bool any = false;

	for (; *text; text = next_line(text)) {
		const char *name = text + strspn(text, " \t");
		size_t n = strcspn(name, ":\n");
		uint64_t in, out;

		/* "eth0:123 ..." and "eth0: 123 ..." are both seen. */
		if (name[n] != ':' || !number_at(name + n + 1, 0, &in) ||
		    !number_at(name + n + 1, 8, &out))
			continue;
		if (*interface ? n != strlen(interface) || strncmp(name, interface, n) != 0
			       : n == 2 && strncmp(name, "lo", 2) == 0)
			continue;
		sum += in + out;
		any = true;
	}
	if (any)
		*ret_bytes = sum;
	return any;
}
