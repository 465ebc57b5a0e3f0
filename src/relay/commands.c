#include "relay/commands.h"

#include "base/text.h"
#include "proto/json_write.h"
#include "proto/keys.h"
#include "proto/time_text.h"
#include "relay/store.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/qr.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define EXPIRES_US 86400000000U
#define EXIT_USAGE 2

static struct store_admin *open_store(const struct config *c)
{
	char problem[STORE_PROBLEM] = "";
	struct store_admin *a = NULL;

	if (store_admin_open(c->database, &a, problem) < 0)
		fprintf(stderr, "rouse-relay: the database %s cannot be used: %s\n", c->database,
			problem);
	return a;
}

static void print_link(const struct config *c, const char *invitation, const char *until, bool name,
		       const char *whose)
{
	char link[RELAY_ORIGIN_MAX + 64];

	(void)snprintf(link, sizeof(link), "%s/#invitation.%s", c->public_url, invitation);
	printf("On the guard's box%s%s:\n\n  rouse join %s %s\n\nor open this link:\n\n  %s\n\n",
	       name ? ", for " : "", name ? whose : "", c->public_url, invitation, link);
	if (isatty(STDOUT_FILENO))
		(void)qr_print(link, stdout);
	printf("Good once, until %s.\n", until);
}

static void print_invitation_json(const struct config *c, const char *invitation, const char *until)
{
	char text[1024];
	struct json_writer w = json_writer_over(text, sizeof(text));

	json_write_open(&w, '{');
	json_write_key(&w, "url");
	json_write_word(&w, c->public_url);
	json_write_key(&w, "invitation");
	json_write_word(&w, invitation);
	json_write_key(&w, "expires");
	json_write_word(&w, until);
	json_write_close(&w, '}');
	puts(text);
}

int command_invite(const struct config *c, const struct options *o)
{
	uint8_t bytes[RELAY_INVITATION_SIZE], hash[RELAY_KEY_SIZE];
	char invitation[RELAY_INVITATION_TEXT], until[TIME_TEXT];
	uint64_t now = clock_wall_ms(), expires = EXPIRES_US;
	struct store_admin *a;
	int r;

	if (o->expires && (text_parse_duration(o->expires, &expires) < 0 || expires == 0)) {
		fprintf(stderr, "rouse-relay: --expires wants a duration like 1d or 12h\n");
		return EXIT_USAGE;
	}
	a = keys_init() == 0 ? open_store(c) : NULL;
	if (!a)
		return EXIT_FAILURE;
	entropy_id(bytes, sizeof(bytes));
	keys_hash(bytes, sizeof(bytes), hash);
	expires = now + expires / 1000;
	r = store_admin_invite(a, hash, o->name, now, expires);
	store_admin_close(a);
	if (r < 0) {
		fprintf(stderr, "rouse-relay: the invitation cannot be stored: %s\n", strerror(-r));
		return EXIT_FAILURE;
	}
	b64_encode(bytes, sizeof(bytes), invitation);
	time_text(expires, 0, until);
	if (o->json)
		print_invitation_json(c, invitation, until);
	else
		print_link(c, invitation, until, o->name != NULL, o->name);
	return EXIT_SUCCESS;
}

static void print_home(void *context, const struct store_summary *s)
{
	const struct options *o = context;
	char id[RELAY_HOME_TEXT], seen[TIME_TEXT], text[1024];
	struct json_writer w = json_writer_over(text, sizeof(text));

	b64_encode(s->home.home, sizeof(s->home.home), id);
	time_text(s->home.seen_ms, 0, seen);
	if (!o->json) {
		printf("%s  %-24s %4u machines %4u grants  seen %s  %s\n", id, s->home.name,
		       s->machines, s->grants, seen, s->home.guard);
		return;
	}
	json_write_open(&w, '{');
	json_write_key(&w, "home");
	json_write_word(&w, id);
	json_write_key(&w, "name");
	json_write_word(&w, s->home.name);
	json_write_key(&w, "guard");
	json_write_word(&w, s->home.guard);
	json_write_key(&w, "machines");
	json_write_u64(&w, s->machines);
	json_write_key(&w, "grants");
	json_write_u64(&w, s->grants);
	json_write_key(&w, "seen");
	json_write_word(&w, seen);
	json_write_close(&w, '}');
	puts(text);
}

int command_homes(const struct config *c, const struct options *o)
{
	struct options asked = *o;
	struct store_admin *a = open_store(c);
	int r;

	if (!a)
		return EXIT_FAILURE;
	r = store_admin_homes(a, print_home, &asked);
	store_admin_close(a);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int command_remove(const struct config *c, const struct options *o)
{
	uint8_t home[RELAY_HOME_SIZE];
	struct store_admin *a;
	int r;

	if (b64_decode(o->home, strlen(o->home), home, sizeof(home)) < 0) {
		fprintf(stderr,
			"rouse-relay: '%s' is no home's id; `rouse-relay homes` lists them\n",
			o->home);
		return EXIT_USAGE;
	}
	a = open_store(c);
	if (!a)
		return EXIT_FAILURE;
	r = store_admin_remove(a, home, clock_wall_ms());
	store_admin_close(a);
	if (r == 1)
		return EXIT_SUCCESS;
	fprintf(stderr, "rouse-relay: %s\n", r == 0 ? "there is no such home" : strerror(-r));
	return EXIT_FAILURE;
}
