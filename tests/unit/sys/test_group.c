/*
 * group: what the kernel really joined, as /proc/net/igmp6 says.
 */
#include "lab.h"

#include "sys/group.h"

#include <net/if.h>

/* Memberships of an interface in solicited-node groups that came from sockets. */
static int joined(const char *interface)
{
	FILE *f = fopen("/proc/net/igmp6", "re");
	char line[256], name[32], group[64];
	int n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*d %31s %63s", name, group) == 2 && !strcmp(name, interface) &&
		    !strncmp(group, "ff0200000000000000000001ff", 26))
			n++;
	}
	fclose(f);
	return n;
}

static struct addr address(unsigned int low)
{
	struct addr a;

	assert_int_equal(addr_parse("2001:db8::", &a), 0);
	a.b[13] = (uint8_t)(low >> 16);
	a.b[14] = (uint8_t)(low >> 8);
	a.b[15] = (uint8_t)low;
	return a;
}

static void test_groups(void **state)
{
	struct addr a = address(0x50), same = a, four = addr_v4((const uint8_t[]){ 192, 0, 2, 1 });
	struct group_set *s;
	int first, d0, d1;

	(void)state;
	LAB_NEEDS_NAMESPACE();
	lab_run("ip link add d0 type bridge && ip link set d0 up && "
		"ip link add d1 type bridge && ip link set d1 up");
	d0 = (int)if_nametoindex("d0");
	d1 = (int)if_nametoindex("d1");
	first = joined("d0");
	assert_int_equal(group_set_new(&s), 0);
	same.b[0] = 0xfd; /* another address, the same group */
	assert_int_equal(group_join(s, d0, &a), 0);
	assert_int_equal(group_join(s, d0, &same), 0);
	assert_int_equal(group_join(s, d0, &four), 0);
	assert_int_equal(joined("d0"), first + 1);
	group_leave(s, d0, &a);
	assert_int_equal(joined("d0"), first + 1);
	group_leave(s, d0, &same);
	group_leave(s, d0, &same);
	assert_int_equal(joined("d0"), first);
	assert_int_equal(group_join(s, 9999, &a), -ENODEV);

	/* More than one socket can hold. */
	for (unsigned int i = 0; i < 6000; i++) {
		struct addr one = address(0x10000 + i);

		assert_int_equal(group_join(s, d0, &one), 0);
	}
	assert_int_equal(joined("d0"), first + 6000);
	for (unsigned int i = 0; i < 3000; i++) {
		struct addr one = address(0x10000 + i);

		group_leave(s, d0, &one);
	}
	assert_int_equal(joined("d0"), first + 3000);
	assert_int_equal(group_join(s, d1, &a), 0);
	lab_run("ip link del d0");
	group_forget(s, d0);
	first = joined("d1");
	group_set_free(s);
	assert_int_equal(joined("d1"), first - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_groups) };

	return cmocka_run_group_tests_name("sys/group", tests, NULL, NULL);
}
