/*
 * swarm: guards by the thousand and clients that wake through them, in one thread, for measuring a relay.
 *
 * Reads commands from stdin, a line each, and prints one JSON object for each:
 *   join N           N guards more: connect, prove their keys, register a plain token; until all are stored
 *   wakes S RATE C   POST /w/TOKEN?wait=5 over C connections for S seconds, RATE a second (0: as fast as answers come).
 *                    With a rate, one GET /healthz more after every tenth wake: one way there and back where a wake has two
 *   more S RATE C    the same again; the numbers are of all since the last `wakes`
 *   opens S C        WebSockets opened and closed, C at once, without joining
 *   idle S           only keeps the guards alive
 *   back S           waits until all guards are joined again (they reconnect with full jitter), at most S seconds
 * usage: swarm PORT plain|tls
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "proto/b64.h"
#include "proto/relay_auth.h"
#include "times.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define GUARDS_MAX 17000
#define CLIENTS_MAX 4096
#define IN_FLIGHT 256
#define BUFFER 1536
#define WAKES_A_PLAIN 10

enum state {
	OFF,
	WAITING,
	CONNECTING,
	SHAKING,
	UPGRADING,
	HELLO,
	JOINING,
	STORING,
	JOINED,
	READY,
	BUSY
};

struct conn {
	int fd;
	SSL *ssl;
	enum state state;
	enum { GUARD, CLIENT, OPENER } kind;
	uint32_t used;
	uint8_t in[BUFFER];
	/* of guards */
	uint8_t secret[crypto_sign_SECRETKEYBYTES], key[32], token[32];
	unsigned int failures;
	/* of clients */
	double began;
	bool plain; /* asked for /healthz */
};

static struct conn *guards, *clients;
/*
 * Of each guard. WAITING: when to connect; JOINED: when to say something. Apart from the guards, because all of it is looked at
 * every 10 ms: in their 18 MB that would take longer than what is measured.
 */
static double due[GUARDS_MAX];
static size_t guards_n, joined_n, in_flight, refused_n;
static int epoll_fd, port;
static bool tls;
static SSL_CTX *context;
static struct times wakes, plains;
static size_t sent_n, wrong_n, opened_n;
static bool measuring;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double random_unit(void)
{
	return (double)random() / 2147483648.0;
}

static void drop(struct conn *c)
{
	if (c->state > WAITING && c->state < JOINED && c->kind == GUARD)
		in_flight--;
	if (c->state == JOINED)
		joined_n--;
	if (c->ssl)
		SSL_free(c->ssl);
	c->ssl = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->used = 0;
	c->state = OFF;
	if (c->kind == GUARD) {
		/* Full jitter: 0 to 2^n seconds, n at most 5. */
		unsigned int n = ++c->failures > 5 ? 5 : c->failures;

		due[c - guards] = now() + random_unit() * (double)(1U << n);
		c->state = WAITING;
	}
}

static void begin(struct conn *c)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };
	int on = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (c->kind == GUARD) {
		in_flight++;
		due[c - guards] = HUGE_VAL;
	}
	c->state = CONNECTING;
	c->used = 0;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (c->fd < 0 ||
	    (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)) {
		drop(c);
		return;
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (tls) {
		c->ssl = SSL_new(context);
		SSL_set_fd(c->ssl, c->fd);
		SSL_set_connect_state(c->ssl);
	}
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e);
}

static void put(struct conn *c, const void *bytes, size_t n)
{
	ssize_t r = c->ssl ? SSL_write(c->ssl, bytes, (int)n) : send(c->fd, bytes, n, MSG_NOSIGNAL);

	if (r != (ssize_t)n)
		drop(c);
}

/* A text frame with a mask of zeros: the relay works as much, we do not. */
static void say(struct conn *c, const char *text)
{
	uint8_t frame[BUFFER];
	size_t n = strlen(text);
	size_t head = n < 126 ? 6 : 8;

	memset(frame, 0, head);
	frame[0] = 0x81;
	frame[1] = (uint8_t)(0x80 | (n < 126 ? n : 126));
	if (n >= 126) {
		frame[2] = (uint8_t)(n >> 8);
		frame[3] = (uint8_t)n;
	}
	memcpy(frame + head, text, n);
	put(c, frame, head + n);
}

static void upgrade(struct conn *c)
{
	char text[512];
	int n = snprintf(text, sizeof(text),
			 "GET /guard HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
			 "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
			 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: rouse.v1\r\n\r\n",
			 port);

	c->state = UPGRADING;
	put(c, text, (size_t)n);
}

static void join(struct conn *c, const char *hello)
{
	uint8_t challenge[RELAY_CHALLENGE_SIZE], bytes[RELAY_JOIN_SIGNED_MAX], signature[64];
	char origin[64], text[BUFFER], k[RELAY_KEY_TEXT], s[B64_TEXT(64)];
	const char *at = strstr(hello, "\"challenge\":\"");
	size_t n;

	if (!at || b64_decode(at + 13, 43, challenge, sizeof(challenge)) < 0) {
		drop(c);
		return;
	}
	snprintf(origin, sizeof(origin), "%s://127.0.0.1:%d", tls ? "https" : "http", port);
	n = relay_join_signed(origin, challenge, bytes);
	crypto_sign_detached(signature, NULL, bytes, n, c->secret);
	snprintf(text, sizeof(text),
		 "{\"t\":\"join\",\"key\":\"%s\",\"signature\":\"%s\",\"invitation\":null,"
		 "\"name\":\"swarm\",\"guard\":\"swarm/1\"}",
		 b64_encode(c->key, 32, k), b64_encode(signature, 64, s));
	c->state = JOINING;
	say(c, text);
}

static void tell_state(struct conn *c)
{
	uint8_t hash[32];
	char text[BUFFER], id[RELAY_GRANT_TEXT], t[RELAY_KEY_TEXT], ch[RELAY_NONCE_TEXT];

	crypto_hash_sha256(hash, c->token, 32);
	snprintf(text, sizeof(text), "{\"t\":\"challenge\",\"current\":\"%s\",\"seconds\":60}",
		 b64_encode(c->token, 16, ch));
	say(c, text);
	if (c->state == WAITING)
		return;
	say(c, "{\"t\":\"machines\",\"more\":false,\"list\":[{\"id\":1,\"name\":\"nas\",\"state\":"
	       "\"asleep\","
	       "\"since\":\"2026-01-01T00:00:00Z\",\"expected_seconds\":6.4,\"watts\":null,"
	       "\"slept\":null,"
	       "\"last_wake\":null}]}");
	if (c->state == WAITING)
		return;
	snprintf(
		text, sizeof(text),
		"{\"t\":\"grants\",\"ack\":1,\"more\":false,\"list\":[{\"id\":\"%s\",\"kind\":"
		"\"plain\",\"view\":null,"
		"\"token\":\"%s\",\"salt\":null,\"label\":null,\"machines\":[1],\"can\":[\"wake\"],"
		"\"get\":false,\"expires\":null}]}",
		b64_encode(c->token, 9, id), b64_encode(hash, 32, t));
	c->state = STORING;
	say(c, text);
}

static void answer(struct conn *c, const char *request)
{
	const char *id = strstr(request, "\"id\":");
	char text[512];

	snprintf(text, sizeof(text),
		 "{\"t\":\"answer\",\"id\":%lu,\"final\":true,\"outcome\":\"awake\",\"result\":{"
		 "\"result\":\"awake\","
		 "\"why\":null,\"machine\":\"nas\",\"attempts\":1,\"awake_seconds\":6.4,"
		 "\"ready\":[{\"port\":\"tcp/22\",\"seconds\":7.1}]}}",
		 id ? strtoul(id + 5, NULL, 10) : 0);
	say(c, text);
}

static void heard(struct conn *c, const char *text)
{
	if (strncmp(text, "{\"t\":\"token\"", 12) == 0) {
		answer(c, text);
	} else if (strncmp(text, "{\"t\":\"hello\"", 12) == 0) {
		if (c->kind == OPENER) {
			opened_n++;
			drop(c);
		} else {
			join(c, text);
		}
	} else if (strncmp(text, "{\"t\":\"joined\"", 13) == 0) {
		tell_state(c);
	} else if (strncmp(text, "{\"t\":\"stored\"", 13) == 0 && c->state == STORING) {
		c->state = JOINED;
		in_flight--;
		joined_n++;
		c->failures = 0;
		due[c - guards] = now() + 15 + random_unit() * 15;
	} else if (strncmp(text, "{\"t\":\"refused\"", 14) == 0) {
		refused_n++;
	}
}

/* Frames in the buffer; returns what was taken. */
static size_t take_frames(struct conn *c)
{
	size_t at = 0;

	while (c->used - at >= 2) {
		size_t n = c->in[at + 1], head = 2;
		uint8_t kept;

		if (n == 126) {
			if (c->used - at < 4)
				break;
			n = (size_t)c->in[at + 2] << 8 | c->in[at + 3];
			head = 4;
		}
		if (c->used - at < head + n)
			break;
		kept = c->in[at + head + n];
		c->in[at + head + n] = 0;
		if ((c->in[at] & 15) == 1)
			heard(c, (char *)c->in + at + head);
		if (c->state <= WAITING)
			return 0;
		c->in[at + head + n] = kept;
		at += head + n;
	}
	return at;
}

static void next_request(struct conn *c, bool plain)
{
	char text[512], t[RELAY_KEY_TEXT];
	struct conn *g = &guards[(size_t)random() % guards_n];
	int n;

	if (plain)
		n = snprintf(text, sizeof(text), "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	else
		n = snprintf(text, sizeof(text),
			     "POST /w/%s?wait=5 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
			     b64_encode(g->token, 32, t));
	c->state = BUSY;
	c->plain = plain;
	c->began = now();
	put(c, text, (size_t)n);
}

/* The answer to one request, if it is all there. */
static size_t take_response(struct conn *c)
{
	char *end, *length;
	size_t n;

	c->in[c->used] = 0;
	end = strstr((char *)c->in, "\r\n\r\n");
	length = end ? strcasestr((char *)c->in, "content-length: ") : NULL;
	if (!length)
		return 0;
	n = (size_t)(end + 4 - (char *)c->in) + strtoul(length + 16, NULL, 10);
	if (c->used < n)
		return 0;
	if (strncmp((char *)c->in, "HTTP/1.1 200", 12) != 0)
		wrong_n++;
	else if (measuring)
		times_keep(c->plain ? &plains : &wakes, now() - c->began);
	c->state = READY;
	return n;
}

static size_t take(struct conn *c)
{
	char *end;

	if (c->kind == CLIENT)
		return take_response(c);
	if (c->state != UPGRADING)
		return take_frames(c);
	c->in[c->used] = 0;
	end = strstr((char *)c->in, "\r\n\r\n");
	if (!end)
		return 0;
	c->state = HELLO;
	return (size_t)(end + 4 - (char *)c->in);
}

static void read_all(struct conn *c)
{
	while (c->state > WAITING) {
		ssize_t r = c->ssl ? SSL_read(c->ssl, c->in + c->used, (int)(BUFFER - 1 - c->used))
				   : recv(c->fd, c->in + c->used, BUFFER - 1 - c->used, 0);
		size_t taken;

		if (r <= 0) {
			bool again = c->ssl ? SSL_get_error(c->ssl, (int)r) == SSL_ERROR_WANT_READ
					    : r < 0 && errno == EAGAIN;
			if (!again)
				drop(c);
			return;
		}
		c->used += (uint32_t)r;
		while (c->state > WAITING && c->used && (taken = take(c)) > 0) {
			c->used -= (uint32_t)taken;
			memmove(c->in, c->in + taken, c->used);
		}
	}
}

static void connected(struct conn *c)
{
	if (c->kind == CLIENT)
		c->state = READY;
	else
		upgrade(c);
}

static void ready(struct conn *c, uint32_t events)
{
	int error = 0;
	socklen_t n = sizeof(error);

	if (c->state == CONNECTING) {
		if (!(events & EPOLLOUT))
			return;
		getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n);
		if (error) {
			drop(c);
			return;
		}
		c->state = SHAKING;
	}
	if (c->state == SHAKING) {
		int r = c->ssl ? SSL_do_handshake(c->ssl) : 1;

		if (r != 1) {
			r = SSL_get_error(c->ssl, r);
			if (r != SSL_ERROR_WANT_READ && r != SSL_ERROR_WANT_WRITE)
				drop(c);
			return;
		}
		connected(c);
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_all(c);
}

static void turn(int wait_ms)
{
	static double looked;
	struct epoll_event events[512];
	int n = epoll_wait(epoll_fd, events, 512, wait_ms);
	double t = now();

	for (int i = 0; i < n; i++)
		ready(events[i].data.ptr, events[i].events);
	if (t - looked < 0.01)
		return;
	looked = t;
	for (size_t i = 0; i < guards_n; i++) {
		struct conn *g = &guards[i];

		if (due[i] > t)
			continue;
		if (g->state == WAITING && in_flight < (g->failures ? 100000 : IN_FLIGHT)) {
			begin(g);
		} else if (g->state == JOINED) {
			uint8_t ping[6] = { 0x89, 0x80 };

			due[i] = t + 30;
			put(g, ping, sizeof(ping));
		}
	}
}

static void do_join(size_t n)
{
	double began = now();

	for (size_t i = 0; i < n; i++) {
		struct conn *g = &guards[guards_n++];

		*g = (struct conn){ .fd = -1, .kind = GUARD, .state = WAITING };
		crypto_sign_keypair(g->key, g->secret);
		randombytes_buf(g->token, sizeof(g->token));
	}
	began = now();
	while (joined_n < guards_n && now() - began < 120)
		turn(5);
	printf("{\"joined\":%zu,\"seconds\":%.3f,\"refused\":%zu}\n", joined_n, now() - began,
	       refused_n);
}

/* Whoever is ready asks, as long as it is time for the next request; returns how many were asked by then. */
static size_t ask(size_t n, size_t asked, double rate, double began)
{
	for (size_t i = 0; i < n; i++) {
		bool plain = rate > 0 && asked % (WAKES_A_PLAIN + 1) == WAKES_A_PLAIN;

		if (clients[i].state != READY)
			continue;
		if (rate > 0 && began + (double)asked / rate > now())
			break;
		next_request(&clients[i], plain);
		sent_n += !plain;
		asked++;
	}
	return asked;
}

static void do_wakes(double seconds, double rate, size_t n)
{
	static double measured;
	double began;
	size_t asked = 0;

	for (size_t i = 0; i < n; i++) {
		clients[i] = (struct conn){ .fd = -1, .kind = CLIENT };
		begin(&clients[i]);
	}
	for (began = now(); now() - began < 1;)
		turn(5);
	if (wakes.n == 0)
		measured = 0;
	measuring = true;
	began = now();
	while (now() - began < seconds) {
		asked = ask(n, asked, rate * (WAKES_A_PLAIN + 1) / WAKES_A_PLAIN, began);
		turn(rate > 0 ? 0 : 1);
	}
	measuring = false;
	measured += now() - began;
	printf("{\"wakes\":%zu,\"sent\":%zu,\"wrong\":%zu,\"seconds\":%.3f", wakes.n, sent_n,
	       wrong_n, measured);
	times_print(&wakes, "");
	times_print(&plains, "healthz_");
	printf("}\n");
	for (size_t i = 0; i < n; i++)
		drop(&clients[i]);
}

static void do_opens(double seconds, size_t n)
{
	double began = now();

	opened_n = 0;
	for (size_t i = 0; i < n; i++)
		clients[i] = (struct conn){ .fd = -1, .kind = OPENER };
	while (now() - began < seconds) {
		for (size_t i = 0; i < n; i++)
			if (clients[i].state == OFF)
				begin(&clients[i]);
		turn(1);
	}
	printf("{\"opened\":%zu,\"seconds\":%.3f}\n", opened_n, now() - began);
	for (size_t i = 0; i < n; i++)
		drop(&clients[i]);
}

static void do_idle(double seconds)
{
	for (double began = now(); now() - began < seconds;)
		turn(20);
	printf("{\"joined\":%zu}\n", joined_n);
}

static void do_back(double seconds)
{
	double began = now();

	/* Those whose end has not been noticed yet are noticed here. */
	turn(0);
	while ((joined_n < guards_n || now() - began < 0.2) && now() - began < seconds)
		turn(5);
	printf("{\"joined\":%zu,\"seconds\":%.3f,\"refused\":%zu}\n", joined_n, now() - began,
	       refused_n);
}

static void command(const char *line)
{
	double a = 0, b = 0;
	size_t n = 0;

	if (strncmp(line, "wakes ", 6) == 0)
		wakes.n = plains.n = sent_n = wrong_n = 0;
	if (sscanf(line, "join %zu", &n) == 1 && guards_n + n <= GUARDS_MAX)
		do_join(n);
	else if ((sscanf(line, "wakes %lf %lf %zu", &a, &b, &n) == 3 ||
		  sscanf(line, "more %lf %lf %zu", &a, &b, &n) == 3) &&
		 n <= CLIENTS_MAX)
		do_wakes(a, b, n);
	else if (sscanf(line, "opens %lf %zu", &a, &n) == 2 && n <= CLIENTS_MAX)
		do_opens(a, n);
	else if (sscanf(line, "idle %lf", &a) == 1)
		do_idle(a);
	else if (sscanf(line, "back %lf", &a) == 1)
		do_back(a);
	else
		printf("{\"error\":\"what?\"}\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct rlimit limit;
	char line[128];

	if (argc != 3 || sodium_init() < 0)
		return 2;
	port = atoi(argv[1]);
	tls = strcmp(argv[2], "tls") == 0;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	guards = calloc(GUARDS_MAX, sizeof(*guards));
	clients = calloc(CLIENTS_MAX, sizeof(*clients));
	epoll_fd = epoll_create1(0);
	srandom((unsigned int)getpid());
	if (!guards || !clients || !times_init(&wakes) || !times_init(&plains) || epoll_fd < 0)
		return 1;
	while (fgets(line, sizeof(line), stdin))
		command(line);
	return 0;
}
