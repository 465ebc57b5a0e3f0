#include "sleeper/errand.h"

#include "proto/answer.h"
#include "proto/json.h"
#include "sleeper/config.h"
#include "sleeper/daemon.h"
#include "sys/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* The daemon answers within 2 s. */
#define PATIENCE_US 2500000
#define ANSWER_SIZE 2048

static int dial(const char *path)
{
	const struct timeval patience = { .tv_sec = PATIENCE_US / 1000000,
					  .tv_usec = PATIENCE_US % 1000000 };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(to.sun_path)) {
		close(fd);
		return -ENAMETOOLONG;
	}
	memcpy(to.sun_path, path, strlen(path) + 1);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

/* What the last line of an answer says. */
static int result_of(const char *line, size_t n)
{
	char problem[JSON_PROBLEM];
	struct json *root;
	const char *word, *text;
	int r = json_read(line, n, &root, problem);

	if (r < 0)
		return -EPROTO;
	word = json_word(json_member(root, "result"));
	text = json_word(json_member(root, "error"));
	r = word && strcmp(word, answer_result_name(ANSWER_OK)) == 0 ? 0 : -ECOMM;
	if (r < 0)
		log_warning("the sleeper: %s", text ? text : "no result");
	json_drop(root);
	return r;
}

/* One request, one answer. */
static int tell(int fd, const char *request)
{
	char answer[ANSWER_SIZE];
	size_t n = 0;
	const char *end;

	if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
		return -errno;
	while (!(end = memchr(answer, '\n', n))) {
		ssize_t got = recv(fd, answer + n, sizeof(answer) - n, 0);

		if (got < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		n += (size_t)got;
		if (got == 0 || n == sizeof(answer))
			return -EPROTO;
	}
	return result_of(answer, (size_t)(end - answer));
}

static bool nobody(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED;
}

int errand_goodbye(const struct config *c, enum lease_why why)
{
	char request[128];
	int fd = dial(c->control);
	int r = fd;

	if (fd >= 0) {
		(void)snprintf(request, sizeof(request),
			       "{\"command\":\"goodbye\",\"why\":\"%s\"}\n", lease_why_name(why));
		r = tell(fd, request);
		close(fd);
	} else if (nobody(fd)) {
		r = daemon_goodbye(c, why);
	} else {
		log_warning("%s: %s", c->control, strerror(-fd));
	}
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int errand_hello(const struct config *c)
{
	int fd = dial(c->control);
	int r = fd;

	if (nobody(fd))
		return EXIT_SUCCESS;
	if (fd >= 0) {
		r = tell(fd, "{\"command\":\"hello\"}\n");
		close(fd);
	}
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
