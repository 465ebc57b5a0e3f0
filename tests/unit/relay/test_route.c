/*
 * test_route: of each request exactly one of acknowledged, offline, unknown is said.
 */
#include "relay/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct loop *loop;
static struct wheel wheel;
static struct route route;
static const uint8_t home_id[RELAY_HOME_SIZE] = "0123456789abcde",
		     other_id[RELAY_HOME_SIZE] = "other";
static char sent[64];
static char news_said[64];
/* Guards are nothing but addresses here. */
static int one, two;

static struct guard *guard(int *which)
{
	return (struct guard *)(void *)which;
}

static void on_send(struct guard *g, const char *text, size_t n)
{
	(void)g;
	memcpy(sent, text, n);
	sent[n] = 0;
}

static void on_doubt(struct guard *g)
{
	(void)g;
}

static void on_news(struct route_request *q, enum route_news news, const struct route_answer *a)
{
	size_t n = strlen(news_said);

	news_said[n] = "ALSO"[news];
	if (news == ROUTE_ANSWER && a->final)
		route_end(q);
}

static int set_up(void **state)
{
	(void)state;
	return loop_new(&loop) || wheel_init(&wheel, loop) ||
	       route_init(&route, &wheel, on_send, on_doubt);
}

static int tear_down(void **state)
{
	(void)state;
	route_done(&route);
	wheel_done(&wheel);
	loop_free(loop);
	return 0;
}

static void offline(void **state)
{
	struct route_home *h = route_take(&route, home_id);
	struct route_request q = { .told = on_news };

	(void)state;
	assert_false(route_send(&route, h, &q, 0, "x", 1));
	route_put(&route, h);
	assert_null(route_find(&route, home_id));
}

static void answers(void **state)
{
	const struct route_answer step = { .final = false }, last = { .final = true };
	struct route_home *h = route_take(&route, home_id), *other = route_take(&route, other_id);
	struct route_request q = { .told = on_news };
	uint64_t id = route_next_id(&route);

	(void)state;
	memset(news_said, 0, sizeof(news_said));
	assert_null(route_attach(&route, h, guard(&one), 1));
	assert_null(route_attach(&route, other, guard(&two), 1));
	assert_true(route_send(&route, h, &q, 1000000, "hello", 5));
	assert_string_equal(sent, "hello");
	assert_false(route_answered(&route, other, id, &last));
	assert_false(route_answered(&route, h, id + 1, &last));
	assert_true(route_answered(&route, h, id, &step));
	/* Acknowledged: it survives another connection of the same home. */
	assert_ptr_equal(route_attach(&route, h, guard(&two), 2), guard(&one));
	route_detach(&route, h, guard(&one));
	assert_ptr_equal(h->guard, guard(&two));
	assert_true(route_answered(&route, h, id, &last));
	assert_false(route_answered(&route, h, id, &last));
	assert_string_equal(news_said, "AA");
	route_detach(&route, h, guard(&two));
	route_detach(&route, other, guard(&two));
	route_put(&route, h);
	route_put(&route, other);
	assert_int_equal(route.guards, 0);
	assert_int_equal(route.waiting, 0);
	assert_int_equal(route.homes.count, 0);
}

static void lost(void **state)
{
	const struct route_answer step = { .final = false };
	struct route_home *h = route_take(&route, home_id);
	struct route_request q[2] = { { .told = on_news }, { .told = on_news } };
	uint64_t id = route_next_id(&route);

	(void)state;
	memset(news_said, 0, sizeof(news_said));
	(void)route_attach(&route, h, guard(&one), 1);
	assert_true(route_send(&route, h, &q[0], 1000000, "a", 1));
	assert_true(route_send(&route, h, &q[1], 1000000, "b", 1));
	assert_true(route_answered(&route, h, id, &step));
	route_detach(&route, h, guard(&one));
	/* The first waits on, of the second nobody knows. */
	assert_string_equal(news_said, "AL");
	assert_int_equal(h->requests_n, 1);
	route_end(&q[0]);
	assert_null(route_find(&route, home_id));
	assert_int_equal(wheel.armed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offline),
		cmocka_unit_test(answers),
		cmocka_unit_test(lost),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
