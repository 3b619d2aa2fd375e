/* SPDX-License-Identifier: Apache-2.0 */
/* Delegation tokens: who may, when they end, and with what. */
#include "token_changes.h"

#include "meta/load.h"
#include "meta/users.h"

#define ONE	"EAAAAAAAAAAAAAAAAAAAAA"
#define TWO	"BAAAAAAAAAAAAAAAAAAAAA"
#define THREE	"CAAAAAAAAAAAAAAAAAAAAA"
#define FOUR	"DAAAAAAAAAAAAAAAAAAAAA"

static const struct name anna = { 0, { "anna", 4 } }, bert = { 0, { "bert", 4 } }, admin = { 0, { "admin", 5 } };

static enum change_result
user_is(struct room *r, struct name user, enum user_change_kind kind)
{
	struct user_change u = { .kind = kind, .user = user, .by_operator = true, .purge = true, .team = STR(""),
		.has_key = { kind != USER_CREATE, false }, .mechanisms = MECH_BIT(MECH_TLS), .expires_ms = 1500,
		.keys = { { .iterations = 4096, .salt_len = 8 } } };
	struct users_change c = { .users = &u, .n = 1 };
	users_change_init(&c);
	enum change_result result = submit(r, &c.change);
	return result != CHANGE_OK ? result : u.result;
}

static const struct image_token *
token(struct room *r, const char *id)
{
	return image_token(atomic_load(&r->image), NAME(0, str_from(id)));
}

static bool
stored(struct room *r, const char *path)
{
	bool there;
	(void)engine_find(r->engine, str_from(path), &there);
	return there;
}

static void
make(struct room *r)
{
	room_make(r);
	assert_int_equal(user_is(r, anna, USER_CREATE), CHANGE_OK);
	assert_int_equal(user_is(r, bert, USER_CREATE), CHANGE_OK);
	assert_int_equal(secret_is(r, 0, 7), CHANGE_OK);
}

static void
a_token_is_found_by_its_hmac(void **state)
{
	struct room r;
	uint8_t hmac[TOKEN_HMAC_LEN], again[TOKEN_HMAC_LEN], secret[TOKEN_SECRET_LEN];
	(void)state;
	make(&r);
	struct principal p = asker(&r, anna);
	assert_int_equal(make_token(&r, &p, "anna", ONE, "bert"), CHANGE_OK);
	const struct image *im = atomic_load(&r.image);
	const struct image_token *t = token(&r, ONE);
	memset(secret, 7, sizeof(secret));
	assert_true(token_hmac(secret, STR(ONE), hmac) && image_token_hmac(im, t, again));
	assert_memory_equal(hmac, again, sizeof(hmac));
	assert_ptr_equal(image_token_by_hmac(im, 0, hmac, sizeof(hmac)), t);
	assert_null(image_token_by_hmac(im, 1, hmac, sizeof(hmac)));
	assert_null(image_token_by_hmac(im, 0, hmac, sizeof(hmac) - 1));
	assert_null(image_token_by_hmac(im, 0, "", 0));
	hmac[63] ^= 1;
	assert_null(image_token_by_hmac(im, 0, hmac, sizeof(hmac)));
	assert_str(t->owner, "anna");
	assert_int_equal(t->renewers_n, 1);
	assert_int_equal(t->requester.n, 0);
	room_free(&r);
}

/* The first secret is the one, whoever comes with another. */
static void
a_secret_is_made_once(void **state)
{
	struct room r;
	(void)state;
	make(&r);
	assert_int_equal(secret_is(&r, 0, 8), CHANGE_OK);
	assert_int_equal(image_token_secret(atomic_load(&r.image), 0)[0], 7);
	assert_int_equal(secret_is(&r, 5, 8), CHANGE_RESOURCE_NOT_FOUND);
	room_free(&r);
}

static void
a_login_by_a_token(void **state)
{
	struct room r;
	struct cred_token c;
	(void)state;
	make(&r);
	struct principal p = asker(&r, anna);
	assert_int_equal(make_token(&r, &p, "anna", ONE, NULL), CHANGE_OK);
	image_cred_token(atomic_load(&r.image), NAME(0, STR(ONE)), 1999, &c);
	assert_true(c.cred.exists && !c.cred.expired && !c.cred.locked && !uuid_is_zero(&c.id));
	assert_int_equal(c.cred.mechanisms, MECH_BIT(MECH_SCRAM_SHA_256) | MECH_BIT(MECH_SCRAM_SHA_512));
	assert_int_equal(c.cred.generation, p.user_generation);
	assert_int_equal(c.cred.scram[SCRAM_SHA_512].stored[0], 2);
	assert_int_equal(c.cred.expires_ms, 2000);
	assert_false(image_token_over(atomic_load(&r.image), 0, &c.id, 1999));
	assert_true(image_token_over(atomic_load(&r.image), 0, &c.id, 2000));
	assert_true(image_token_over(atomic_load(&r.image), 1, &c.id, 1999));
	image_cred_token(atomic_load(&r.image), NAME(0, STR(ONE)), 2000, &c);
	assert_true(c.cred.expired);
	assert_int_equal(user_is(&r, anna, USER_EXPIRE), CHANGE_OK);
	image_cred_token(atomic_load(&r.image), NAME(0, STR(ONE)), 1500, &c);
	assert_true(c.cred.expired);
	assert_int_equal(c.cred.expires_ms, 1500);
	image_cred_token(atomic_load(&r.image), NAME(0, STR(TWO)), 0, &c);
	assert_false(c.cred.exists);
	image_cred_token(atomic_load(&r.image), NAME(1, STR(ONE)), 0, &c);
	assert_false(c.cred.exists);
	room_free(&r);
}

/* Who may prove himself by nothing may not by what stands for his proof. */
static void
no_mechanism_lets_nobody_in(void **state)
{
	struct room r;
	struct cred_token c;
	(void)state;
	make(&r);
	struct principal p = asker(&r, anna);
	assert_int_equal(make_token(&r, &p, "anna", ONE, NULL), CHANGE_OK);
	struct user_change u = { .kind = USER_SET_MECHANISMS, .user = anna, .by_operator = true, .team = STR("") };
	struct users_change none = { .users = &u, .n = 1 };
	users_change_init(&none);
	assert_int_equal(submit(&r, &none.change), CHANGE_OK);
	assert_int_equal(u.result, CHANGE_OK);
	image_cred_token(atomic_load(&r.image), NAME(0, STR(ONE)), 1999, &c);
	assert_true(c.cred.exists);
	assert_int_equal(c.cred.mechanisms, 0);
	u = (struct user_change){ .kind = USER_SET_MECHANISMS, .user = anna, .by_operator = true, .team = STR(""),
		.mechanisms = MECH_BIT(MECH_TLS) };
	users_change_init(&none);
	assert_int_equal(submit(&r, &none.change), CHANGE_OK);
	image_cred_token(atomic_load(&r.image), NAME(0, STR(ONE)), 1999, &c);
	assert_int_equal(c.cred.mechanisms, MECH_BIT(MECH_SCRAM_SHA_256) | MECH_BIT(MECH_SCRAM_SHA_512));
	room_free(&r);
}

static void
what_ends_with_whom(void **state)
{
	struct room r;
	(void)state;
	make(&r);
	struct principal p = asker(&r, anna), other = asker(&r, bert);
	assert_int_equal(make_token(&r, &other, "bert", TWO, "anna"), CHANGE_OK);
	assert_int_equal(make_token(&r, &p, "anna", ONE, NULL), CHANGE_OK);
	assert_int_equal(user_is(&r, anna, USER_LOCK), CHANGE_OK);
	assert_non_null(token(&r, ONE)); /* it sleeps */
	assert_int_equal(user_is(&r, anna, USER_UNLOCK), CHANGE_OK);
	assert_int_equal(user_is(&r, anna, USER_SET_KEYS), CHANGE_OK);
	assert_null(token(&r, ONE));
	p = asker(&r, anna);
	assert_int_equal(make_token(&r, &p, "anna", ONE, NULL), CHANGE_OK);
	assert_int_equal(user_is(&r, anna, USER_DELETE_KEY), CHANGE_OK);
	assert_null(token(&r, ONE));
	p = asker(&r, anna);
	assert_int_equal(make_token(&r, &p, "anna", ONE, NULL), CHANGE_OK);
	assert_int_equal(token(&r, TWO)->renewers_n, 1);
	assert_int_equal(user_is(&r, anna, USER_DELETE), CHANGE_OK);
	assert_null(token(&r, ONE));
	assert_false(stored(&r, "/tenants/0/tokens/" ONE));
	assert_int_equal(token(&r, TWO)->renewers_n, 0);
	room_free(&r);
}

/* The one who was let through the gate is asked about again: his keys may be new since. */
static void
who_asked_may_be_gone_by_then(void **state)
{
	struct room r;
	(void)state;
	make(&r);
	struct principal old = asker(&r, anna), other = asker(&r, bert), chief = asker(&r, admin);
	assert_int_equal(make_token(&r, &old, "anna", ONE, NULL), CHANGE_OK);
	assert_int_equal(user_is(&r, anna, USER_SET_KEYS), CHANGE_OK);
	assert_int_equal(make_token(&r, &old, "anna", TWO, NULL), CHANGE_SECURITY);
	assert_int_equal(make_token(&r, &other, "anna", TWO, NULL), CHANGE_SECURITY);
	assert_int_equal(make_token(&r, &chief, "nobody", TWO, NULL), CHANGE_RESOURCE_NOT_FOUND);
	assert_int_equal(make_token(&r, &chief, "anna", TWO, NULL), CHANGE_OK);
	assert_str(token(&r, TWO)->requester, "admin");
	assert_int_equal(end_token(&r, &old, TWO, 1000, 1500), CHANGE_SECURITY);
	assert_int_equal(end_token(&r, &other, TWO, 1000, 1500), CHANGE_SECURITY);
	assert_int_equal(end_token(&r, &chief, TWO, 1000, 9999), CHANGE_OK);
	assert_int_equal(token(&r, TWO)->expires_ms, 3000); /* never beyond its longest life */
	assert_int_equal(end_token(&r, &chief, TWO, 3000, 9999), CHANGE_RESOURCE_NOT_FOUND);
	assert_int_equal(end_token(&r, &chief, TWO, 1000, -1), CHANGE_OK);
	assert_null(token(&r, TWO));
	room_free(&r);
}

static void
as_many_as_hold(void **state)
{
	struct room r;
	(void)state;
	make(&r);
	struct principal p = asker(&r, anna), other = asker(&r, bert);
	assert_int_equal(make_token(&r, &p, "anna", ONE, NULL), CHANGE_OK);
	assert_int_equal(make_token(&r, &p, "anna", TWO, NULL), CHANGE_OK);
	assert_int_equal(make_token(&r, &p, "anna", THREE, NULL), CHANGE_OK);
	assert_int_equal(make_token(&r, &p, "anna", FOUR, NULL), CHANGE_POLICY);
	struct token_create later = token_of(&r, &p, "anna", FOUR);
	later.now_ms = 2000;
	later.expires_ms = later.max_ms = 5000;
	assert_int_equal(submit(&r, &later.change), CHANGE_OK);
	assert_null(token(&r, ONE));
	assert_int_equal(make_token(&r, &other, "bert", ONE, NULL), CHANGE_OK); /* each has his own */
	struct tokens_sweep sweep = { .now_ms = 2000 };
	tokens_sweep_init(&sweep);
	assert_int_equal(submit(&r, &sweep.change), CHANGE_OK);
	assert_int_equal(sweep.ret_gone, 1);
	assert_null(token(&r, ONE));
	assert_non_null(token(&r, FOUR));
	room_free(&r);
}

/* A token that cannot be read stops the start; as does one whose secret is lost. */
static void
what_cannot_be_read(void **state)
{
	static const char *const nodes[][2] = {
		{ "/tenants/0/tokens/" ONE, "v1\nowner=anna\nissued=1\nexpires=2\nmax=3\n" },
		{ "/tenants/0/secrets/tokens", "v1\nbytes=00\n" },
		{ "/tenants/0/secrets/other", "v1\n" },
	};
	static const char *const values[] = { "v1\nissued=1\nexpires=2\nmax=3\n", "v1\nowner=anna\nexpires=2\nmax=3\n",
		"v1\nowner=anna\nissued=1\nexpires=x\nmax=3\n", "v1\nowner=anna\nissued=1\nexpires=2\nmax=3\nscram-sha-256=1\n" };
	struct room r;
	struct why why = { "" };
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct image *im = image_create(NULL);
		assert_ok(image_apply(&im, STR("/tenants/0"), STR("v1\nname=main\ncluster.id=x\n"), &why));
		assert_int_equal(image_apply(&im, str_from(nodes[i][0]), str_from(nodes[i][1]), &why), ERR_CORRUPT);
		image_unref(&im);
	}
	make(&r);
	struct image *im = image_ref(atomic_load(&r.image));
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_int_equal(image_apply(&im, STR("/tenants/0/tokens/" ONE), str_from(values[i]), &why), ERR_CORRUPT);
	assert_int_equal(image_apply(&im, STR("/tenants/0/tokens/short"), str_from(nodes[0][1]), &why), ERR_CORRUPT);
	assert_int_equal(image_apply(&im, STR("/tenants/9/tokens/" ONE), str_from(nodes[0][1]), &why), ERR_NOTFOUND);
	assert_ok(image_apply(&im, str_from(nodes[0][0]), str_from(nodes[0][1]), &why));
	image_unref(&im);
	room_free(&r);
}

TEST_MAIN(T(a_token_is_found_by_its_hmac), T(a_secret_is_made_once), T(a_login_by_a_token), T(no_mechanism_lets_nobody_in), T(what_ends_with_whom),
    T(who_asked_may_be_gone_by_then), T(as_many_as_hold), T(what_cannot_be_read))
