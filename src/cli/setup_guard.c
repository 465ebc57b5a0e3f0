/*
 * setup_guard: which guard: the one that was named, the paired one, or one of those that answer to multicast DNS.
 */
#include "cli/setup.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>

static void list_guards(const struct setup *s)
{
	char address[ADDR_TEXT];

	for (int i = 0; i < s->box->found; i++) {
		const struct discovered *d = &s->box->guards[i];

		setup_tell(s, "  %d  %s at %s", i + 1, d->name,
			   addr_format(&d->addresses[0], address));
	}
}

static bool choose(struct setup *s)
{
	struct box *b = s->box;
	char answer[16];
	uint64_t number;

	if (b->found <= 0)
		return setup_say(
			s, "guard", SETUP_FAILED,
			"none answers on this LAN%s%s: run `sudo rouse pair` on the guard's box "
			"first (then it answers), or name it with --guard HOST",
			b->found < 0 && b->found != -ENOENT ? ", " : "",
			b->found < 0 && b->found != -ENOENT ? strerror(-b->found) : "");
	if (b->found == 1) {
		box_take_guard(b, &b->guards[0]);
		return true;
	}
	setup_tell(s, "%d guards answer:", b->found);
	list_guards(s);
	for (int tries = 0; tries < 3; tries++) {
		if (!setup_ask(s, "Which one? Its number:", answer, sizeof(answer)))
			break;
		if (text_parse_u64(answer, (uint64_t)b->found, &number) == 0 && number > 0) {
			box_take_guard(b, &b->guards[number - 1]);
			return true;
		}
	}
	return setup_say(s, "guard", SETUP_FAILED,
			 "%d guards answer on this LAN: choose one with --guard HOST", b->found);
}

bool setup_guard(struct setup *s)
{
	struct box *b = s->box;

	if (!s->guard && b->paired != 0) {
		/* What the box itself chose was the first that answered. */
		b->guard.host[0] = 0;
		if (!choose(s))
			return false;
		box_try_guard(b);
	}
	if (b->guard_error < 0)
		return setup_say(
			s, "guard", SETUP_FAILED,
			"%s: is roused running there, and TCP port %s open? Name it with --guard "
			"HOST if it is elsewhere now",
			b->guard_problem, b->guard.port);
	if (b->net && net_view_owns(b->net, &b->guard_address))
		return setup_say(s, "guard", SETUP_FAILED,
				 "%s is this machine itself: a guard must stay on when it sleeps",
				 b->guard.host);
	return setup_say(s, "guard", SETUP_DONE, "%s port %s, %s", b->guard.host, b->guard.port,
			 b->guard_from);
}
