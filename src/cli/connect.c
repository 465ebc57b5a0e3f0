/*
 * connect: `rouse connect NAME PORT`: standard input and output to a port of a machine, as soon as it answers. On the LAN
 * the connection is the knock; a guard that is at hand, or a relay, is asked to wake the machine as well.
 */
#include "cli/cli.h"
#include "cli/connection.h"

#include "base/text.h"
#include "sys/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMEOUT 120 /* seconds */
#define TIMEOUT_MAX 3600
#define TRY_MS 10000 /* for one connection attempt: the kernel repeats its SYN meanwhile */
#define PAUSE_MS 250 /* after a refusal */
#define ADDRESSES 8
#define BUFFER 65536

struct target {
	const struct cli *cli;
	char port[8];
	struct sockaddr_storage addresses[ADDRESSES];
	socklen_t lengths[ADDRESSES];
	size_t n;
	int error; /* of the last attempt */
};

static void resolve(struct target *t, const char *host, int flags)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = flags };
	struct addrinfo *all;

	if (getaddrinfo(host, t->port, &hints, &all) != 0)
		return;
	for (const struct addrinfo *a = all; a && t->n < ADDRESSES; a = a->ai_next) {
		memcpy(&t->addresses[t->n], a->ai_addr, a->ai_addrlen);
		t->lengths[t->n++] = a->ai_addrlen;
	}
	freeaddrinfo(all);
}

static void take_addresses(void *context, const struct json *answer)
{
	struct target *t = context;
	const struct json *list = json_member(json_member(answer, "machine"), "addresses");

	for (size_t i = 0; i < json_count(list); i++) {
		const char *word = json_word(json_item(list, i));

		if (word)
			resolve(t, word, AI_NUMERICHOST | AI_NUMERICSERV);
	}
}

static void nothing(void *context, const struct json *answer)
{
	(void)context;
	(void)answer;
}

/* A guard or a relay that can be asked knows the machine's addresses, or wakes it at least. Failing is no failure. */
static void ask_guard(struct target *t, const char *name)
{
	FILE *silence = fopen("/dev/null", "w");
	struct cli quiet = *t->cli;
	struct command request = { .kind = COMMAND_STATUS };

	if (!silence)
		return;
	quiet.err = quiet.out = silence;
	memcpy(request.name, name, strlen(name) + 1);
	if (connection_ask(&quiet, &request, false, take_addresses, t) == CLI_DONE) {
		request.kind = COMMAND_WAKE;
		(void)connection_ask(&quiet, &request, false, nothing, NULL);
	}
	(void)fclose(silence);
}

/* One attempt; the descriptor, or -1. */
static int attempt(struct target *t, size_t which, uint64_t end_us)
{
	const struct sockaddr *to = (const struct sockaddr *)&t->addresses[which];
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	uint64_t now = clock_monotonic_us();
	uint64_t left_ms = end_us > now ? (end_us - now) / 1000 + 1 : 0;
	socklen_t n = sizeof(t->error);

	if (fd < 0) {
		t->error = errno;
		return -1;
	}
	t->error = connect(fd, to, t->lengths[which]) < 0 ? errno : 0;
	if (t->error == EINPROGRESS) {
		t->error = ETIMEDOUT;
		if (poll(&p, 1, (int)(left_ms < TRY_MS ? left_ms : TRY_MS)) == 1)
			(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &t->error, &n);
	}
	if (t->error == 0)
		return fd;
	close(fd);
	return -1;
}

/* Until a port answers, or the time is over. */
static int dial(struct target *t, uint64_t seconds)
{
	uint64_t end = clock_monotonic_us() + seconds * 1000000;

	while (clock_monotonic_us() < end) {
		for (size_t i = 0; i < t->n; i++) {
			int fd = attempt(t, i, end);

			if (fd >= 0)
				return fd;
		}
		if (t->error != ETIMEDOUT)
			(void)poll(NULL, 0, PAUSE_MS);
	}
	return -1;
}

/* --- passing on --- */

struct flow {
	int from, to;
	bool ended; /* nothing more comes */
	bool done; /* ...and all was passed on */
	size_t at, used;
	char bytes[BUFFER];
};

static bool again(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Reads and writes what it can; false: it broke. */
static bool flow_step(struct flow *f, bool readable, bool writable)
{
	ssize_t n;

	if (readable && f->used == 0 && !f->ended) {
		n = read(f->from, f->bytes, sizeof(f->bytes));
		if (n < 0 && !again(n))
			return false;
		f->ended = n == 0;
		f->used = n > 0 ? (size_t)n : 0;
		f->at = 0;
	}
	if (writable && f->used > 0) {
		n = write(f->to, f->bytes + f->at, f->used);
		if (n < 0 && !again(n))
			return false;
		if (n > 0) {
			f->at += (size_t)n;
			f->used -= (size_t)n;
		}
	}
	return true;
}

static short wants(const struct flow *f, bool reading)
{
	if (reading)
		return f->used == 0 && !f->ended ? POLLIN : 0;
	return f->used > 0 ? POLLOUT : 0;
}

static void pass_on(int fd)
{
	static struct flow out, in;
	enum { OUT_FROM, OUT_TO, IN_FROM, IN_TO };

	out.from = STDIN_FILENO;
	out.to = fd;
	in.from = fd;
	in.to = STDOUT_FILENO;
	/* Until the machine has said all: what ends our input only ends our half. */
	while (!in.done) {
		struct pollfd p[4] = {
			[OUT_FROM] = { wants(&out, true) ? out.from : -1, POLLIN, 0 },
			[OUT_TO] = { wants(&out, false) ? fd : -1, POLLOUT, 0 },
			[IN_FROM] = { wants(&in, true) ? fd : -1, POLLIN, 0 },
			[IN_TO] = { wants(&in, false) ? in.to : -1, POLLOUT, 0 },
		};

		if (poll(p, 4, -1) < 0 && errno != EINTR)
			return;
		if (!flow_step(&out, p[OUT_FROM].revents != 0, p[OUT_TO].revents != 0) ||
		    !flow_step(&in, p[IN_FROM].revents != 0, p[IN_TO].revents != 0))
			return;
		if (out.ended && out.used == 0 && !out.done) {
			out.done = true;
			(void)shutdown(fd, SHUT_WR);
		}
		in.done = in.ended && in.used == 0;
	}
}

enum cli_exit cli_connect(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = { { "timeout", required_argument, NULL, 't' },
						 { NULL, 0, NULL, 0 } };
	struct target t = { .cli = c, .error = ETIMEDOUT };
	uint64_t seconds = TIMEOUT;
	uint64_t port;
	int one = 1;
	int fd, o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == '?')
			return cli_usage(c, NULL);
		if (text_parse_u64(optarg, TIMEOUT_MAX, &seconds) < 0 || seconds == 0)
			return cli_usage(c, "--timeout: '%s' is not a number of seconds, 1 to %d",
					 optarg, TIMEOUT_MAX);
	}
	if (argc - optind != 2)
		return cli_usage(c, "a machine's name and a port are needed");
	if (text_parse_u64(argv[optind + 1], UINT16_MAX, &port) < 0 || port == 0)
		return cli_usage(c, "'%s' is no port", argv[optind + 1]);
	(void)snprintf(t.port, sizeof(t.port), "%u", (unsigned int)port);
	if (spec_name_valid(argv[optind], strlen(argv[optind])))
		ask_guard(&t, argv[optind]);
	if (t.n == 0)
		resolve(&t, argv[optind], AI_NUMERICSERV);
	if (t.n == 0) {
		cli_complain(c,
			     "'%s' is neither a machine of the guard here nor a name that resolves",
			     argv[optind]);
		return CLI_NOT_FOUND;
	}
	fd = dial(&t, seconds);
	if (fd < 0) {
		cli_complain(c, "%s: no answer at port %s within %u s: %s", argv[optind], t.port,
			     (unsigned int)seconds, strerror(t.error));
		return CLI_NO_SIGN_OF_LIFE;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	pass_on(fd);
	close(fd);
	return CLI_DONE;
}
