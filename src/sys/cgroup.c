#include "sys/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GROUPS_MAX 8192
#define DEPTH_MAX 16
#define PATH_SIZE 1024

static bool is_unit(const char *name, size_t n)
{
	static const char *const suffixes[] = { ".service", ".scope", ".socket", ".mount" };

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t length = strlen(suffixes[i]);

		if (n > length && memcmp(name + n - length, suffixes[i], length) == 0)
			return true;
	}
	return false;
}

void cgroup_unit_of(const char *path, char to[static CGROUP_UNIT])
{
	to[0] = 0;
	while (*(path += strspn(path, "/"))) {
		size_t n = strcspn(path, "/");

		if (is_unit(path, n))
			(void)snprintf(to, CGROUP_UNIT, "%.*s", (int)n, path);
		path += n;
	}
}

struct walk {
	struct cgroup_name *names;
	size_t n;
	size_t groups_left;
	char path[PATH_SIZE];
};

static void take_group(struct walk *w, uint64_t id)
{
	for (size_t i = 0; i < w->n; i++) {
		if (w->names[i].id == id)
			cgroup_unit_of(w->path, w->names[i].unit);
	}
}

/* What is below a directory; closes it. */
static void look_into(struct walk *w, int fd, size_t used, unsigned int depth)
{
	DIR *d = fdopendir(fd);
	const struct dirent *e;

	if (!d) {
		close(fd);
		return;
	}
	while (w->groups_left > 0) {
		size_t n;
		int below;

		e = readdir(d); /* cppcheck-suppress readdirCalled ; one thread looks */
		if (!e)
			break;
		n = strlen(e->d_name);
		if (e->d_type != DT_DIR || e->d_name[0] == '.' || n + 2 > sizeof(w->path) - used)
			continue;
		w->groups_left--;
		w->path[used] = '/';
		memcpy(w->path + used + 1, e->d_name, n + 1);
		take_group(w, e->d_ino);
		below = depth < DEPTH_MAX ? openat(dirfd(d), e->d_name,
						   O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
					  : -1;
		/* A group may be gone by now, or be closed to us. */
		if (below >= 0)
			look_into(w, below, used + 1 + n,
				  depth + 1); /* NOLINT(misc-no-recursion): DEPTH_MAX */
		w->path[used] = 0;
	}
	closedir(d);
}

int cgroup_units(const char *root, struct cgroup_name *names, size_t n)
{
	struct walk w = { .names = names, .n = n, .groups_left = GROUPS_MAX };
	int top = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int unified;

	for (size_t i = 0; i < n; i++)
		names[i].unit[0] = 0;
	if (top < 0)
		return -errno;
	/* Beside version 1 (hybrid) the hierarchy that sockets know is one level down. */
	unified = openat(top, "unified", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (unified >= 0) {
		close(top);
		top = unified;
	}
	look_into(&w, top, 0, 0);
	return 0;
}
