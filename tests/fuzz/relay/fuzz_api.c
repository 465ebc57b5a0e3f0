/*
 * fuzz_api: any bytes on a connection of the whole relay: requests one after another, their handlers, a WebSocket before
 * it has proved a key. A home with a grant, a token and a guard that is connected is there, so that handlers have something to
 * find (its keys are zeros; the corpus knows them). What comes back is a row of whole HTTP answers.
 */
#include "proto/keys.h"
#include "proto/websocket.h"
#include "relay/guard.h"
#include "relay/visitor.h"
#include "sys/log.h"
#include "sys/loop.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS 12
#define BACK_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
	"[relay]\nlisten = 127.0.0.1:1\nenrolment = open\nconnections-per-address = 0\n"
	"connects-per-address = off\nrequests-per-address = off\nfailures-per-address = off\n"
	"phrases-per-address = off\nenrolments-per-address = off\nrequests-per-grant = off\n"
	"requests-per-home = off\ntrusted-proxy = 127.0.0.0/8\ndatabase = /nowhere\n";

static struct relay relay;
static char folder[] = "/tmp/rouse-fuzz-XXXXXX";
static char database[sizeof(folder) + 16];
static char back[BACK_MAX];
static size_t back_n;
static unsigned int stored;
static int guard_fd = -1;

static void on_changed(void *context, enum store_state now)
{
	(void)context;
	(void)now;
}

static void on_stored(struct store_op *op)
{
	assert(op->result == 0);
	stored++;
}

static void forget(void)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char name[sizeof(database) + 8];

	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(name, sizeof(name), "%s%s", database, suffixes[i]);
		(void)unlink(name);
	}
	(void)rmdir(folder);
}

/* A connection; the other end. */
static int connected(void)
{
	const struct addr peer = { .family = 4, .b = { 127, 0, 0, 1 } };
	int pair[2];
	int r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair);

	assert(r == 0);
	visitor_new(&relay, pair[0], &peer);
	return pair[1];
}

static void take_back(int fd)
{
	ssize_t n;

	while (back_n < sizeof(back) && (n = recv(fd, back + back_n, sizeof(back) - back_n, 0)) > 0)
		back_n += (size_t)n;
}

static void run(int fd)
{
	for (unsigned int i = 0; i < ROUNDS; i++) {
		int r = loop_run_once(relay.loop, 0);

		assert(r == 0);
		take_back(fd);
	}
}

static void say_frame(int fd, const char *json)
{
	static const uint8_t mask[4] = { 0 };
	uint8_t header[WS_HEADER_MAX];
	size_t n = ws_header_write(WS_TEXT, strlen(json), mask, header);
	ssize_t sent = send(fd, header, n, 0);

	assert(sent == (ssize_t)n);
	sent = send(fd, json, strlen(json), 0);
	assert(sent == (ssize_t)strlen(json));
}

/* As docs/protocol.md says, with a key of zeros. */
static void join(void)
{
	static const char upgrade[] =
		"GET /guard HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Protocol: rouse.v1\r\n\r\n";
	static const uint8_t seed[KEYS_SECRET_SIZE];
	uint8_t key[RELAY_KEY_SIZE], challenge[RELAY_CHALLENGE_SIZE], bytes[RELAY_JOIN_SIGNED_MAX];
	uint8_t signature[RELAY_SIGNATURE_SIZE];
	char key_text[RELAY_KEY_TEXT], signature_text[B64_TEXT(RELAY_SIGNATURE_SIZE)], json[512];
	const char *at;
	ssize_t sent;
	int r;

	guard_fd = connected();
	sent = send(guard_fd, upgrade, sizeof(upgrade) - 1, 0);
	assert(sent == (ssize_t)sizeof(upgrade) - 1);
	run(guard_fd);
	at = strstr(back, "\"challenge\":\"");
	assert(at);
	at += strlen("\"challenge\":\"");
	r = b64_decode(at, (size_t)(strchr(at, '"') - at), challenge, sizeof(challenge));
	assert(r == 0);
	keys_public(seed, key);
	keys_sign(seed, bytes, relay_join_signed(relay.config.public_url, challenge, bytes),
		  signature);
	(void)snprintf(json, sizeof(json),
		       "{\"t\":\"join\",\"key\":\"%s\",\"signature\":\"%s\",\"invitation\":null,"
		       "\"name\":\"Home\",\"guard\":\"fuzz/1\"}",
		       b64_encode(key, sizeof(key), key_text),
		       b64_encode(signature, sizeof(signature), signature_text));
	say_frame(guard_fd, json);
	for (unsigned int i = 0; i < 2000 && relay.route.guards == 0; i++) {
		run(guard_fd);
		usleep(1000);
	}
	assert(relay.route.guards == 1);
	say_frame(guard_fd,
		  "{\"t\":\"challenge\",\"current\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"seconds\":60}");
	say_frame(guard_fd, "{\"t\":\"machines\",\"more\":false,\"list\":[{\"id\":1,\"name\":"
			    "\"nas\",\"state\":\"asleep\","
			    "\"since\":\"2026-02-03T03:05:06Z\",\"expected_seconds\":6.4,\"watts\":"
			    "40,\"slept\":null,"
			    "\"last_wake\":null}]}");
	run(guard_fd);
}

/* The keys and tokens whose 32 bytes are 0. */
static void add_grants(void)
{
	static const uint8_t seed[KEYS_SECRET_SIZE], zeros[RELAY_KEY_SIZE];
	uint8_t key[RELAY_KEY_SIZE], home[RELAY_HOME_SIZE], ones[RELAY_KEY_SIZE];
	struct relay_grant link = {
		.kind = RELAY_LINK, .all = true, .can = 7, .expires_ms = RELAY_NULL
	};
	struct relay_grant plain = { .kind = RELAY_PLAIN,
				     .can = RELAY_CAN_WAKE,
				     .get = true,
				     .machines_n = 1,
				     .machines = { 1 },
				     .expires_ms = RELAY_NULL };
	struct store_op *op;

	keys_public(seed, key);
	relay_home_of(key, home);
	memset(ones, 1, sizeof(ones));
	memcpy(link.id, "AAAAAAAAAAAA", sizeof(link.id));
	memcpy(plain.id, "BBBBBBBBBBBB", sizeof(plain.id));
	keys_hash(zeros, sizeof(zeros), link.hash);
	keys_hash(ones, sizeof(ones), plain.hash);
	op = store_op_new(STORE_GRANTS, home);
	assert(op);
	store_op_add_grant(op, &link);
	store_op_add_grant(op, &plain);
	op->done = on_stored;
	store_submit(relay.store, op);
	for (unsigned int i = 0; i < 2000 && stored == 0; i++) {
		run(guard_fd);
		usleep(1000);
	}
	assert(stored == 1);
}

static void set_up(void)
{
	static const struct store_listener listener = { on_changed, NULL };
	char problem[STORE_PROBLEM] = "";
	int r = config_parse(&relay.config, text, sizeof(text) - 1, "fuzz", stderr);

	assert(r == 0);
	log_set_level(LOG_LEVEL_ERROR);
	(void)signal(SIGPIPE, SIG_IGN);
	r = keys_init() < 0 || !mkdtemp(folder) || loop_new(&relay.loop) < 0 ||
	    wheel_init(&relay.wheel, relay.loop) < 0 ||
	    stream_hub_init(&relay.hub, relay.loop) < 0 || limits_init(&relay.limits) < 0 ||
	    route_init(&relay.route, &relay.wheel, guard_send, guard_doubt) < 0;
	assert(!r);
	list_init(&relay.visitors);
	b64_encode(relay.run, sizeof(relay.run), relay.run_text);
	(void)snprintf(database, sizeof(database), "%s/relay.db", folder);
	(void)atexit(forget);
	r = store_open(database, relay.loop, 32, &listener, &relay.store, problem);
	assert(r == 0);
	join();
	add_grants();
}

/* Everything that came back begins as an answer does; a WebSocket or a stream goes on with what is its own. */
static void check_back(void)
{
	if (back_n == 0)
		return;
	assert(back_n >= 12 && memcmp(back, "HTTP/1.1 ", 9) == 0);
	assert(back[9] >= '1' && back[9] <= '5' && memmem(back, back_n, "\r\n\r\n", 4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t before;
	int fd;

	if (!relay.loop)
		set_up();
	before = relay.visitors_n;
	back_n = 0;
	fd = connected();
	if (size && send(fd, data, size, MSG_NOSIGNAL) < 0)
		assert(false);
	run(fd);
	check_back();
	(void)shutdown(fd, SHUT_RDWR);
	close(fd);
	for (unsigned int i = 0; i < ROUNDS && relay.visitors_n > before; i++)
		(void)loop_run_once(relay.loop, 0);
	/* Whatever it was, it has gone; the guard has not. */
	assert(relay.visitors_n == before && relay.route.guards == 1);
	back_n = 0;
	take_back(guard_fd);
	return 0;
}
