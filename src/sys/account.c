#include "sys/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>

/* Start-up is single-threaded, so the plain forms do. They say "not found" in several ways. */
static int missing(int error)
{
	switch (error) {
	case 0:
	case ESRCH:
	case EBADF:
	case EPERM:
		return -ENOENT;
	default:
		return -error;
	}
}

int account_user(const char *name, uid_t *ret_uid, gid_t *ret_gid)
{
	errno = 0;

	/* cppcheck-suppress getpwnamCalled; one thread */
	const struct passwd *p = getpwnam(name);

	if (!p)
		return missing(errno);
	*ret_uid = p->pw_uid;
	*ret_gid = p->pw_gid;
	return 0;
}

int account_group(const char *name, gid_t *ret_gid)
{
	errno = 0;

	/* cppcheck-suppress getgrnamCalled; one thread */
	const struct group *g = getgrnam(name);

	if (!g)
		return missing(errno);
	*ret_gid = g->gr_gid;
	return 0;
}
