/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotas on virtual time: connections that send as fast as they are let, and
 * what came through in 20 s against what should have (model section 9).
 */
#include "quota_fixture.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/worker.h"

struct conn {
	struct quota_link *link;
	uint64_t ready;
	uint64_t sent;
	double size, request_ns;	/* 0: request time is not asked */
	bool invents, asked;
	unsigned id, turns, refused;
};

static uint64_t
admit(struct conn *c, enum quota_key key, uint64_t now)
{
	struct quota_ask asks[] = { { key, c->size }, { QUOTA_REQUEST, -1 } };
	return quota_admit(c->link, asks, c->request_ns > 0 ? 2 : 1, now);
}

static uint64_t
admit_one(struct quota_link *l, uint64_t now)
{
	return quota_admit(l, &(struct quota_ask){ QUOTA_PRODUCE, 1e6 }, 1, now);
}

/* Every connection is always willing; the one that is ready first goes next. */
static void
run(struct conn *c, size_t n, enum quota_key key, uint64_t from, uint64_t until)
{
	char id[32];
	for (size_t i = 0; i < n; i++)
		c[i].ready = from + i;
	for (;;) {
		struct conn *next = &c[0];
		for (size_t i = 1; i < n; i++)
			if (c[i].ready < next->ready)
				next = &c[i];
		uint64_t now = next->ready;
		if (now >= until)
			return;
		if (next->invents && !next->asked) {
			snprintf(id, sizeof(id), "id-%u-%u", (unsigned)(next - c), next->id++);
			quota_client(next->link, s(id));
		}
		next->asked = true;
		uint64_t wait = admit(next, key, now);
		if (wait > 0) {
			next->refused++;
			next->ready = now + wait;
			continue;
		}
		next->sent += (uint64_t)next->size;
		next->turns++;
		next->asked = false;
		uint64_t delay = quota_charge(next->link, key, next->size, now), time = 0;
		if (next->request_ns > 0)
			time = quota_charge(next->link, QUOTA_REQUEST, next->request_ns, now);
		delay = delay > time ? delay : time;
		assert_true(delay <= quota_config_default.window_ns);
		next->ready = now + delay + 50000;	/* a round trip */
	}
}

static double
total(const struct conn *c, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += (double)c[i].sent;
	return sum;
}

/* n connections of one user against a limit of 1 MB/s. */
static void
rate_holds(size_t n, double size, enum quota_key key, const char *user, const char *client,
    double value, double want, bool invents)
{
	struct quota *q = quota_create(&quota_config_default);
	struct quota_image *image = NULL;
	struct conn *c = mem_zalloc(n * sizeof(*c));
	limit(&image, 5, user, client, key, value);
	quota_publish(q, image);
	for (size_t i = 0; i < n; i++) {
		c[i].link = quota_open(q, NAME(5, s("anna")));
		c[i].size = size;
		c[i].invents = invents;
		if (!invents)
			quota_client(c[i].link, s("app"));
	}
	run(c, n, key, 1000 * SEC, 1000 * SEC + RUN);
	within_ten_percent(total(c, n), want);
	for (size_t i = 0; i < n; i++)
		quota_close(&c[i].link);
	mem_free(c);
	quota_image_unref(&image);
	quota_destroy(&q);
}

static void
rates_hold_with_1_10_and_100_connections(void **state)
{
	(void)state;
	static const size_t counts[] = { 1, 10, 100 };
	for (size_t i = 0; i < 3; i++) {
		rate_holds(counts[i], 16384, QUOTA_PRODUCE, "anna", NULL, 1e6, 20e6, false);
		rate_holds(counts[i], 500000, QUOTA_PRODUCE, "anna", NULL, 1e6, 20e6, false);
		rate_holds(counts[i], 1000, QUOTA_FETCH, NULL, NULL, 1e6, 20e6, false);
		rate_holds(counts[i], 1000, QUOTA_FETCH, "", NULL, 1e6, 20e6, false);
		rate_holds(counts[i], 1000, QUOTA_FETCH, "anna", "app", 1e6, 20e6, false);
		rate_holds(counts[i], 1000, QUOTA_FETCH, NULL, "app", 1e6, 20e6, false);
	}
}

/* Those who wait have their turns in the order in which they came, and do not come in vain: each
 * asks once before it waits and once when it may go. */
static void
who_waits_has_his_turn(void **state)
{
	(void)state;
	static const size_t counts[] = { 2, 10, 100, 1000 };
	for (size_t k = 0; k < 4; k++) {
		struct quota *q = quota_create(&quota_config_default);
		struct quota_image *image = NULL;
		size_t n = counts[k];
		struct conn *c = mem_zalloc(n * sizeof(*c));
		unsigned least = UINT32_MAX, most = 0, asked = 0;
		limit(&image, 5, "anna", NULL, QUOTA_PRODUCE, 1e6);
		quota_publish(q, image);
		for (size_t i = 0; i < n; i++) {
			c[i].link = quota_open(q, NAME(5, s("anna")));
			c[i].size = i % 2 == 0 ? 1000 : 3000;
		}
		run(c, n, QUOTA_PRODUCE, 1000 * SEC, 1000 * SEC + RUN);
		within_ten_percent(total(c, n), 20e6);
		for (size_t i = 0; i < n; i++) {
			least = c[i].turns < least ? c[i].turns : least;
			most = c[i].turns > most ? c[i].turns : most;
			asked += c[i].turns + c[i].refused;
			quota_close(&c[i].link);
		}
		assert_true(most <= least + 2 + least / 4);
		assert_true(asked <= 10000 * 2 + 4 * (unsigned)n + 1000);
		mem_free(c);
		quota_image_unref(&image);
		quota_destroy(&q);
	}
}

/* Who waits and goes, or whose limit goes, leaves nothing that others wait for. */
static void
places_are_given_up(void **state)
{
	(void)state;
	struct quota *q = quota_create(&quota_config_default);
	struct quota_image *image = NULL;
	struct quota_link *l[20];
	uint64_t at = 100 * SEC;
	limit(&image, 5, "anna", NULL, QUOTA_PRODUCE, 1e6);
	quota_publish(q, image);
	for (int i = 0; i < 20; i++)
		l[i] = quota_open(q, NAME(5, s("anna")));
	assert_int_equal(quota_charge(l[0], QUOTA_PRODUCE, 1.5e6, at), SEC);
	for (uint64_t i = 0; i < 20; i++) /* the debt, and those before */
		assert_int_equal(admit_one(l[i], at), SEC + i * SEC);
	/* Whoever asks before his turn is told the rest of it, though the debt is paid. */
	assert_int_equal(admit_one(l[5], at + SEC), 5 * SEC);
	assert_int_equal(admit_one(l[0], at + SEC), 0);
	assert_int_equal(admit_one(l[1], at + 2 * SEC), 0);
	assert_int_equal(admit_one(l[18], at + 2 * SEC), 17 * SEC);
	for (int i = 0; i < 18; i++)
		quota_close(&l[i]);
	assert_int_equal(admit_one(l[18], at + 2 * SEC), SEC);
	quota_step_aside(l[18]);
	assert_int_equal(admit_one(l[19], at + 2 * SEC), 0);
	assert_int_equal(admit_one(l[18], at), SEC);
	assert_int_equal(admit_one(l[19], at), 2 * SEC);
	/* New limits bring all back as soon as the debt allows it. */
	limit(&image, 5, "bert", NULL, QUOTA_PRODUCE, 1e6);
	quota_publish(q, image);
	assert_int_equal(admit_one(l[19], at), SEC);
	quota_close(&l[18]);
	assert_int_equal(admit_one(l[19], at + SEC), 0);
	l[0] = quota_open(q, NAME(5, s("anna")));
	assert_int_equal(admit_one(l[0], at + SEC), 0);
	/* Nor does one whose limit was lifted while it waited. */
	quota_charge(l[0], QUOTA_PRODUCE, 1e6, at + SEC);
	assert_true(admit_one(l[0], at + SEC) > 0);
	limit(&image, 5, "anna", NULL, QUOTA_PRODUCE, 0);
	quota_publish(q, image);
	assert_int_equal(admit_one(l[0], at + SEC), 0);
	limit(&image, 5, "anna", NULL, QUOTA_PRODUCE, 1e6);
	quota_publish(q, image);
	assert_int_equal(admit_one(l[19], at + 9 * SEC), 0);
	quota_close(&l[0]);
	quota_close(&l[19]);
	quota_image_unref(&image);
	quota_destroy(&q);
}

/* A hundred connections that wait for their user's own limit keep nobody waiting who shares
 * only the tenant's with them. */
static void
who_waits_for_his_own_limit_is_in_nobodys_way(void **state)
{
	(void)state;
	enum { N = 101 };
	struct quota *q = quota_create(&quota_config_default);
	struct quota_image *image = NULL;
	struct conn *c = mem_zalloc(N * sizeof(*c));
	limit(&image, 5, NULL, NULL, QUOTA_PRODUCE, 1e7);
	limit(&image, 5, "anna", NULL, QUOTA_PRODUCE, 1e6);
	quota_publish(q, image);
	for (size_t i = 0; i < N; i++) {
		c[i].link = quota_open(q, NAME(5, s(i < N - 1 ? "anna" : "bert")));
		c[i].size = i < N - 1 ? 1e6 : 16384;
	}
	run(c, N, QUOTA_PRODUCE, 1000 * SEC, 1000 * SEC + RUN);
	within_ten_percent(total(c, N - 1), 20e6);
	within_ten_percent(total(c + N - 1, 1), 180e6);
	for (size_t i = 0; i < N; i++)
		quota_close(&c[i].link);
	mem_free(c);
	quota_image_unref(&image);
	quota_destroy(&q);
}

/* Both limits are near: each connection needs the room of both at once. */
static void
two_limits_hold_together(void **state)
{
	(void)state;
	static const size_t counts[] = { 2, 10, 110, 210 };
	static const double request_ns[] = { 5e6, 10e6, 12e6 };
	for (size_t k = 0; k < 12; k++) {
		struct quota *q = quota_create(&quota_config_default);
		struct quota_image *image = NULL;
		size_t n = counts[k % 4];
		struct conn *c = mem_zalloc(n * sizeof(*c));
		unsigned least = UINT32_MAX, most = 0;
		limit(&image, 5, "anna", NULL, QUOTA_PRODUCE, 1e6);
		limit(&image, 5, "anna", NULL, QUOTA_REQUEST, 10);
		quota_publish(q, image);
		for (size_t i = 0; i < n; i++) {
			c[i].link = quota_open(q, NAME(5, s("anna")));
			c[i].size = 1e5;
			c[i].request_ns = request_ns[k / 4];
			quota_charge(c[i].link, QUOTA_REQUEST, c[i].request_ns, 900 * SEC); /* what one costs */
		}
		run(c, n, QUOTA_PRODUCE, 1000 * SEC, 1000 * SEC + 3 * RUN);
		within_ten_percent(total(c, n), request_ns[k / 4] > 10e6 ? 50e6 : 60e6);
		for (size_t i = 0; i < n; i++) {
			least = c[i].turns < least ? c[i].turns : least;
			most = c[i].turns > most ? c[i].turns : most;
			quota_close(&c[i].link);
		}
		assert_true(most <= least + 2 + least / 4);
		mem_free(c);
		quota_image_unref(&image);
		quota_destroy(&q);
	}
}

static void
addresses_connect_at_their_rate(void **state)
{
	(void)state;
	struct quota *q = quota_create(&quota_config_default);
	struct quota_image *image = NULL, *next;
	struct quota_entity all = { .has_ip = true }, one = { .has_ip = true, .ip = s("2001:db8::1") };
	struct quota_values v = { 0 };
	struct addr a, b;
	int got[2] = { 0 };
	assert_ok(addr_parse(s("2001:0DB8::1"), &a));
	assert_ok(addr_parse(s("10.0.0.1"), &b));
	for (int i = 0; i < 1000; i++)
		assert_true(quota_connect(q, &a, 100 * SEC)); /* no limit yet */
	v.v[QUOTA_CONNECT] = 5;
	image = quota_image_set(NULL, &all, &v);
	v.v[QUOTA_CONNECT] = 20;
	next = quota_image_set(image, &one, &v);
	quota_publish(q, next);
	/* Ten times a millisecond for 30 s; the first window's worth may come at once. */
	for (uint64_t t = 0; t < 30 * SEC; t += MS / 10) {
		if (t % (60 * MS) == 0)
			quota_reap(q, 200 * SEC + t);
		got[0] += quota_connect(q, &a, 200 * SEC + t);
		got[1] += quota_connect(q, &b, 200 * SEC + t);
	}
	within_ten_percent(got[0], 20 * 40);
	within_ten_percent(got[1], 5 * 40);
	quota_image_unref(&image);
	quota_image_unref(&next);
	quota_destroy(&q);
}

static void
request_percentage_is_of_one_core(void **state)
{
	(void)state;
	/* 25 % of a core: 5 s of requests of 2 ms in 20 s. */
	rate_holds(10, 2e6, QUOTA_REQUEST, "anna", NULL, 25, 5e9, false);
	rate_holds(10, 2e6, QUOTA_REQUEST, NULL, NULL, 200, 40e9, false);
}

static void
a_user_who_invents_client_ids_gains_nothing(void **state)
{
	(void)state;
	rate_holds(10, 16384, QUOTA_PRODUCE, "anna", NULL, 1e6, 20e6, true);
	rate_holds(10, 16384, QUOTA_PRODUCE, NULL, NULL, 1e6, 20e6, true);
	/* With a limit for client ids only, he has as many as there are buckets. */
	unsigned cap = quota_config_default.clients_per_user;
	rate_holds(100, 1000, QUOTA_PRODUCE, "anna", "", 1e4, 20e4 * cap, true);
	rate_holds(100, 1000, QUOTA_PRODUCE, NULL, "", 1e4, 20e4 * cap, true);
}

static void
every_level_admits(void **state)
{
	(void)state;
	struct quota *q = quota_create(&quota_config_default);
	struct quota_image *image = NULL;
	struct conn c[4] = { { 0 } };
	/* The tenant has 1 MB/s, anna at most 300 kB/s, her app at most 100 kB/s. */
	limit(&image, 5, NULL, NULL, QUOTA_PRODUCE, 1e6);
	limit(&image, 5, "anna", NULL, QUOTA_PRODUCE, 3e5);
	limit(&image, 5, "anna", "app", QUOTA_PRODUCE, 1e5);
	quota_publish(q, image);
	static const char *const users[] = { "anna", "anna", "bert", "bert" };
	static const char *const ids[] = { "app", "other", "app", "x" };
	for (int i = 0; i < 4; i++) {
		c[i].link = quota_open(q, NAME(5, s(users[i])));
		quota_client(c[i].link, s(ids[i]));
		c[i].size = 2000;
	}
	run(c, 1, QUOTA_PRODUCE, 1000 * SEC, 1000 * SEC + RUN);
	within_ten_percent(total(c, 1), 2e6);
	c[0].sent = 0;
	run(c, 2, QUOTA_PRODUCE, 2000 * SEC, 2000 * SEC + RUN);
	within_ten_percent(total(c, 2), 6e6);
	assert_true(c[0].sent <= 2200000);
	memset(&c[0].sent, 0, sizeof(c[0].sent));
	c[1].sent = 0;
	/* Two users under one tenant: its limit holds over both. */
	run(c, 4, QUOTA_PRODUCE, 3000 * SEC, 3000 * SEC + RUN);
	within_ten_percent(total(c, 4), 20e6);
	assert_true(total(c, 2) <= 6.6e6);
	for (int i = 0; i < 4; i++)
		quota_close(&c[i].link);
	quota_image_unref(&image);
	quota_destroy(&q);
}

static void
a_tenant_does_not_pay_for_another(void **state)
{
	(void)state;
	struct quota *q = quota_create(&quota_config_default);
	struct quota_image *image = NULL;
	limit(&image, 5, NULL, NULL, QUOTA_PRODUCE, 1000);
	limit(&image, 6, NULL, NULL, QUOTA_PRODUCE, 1000);
	quota_publish(q, image);
	struct quota_link *a = quota_open(q, NAME(5, s("anna"))), *b = quota_open(q, NAME(6, s("anna")));
	assert_true(quota_charge(a, QUOTA_PRODUCE, 5000, SEC * 100) > 0);
	assert_int_equal(quota_delay(b, QUOTA_PRODUCE, SEC * 100), 0);
	quota_close(&a);
	quota_close(&b);
	quota_image_unref(&image);
	quota_destroy(&q);
}

/* Kafka's order: the most specific entity that has the key. */
static void
precedence_is_kafkas(void **state)
{
	(void)state;
	static const struct { const char *user, *client; } order[] = {
		{ "anna", "app" }, { "anna", "" }, { "anna", NULL }, { "", "app" }, { "", "" },
		{ "", NULL }, { NULL, "app" }, { NULL, "" },
	};
	struct quota *q = quota_create(&quota_config_default);
	struct quota_link *l = quota_open(q, NAME(5, s("anna")));
	struct quota_image *image = NULL;
	quota_client(l, s("app"));
	/* From the weakest up, each stricter than the last, so that it decides
	 * also where the levels nest. Another key must not disturb. */
	for (int i = 7; i >= 0; i--) {
		limit(&image, 5, order[i].user, order[i].client, QUOTA_FETCH, 1);
		limit(&image, 5, order[i].user, order[i].client, QUOTA_PRODUCE, 1000 * (i + 1));
		quota_publish(q, image);
		assert_int_equal(quota_most(l, QUOTA_PRODUCE), 500 * (i + 1));
	}
	quota_image_unref(&image);
	/* And a weaker one that is stricter does not count. */
	for (int strong = 0; strong < 8; strong++)
		for (int weak = strong + 1; weak < 8; weak++) {
			bool nests = order[weak].client == NULL && order[strong].client != NULL;
			if (nests)
				continue;	/* the user's own limit is the level above */
			limit(&image, 5, order[strong].user, order[strong].client, QUOTA_PRODUCE, 9000);
			limit(&image, 5, order[weak].user, order[weak].client, QUOTA_PRODUCE, 1000);
			quota_publish(q, image);
			assert_int_equal(quota_most(l, QUOTA_PRODUCE), 4500);
			quota_image_unref(&image);
		}
	quota_close(&l);
	quota_destroy(&q);
}

static void
a_request_larger_than_a_burst_goes_through_in_debt(void **state)
{
	(void)state;
	struct quota *q = quota_create(&quota_config_default);
	struct quota_image *image = NULL;
	struct quota_link *l;
	limit(&image, 5, NULL, NULL, QUOTA_PRODUCE, 1e6);
	quota_publish(q, image);
	l = quota_open(q, NAME(5, s("anna")));
	assert_int_equal(quota_delay(l, QUOTA_PRODUCE, 100 * SEC), 0);
	assert_int_equal(quota_charge(l, QUOTA_PRODUCE, 5e5, 100 * SEC), 0);	/* the burst */
	assert_int_equal(quota_charge(l, QUOTA_PRODUCE, 3e6, 100 * SEC), 3 * SEC);
	assert_int_equal(quota_delay(l, QUOTA_PRODUCE, 102 * SEC), SEC);
	assert_int_equal(quota_delay(l, QUOTA_PRODUCE, 103 * SEC), 0);
	quota_close(&l);
	quota_image_unref(&image);
	quota_destroy(&q);
}

static void
one_window_bounds_a_delay(void **state)
{
	(void)state;
	struct quota *q = quota_create(&quota_config_default);
	struct quota_image *image = NULL;
	struct quota_link *l;
	limit(&image, 5, NULL, NULL, QUOTA_PRODUCE, 0.001);
	quota_publish(q, image);
	l = quota_open(q, NAME(5, s("anna")));
	for (int i = 0; i < 3; i++)
		assert_int_equal(quota_charge(l, QUOTA_PRODUCE, 2e9, 100 * SEC),
		    quota_config_default.window_ns);
	assert_int_equal(quota_delay(l, QUOTA_PRODUCE, 110 * SEC), 0);
	quota_close(&l);
	quota_image_unref(&image);
	quota_destroy(&q);
}

static void
limits_change_at_run_time(void **state)
{
	(void)state;
	struct quota *q = quota_create(&quota_config_default);
	struct quota_image *image = NULL;
	struct conn c[10] = { { 0 } };
	for (int i = 0; i < 10; i++) {
		c[i].link = quota_open(q, NAME(5, s("anna")));
		c[i].size = 5000;
	}
	assert_int_equal(quota_charge(c[0].link, QUOTA_PRODUCE, 1e12, 10 * SEC), 0); /* none yet */
	limit(&image, 5, "anna", NULL, QUOTA_PRODUCE, 1e6);
	quota_publish(q, image);
	run(c, 10, QUOTA_PRODUCE, 1000 * SEC, 1000 * SEC + RUN);
	within_ten_percent(total(c, 10), 20e6);
	limit(&image, 5, "anna", NULL, QUOTA_PRODUCE, 1e5);
	quota_publish(q, image);
	for (int i = 0; i < 10; i++)
		c[i].sent = 0;
	run(c, 10, QUOTA_PRODUCE, 1020 * SEC, 1020 * SEC + RUN);
	within_ten_percent(total(c, 10), 2e6);
	limit(&image, 5, "anna", NULL, QUOTA_PRODUCE, 0);
	quota_publish(q, image);
	assert_int_equal(quota_charge(c[0].link, QUOTA_PRODUCE, 1e12, 1040 * SEC), 0);
	for (int i = 0; i < 10; i++)
		quota_close(&c[i].link);
	quota_image_unref(&image);
	quota_destroy(&q);
}

static void
a_reconnect_does_not_pay_the_debt(void **state)
{
	(void)state;
	struct quota *q = quota_create(&quota_config_default);
	struct quota_image *image = NULL;
	struct quota_usage use;
	limit(&image, 5, "anna", NULL, QUOTA_PRODUCE, 1000);
	quota_publish(q, image);
	struct quota_link *l = quota_open(q, NAME(5, s("anna")));
	assert_int_equal(quota_charge(l, QUOTA_PRODUCE, 5500, 100 * SEC), 5 * SEC);
	quota_close(&l);
	quota_reap(q, 101 * SEC);
	l = quota_open(q, NAME(5, s("anna")));
	assert_int_equal(quota_delay(l, QUOTA_PRODUCE, 101 * SEC), 4 * SEC);
	quota_close(&l);
	quota_reap(q, 1000 * SEC);
	assert_false(quota_usage(q, NAME(5, s("anna")), 1000 * SEC, &use));
	quota_image_unref(&image);
	quota_destroy(&q);
}

struct charger {
	struct quota *q;
	pthread_t thread;
};

static void *
charge_much(void *arg)
{
	struct charger *c = arg;
	struct quota_link *l = quota_open(c->q, NAME(5, s("anna")));
	for (int i = 0; i < 1000; i++) {
		if (i % 100 == 0)
			quota_client(l, i % 200 == 0 ? s("a") : s("b"));
		quota_charge(l, QUOTA_PRODUCE, 1000, 100 * SEC);
	}
	quota_close(&l);
	return NULL;
}

static void
no_charge_is_lost_between_threads(void **state)
{
	(void)state;
	struct quota *q = quota_create(&quota_config_default);
	struct quota_image *image = NULL;
	struct charger c[4];
	limit(&image, 5, NULL, NULL, QUOTA_PRODUCE, 1e6);
	limit(&image, 5, "anna", "", QUOTA_PRODUCE, 1e6);
	quota_publish(q, image);
	for (int i = 0; i < 4; i++) {
		c[i].q = q;
		c[i].thread = thread_start("charger", charge_much, &c[i]);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(c[i].thread, NULL);
	struct quota_link *l = quota_open(q, NAME(5, s("anna")));
	assert_int_equal(quota_delay(l, QUOTA_PRODUCE, 100 * SEC), 3500 * MS);
	quota_close(&l);
	quota_image_unref(&image);
	quota_destroy(&q);
}

static void
usage_is_shown(void **state)
{
	(void)state;
	struct quota *q = quota_create(&quota_config_default);
	struct quota_image *image = NULL;
	struct quota_usage use;
	limit(&image, 5, NULL, NULL, QUOTA_FETCH, 7e6);
	limit(&image, 5, "", NULL, QUOTA_FETCH, 5e6);
	quota_publish(q, image);
	struct quota_link *l = quota_open(q, NAME(5, s("anna")));
	for (uint64_t t = 0; t < 25 * 1000; t++) {
		quota_charge(l, QUOTA_FETCH, 1000, 500 * SEC + t * MS);
		quota_charge(l, QUOTA_REQUEST, 1e5, 500 * SEC + t * MS);
	}
	assert_true(quota_usage(q, NAME(5, s("anna")), 525 * SEC, &use));
	assert_true(fabs(use.rate[QUOTA_FETCH] - 1e6) < 1e5);
	assert_true(fabs(use.rate[QUOTA_REQUEST] - 10) < 1);
	assert_true(use.limit[QUOTA_FETCH] >= 5e6 && use.limit[QUOTA_FETCH] <= 5e6);
	assert_true(quota_usage(q, NAME(5, STR_NULL), 525 * SEC, &use));
	assert_true(use.limit[QUOTA_FETCH] >= 7e6);
	assert_true(quota_usage(q, NAME(5, s("anna")), 600 * SEC, &use));
	assert_true(use.rate[QUOTA_FETCH] < 1);
	assert_false(quota_usage(q, NAME(5, s("bert")), 525 * SEC, &use));
	quota_close(&l);
	quota_image_unref(&image);
	quota_destroy(&q);
}

static void
an_image_keeps_its_entities_apart(void **state)
{
	(void)state;
	struct quota_image *image = NULL, *old;
	struct quota_entity e;
	struct quota_values v;
	struct str pos = STR("");
	int n = 0;
	limit(&image, 5, "ab", "c", QUOTA_PRODUCE, 1);
	limit(&image, 5, "a", "bc", QUOTA_PRODUCE, 2);
	limit(&image, 5, "abc", NULL, QUOTA_PRODUCE, 3);
	limit(&image, 5, NULL, "abc", QUOTA_PRODUCE, 4);
	limit(&image, 5, "", "abc", QUOTA_PRODUCE, 5);
	limit(&image, 5, "abc", "", QUOTA_PRODUCE, 6);
	limit(&image, 6, "abc", "", QUOTA_PRODUCE, 7);
	limit(&image, 5, NULL, NULL, QUOTA_PRODUCE, 8);
	old = quota_image_ref(image);
	limit(&image, 5, NULL, NULL, QUOTA_PRODUCE, 0);
	double sum = 0;
	while (quota_image_next(old, &pos, &e, &v)) {
		n++;
		sum += v.v[QUOTA_PRODUCE];
		assert_int_equal(e.tenant, v.v[QUOTA_PRODUCE] > 6.5 && v.v[QUOTA_PRODUCE] < 7.5 ? 6 : 5);
	}
	assert_int_equal(n, 8);
	assert_true(sum > 35.5 && sum < 36.5);
	e = (struct quota_entity){ .tenant = 5 };
	assert_false(quota_image_get(image, &e, &v));
	assert_true(quota_image_get(old, &e, &v));
	quota_image_unref(&old);
	quota_image_unref(&image);
	assert_null(image);
}

static void
entities_and_values_are_checked(void **state)
{
	(void)state;
	struct why why;
	struct quota_entity user = { .has_user = true, .user = s("a") };
	struct quota_entity empty = { .has_user = true, .user = s("") };
	struct quota_entity ip = { .has_ip = true, .ip = s("10.0.0.1") };
	char longest[QUOTA_CLIENT_MAX + 1];
	memset(longest, 'x', sizeof(longest));
	struct quota_entity client = { .has_client = true, .client = { longest, sizeof(longest) } };
	struct quota_entity bad_ip = { .has_ip = true, .ip = s("host") };
	struct quota_entity both = { .has_ip = true, .ip = s("10.0.0.1"), .has_user = true,
		.user = s("a") };
	assert_ok(quota_entity_check(&user, QUOTA_PRODUCE, 1, &why));
	assert_ok(quota_entity_check(&ip, QUOTA_CONNECT, 1, &why));
	assert_int_equal(quota_entity_check(&empty, QUOTA_PRODUCE, 1, &why), ERR_INVAL);
	assert_int_equal(quota_entity_check(&client, QUOTA_PRODUCE, 1, &why), ERR_INVAL);
	client.client.n--;
	assert_ok(quota_entity_check(&client, QUOTA_PRODUCE, 1, &why));
	assert_int_equal(quota_entity_check(&bad_ip, QUOTA_CONNECT, 1, &why), ERR_INVAL);
	assert_int_equal(quota_entity_check(&both, QUOTA_CONNECT, 1, &why), ERR_INVAL);
	assert_int_equal(quota_entity_check(&ip, QUOTA_PRODUCE, 1, &why), ERR_INVAL);
	assert_int_equal(quota_entity_check(&user, QUOTA_CONNECT, 1, &why), ERR_INVAL);
	assert_int_equal(quota_entity_check(&user, QUOTA_PRODUCE, 0, &why), ERR_INVAL);
	assert_int_equal(quota_entity_check(&user, QUOTA_PRODUCE, NAN, &why), ERR_INVAL);
	enum quota_key key;
	for (int i = 0; i < QUOTA_KEYS; i++) {
		assert_ok(quota_key_parse(s(quota_key_name((enum quota_key)i)), &key));
		assert_int_equal(key, i);
	}
	assert_int_equal(quota_key_parse(s("nix"), &key), ERR_NOTFOUND);
}

TEST_MAIN(T(rates_hold_with_1_10_and_100_connections),
    T(who_waits_has_his_turn), T(places_are_given_up), T(who_waits_for_his_own_limit_is_in_nobodys_way),
    T(two_limits_hold_together),
    T(addresses_connect_at_their_rate), T(request_percentage_is_of_one_core),
    T(a_user_who_invents_client_ids_gains_nothing), T(every_level_admits),
    T(a_tenant_does_not_pay_for_another), T(precedence_is_kafkas),
    T(a_request_larger_than_a_burst_goes_through_in_debt), T(one_window_bounds_a_delay),
    T(limits_change_at_run_time), T(a_reconnect_does_not_pay_the_debt), T(no_charge_is_lost_between_threads),
    T(usage_is_shown),
    T(an_image_keeps_its_entities_apart), T(entities_and_values_are_checked))
