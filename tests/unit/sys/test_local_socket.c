/*
 * local_socket: the file that it makes, and what becomes of the one that was there.
 */
#include "lab.h"

#include "sys/local_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static bool somebody_listens(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool listens;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	listens = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
	close(fd);
	return listens;
}

static void test_listen(void **state)
{
	char base[] = "/tmp/local_socket.XXXXXX", folder[64], path[96], deep[96], longest[200];
	struct stat is;
	int first, second;

	(void)state;
	assert_non_null(mkdtemp(base));
	snprintf(folder, sizeof(folder), "%s/run", base);
	snprintf(path, sizeof(path), "%s/control.sock", folder);
	snprintf(deep, sizeof(deep), "%s/not/there/control.sock", base);
	assert_int_equal(local_socket_listen(path, 4, &first), 0);
	assert_int_equal(stat(path, &is), 0);
	assert_int_equal(is.st_mode & 07777, 0660);
	assert_int_equal(fcntl(first, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	assert_true(somebody_listens(path));

	close(first);
	assert_false(somebody_listens(path));
	assert_int_equal(local_socket_listen(path, 4, &second), 0);
	assert_true(somebody_listens(path));
	close(second);

	assert_int_equal(local_socket_listen(deep, 4, &second), -ENOENT);
	snprintf(longest, sizeof(longest), "%s/%0150d", base, 0);
	assert_int_equal(local_socket_listen(longest, 4, &second), -ENAMETOOLONG);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(rmdir(base), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_listen) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
