#include "cli/connection.h"

#include "cli/remote.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_SECONDS 15 /* the guard itself gives up on a request after 10 */

static void say_why(const struct cli *c, int error)
{
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		cli_complain(c,
			     "no guard answers at %s: is roused running (systemctl start roused), "
			     "and is "
			     "this its socket (rouse --socket PATH ...)?",
			     c->socket);
		return;
	case EACCES:
	case EPERM:
		cli_complain(c,
			     "may not open %s: only root and members of the group 'rouse' may "
			     "(sudo usermod -aG rouse $USER, then log in again)",
			     c->socket);
		return;
	default:
		cli_complain(c, "cannot connect to %s: %s", c->socket, strerror(error));
	}
}

/* Over a relay: 1 and *ret_fd; 0: there is no home to be meant; negative errno after a message. */
static int dial_relay(const struct cli *c, const struct command *request, int *ret_fd)
{
	static struct homes homes;
	const struct home_entry *e;
	int r;

	r = homes_read(c, &homes);
	if (r < 0)
		return r;
	if (!c->home && (homes.n == 0 || !remote_can(request)))
		return 0;
	if (!remote_can(request)) {
		cli_complain(
			c,
			"this needs the guard itself: over a relay there are status, wake and log");
		return -EOPNOTSUPP;
	}
	e = homes_choose(c, &homes, c->home);
	if (!e)
		return -ENOENT;
	r = remote_open(c, e, request, ret_fd);
	return r < 0 ? r : 1;
}

static int dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	int error = errno;

	if (fd >= 0)
		close(fd);
	return -error;
}

/* The guard here; where there is none, the home that was added. */
static int dial_any(const struct cli *c, const struct command *request)
{
	int fd = -1;
	int r = c->home ? dial_relay(c, request, &fd) : dial(c->socket);

	if (c->home)
		return r < 0 ? r : fd;
	if (r >= 0)
		return r;
	if (!c->socket_given && (r == -ENOENT || r == -ECONNREFUSED)) {
		int relay = dial_relay(c, request, &fd);

		if (relay != 0)
			return relay < 0 ? relay : fd;
	}
	say_why(c, -r);
	return r;
}

static int send_all(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -errno;
		bytes += sent;
		n -= (size_t)sent;
	}
	return 0;
}

/* The request itself, once it is connected. */
static int send_request(struct connection *k, const char *line, size_t n, unsigned int seconds)
{
	struct timeval limit = { .tv_sec = (time_t)seconds };
	int r;

	(void)setsockopt(k->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	r = send_all(k->fd, line, n);
	/* One that turns us away may have closed already: its answer says more than our error. */
	if (r < 0 && r != -EPIPE) {
		cli_complain(k->cli, "cannot send to %s: %s", k->peer, strerror(-r));
		connection_close(k);
		return r;
	}
	return 0;
}

int connection_open(struct connection *k, const struct cli *c, const struct command *request,
		    bool patient)
{
	char line[COMMAND_LINE_MAX];
	int n = command_encode(request, line, sizeof(line));

	*k = (struct connection){ .cli = c, .fd = -1, .peer = "the guard" };
	if (n < 0) {
		cli_complain(c, "this is too much for one request");
		return n;
	}
	k->fd = dial_any(c, request);
	if (k->fd < 0)
		return k->fd;
	return send_request(k, line, (size_t)n, patient ? 0 : PATIENCE_SECONDS);
}

int connection_open_sleeper(struct connection *k, const struct cli *c, const char *line,
			    unsigned int seconds)
{
	*k = (struct connection){ .cli = c, .fd = -1, .peer = "the sleeper" };
	k->fd = dial(c->sleeper);
	if (k->fd < 0)
		return k->fd;
	return send_request(k, line, strlen(line), seconds);
}

void connection_close(struct connection *k)
{
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
}

/* A whole line at bytes[taken], its length in *ret_n. */
static int next_line(struct connection *k, size_t *ret_n)
{
	for (;;) {
		const char *end = memchr(k->bytes + k->taken, '\n', k->used - k->taken);
		ssize_t n;

		if (end) {
			*ret_n = (size_t)(end - (k->bytes + k->taken));
			return 0;
		}
		memmove(k->bytes, k->bytes + k->taken, k->used - k->taken);
		k->used -= k->taken;
		k->taken = 0;
		if (k->used == sizeof(k->bytes))
			return -EMSGSIZE;
		n = recv(k->fd, k->bytes + k->used, sizeof(k->bytes) - k->used, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		k->used += (size_t)n;
	}
}

int connection_answer(struct connection *k, struct json **ret_answer)
{
	char problem[JSON_PROBLEM];
	size_t n = 0;
	int r = next_line(k, &n);

	if (r == -EAGAIN)
		cli_complain(k->cli, "%s does not answer", k->peer);
	else if (r == -ECONNRESET)
		cli_complain(k->cli, "%s ended the connection", k->peer);
	else if (r < 0)
		cli_complain(k->cli, "cannot read %s's answer: %s", k->peer, strerror(-r));
	if (r < 0)
		return r;
	r = json_read(k->bytes + k->taken, n, ret_answer, problem);
	k->taken += n + 1;
	if (r < 0)
		cli_complain(k->cli, "%s's answer is not understood: %s", k->peer,
			     r == -ENOMEM ? "out of memory" : problem);
	return r;
}

enum answer_result connection_result(const struct json *answer)
{
	const char *word = json_word(json_member(answer, "result"));

	return word ? answer_result_of(word) : ANSWER_RESULTS;
}

enum cli_exit connection_end(const struct cli *c, const char *name, const struct json *answer)
{
	enum answer_result r = connection_result(answer);
	const char *error = json_word(json_member(answer, "error"));

	switch (r) {
	case ANSWER_OK:
	case ANSWER_STARTED:
	case ANSWER_AWAKE:
	case ANSWER_ALREADY_AWAKE:
	case ANSWER_PAIRED:
	case ANSWER_ASLEEP:
	case ANSWER_ALREADY_ASLEEP:
		return CLI_DONE;
	case ANSWER_NOT_FOUND:
		if (!name[0] && error)
			cli_complain(c, "%s", error);
		else
			cli_complain(c, "there is no machine '%s' (rouse status lists them)", name);
		return CLI_NOT_FOUND;
	case ANSWER_NO_SIGN_OF_LIFE:
	case ANSWER_TIMEOUT:
		return CLI_NO_SIGN_OF_LIFE;
	case ANSWER_REFUSED:
	case ANSWER_UNREACHABLE:
	case ANSWER_INVALID:
	case ANSWER_BUSY:
	case ANSWER_GUARD_OFFLINE:
	case ANSWER_FAILED:
	case ANSWER_EXPIRED:
	case ANSWER_SPENT:
	case ANSWER_NO_SLEEPER:
	case ANSWER_RESULTS:
		break;
	}
	if (error)
		cli_complain(c, "%s", error);
	else
		cli_complain(c, "the guard refused: %s",
			     r < ANSWER_RESULTS ? answer_result_name(r) : "it does not say why");
	return CLI_FAILED;
}

/* All answers until the last one. */
static enum cli_exit take_answers(struct connection *k, const char *name,
				  void (*take)(void *context, const struct json *answer),
				  void *context)
{
	enum cli_exit status = CLI_FAILED;
	struct json *answer;
	bool more = true;

	while (more && connection_answer(k, &answer) == 0) {
		more = !json_member(answer, "result");
		if (!more)
			status = connection_end(k->cli, name, answer);
		else if (take)
			take(context, answer);
		json_drop(answer);
	}
	connection_close(k);
	return status;
}

enum cli_exit connection_ask(const struct cli *c, const struct command *request, bool patient,
			     void (*take)(void *context, const struct json *answer), void *context)
{
	static struct connection k;

	if (connection_open(&k, c, request, patient) < 0)
		return CLI_FAILED;
	return take_answers(&k, request->name, take, context);
}

static void say_why_sleeper(const struct cli *c, int error)
{
	if (error == ENOENT || error == ECONNREFUSED)
		cli_complain(c,
			     "no sleeper answers at %s: is rouse-sleeper running (systemctl start "
			     "rouse-sleeper), and was `sudo rouse setup` done?",
			     c->sleeper);
	else if (error == EACCES || error == EPERM)
		cli_complain(c,
			     "may not open %s: only root and members of the group 'rouse' may "
			     "(sudo usermod -aG rouse $USER, then log in again)",
			     c->sleeper);
	else
		cli_complain(c, "cannot connect to %s: %s", c->sleeper, strerror(error));
}

enum cli_exit connection_ask_sleeper(const struct cli *c, const char *line, unsigned int seconds,
				     void (*take)(void *context, const struct json *answer),
				     void *context)
{
	static struct connection k;
	int r = connection_open_sleeper(&k, c, line, seconds);

	if (r < 0) {
		say_why_sleeper(c, -r);
		return CLI_FAILED;
	}
	return take_answers(&k, "", take, context);
}
