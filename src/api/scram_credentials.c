/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DescribeUserScramCredentials and AlterUserScramCredentials (KIP-554). The
 * client sends the salted password; what is kept of it lets nobody log in. A user
 * named twice in a request, even by two mechanisms, is refused. Keys are
 * cleansed when the change is done.
 */
#include "acl/change.h"
#include "api/authorize.h"
#include "api/changes.h"
#include "api/request.h"
#include "base/mem.h"
#include "meta/image.h"
#include "meta/users.h"
#include "security/scram_keys.h"

/* Kafka's numbers: 1 is SHA-256, 2 is SHA-512. */
static bool
hash_of(int8_t mechanism, enum scram_hash *ret)
{
	if (mechanism < 1 || mechanism > SCRAM_HASHES)
		return false;
	*ret = (enum scram_hash)(mechanism - 1);
	return true;
}

/* ---- describe ---- */

static bool
describe(struct request *rq, struct name user, struct describe_user_scram_credentials_rsp_result *a)
{
	struct cred c;
	image_cred(rq->image, user, 0, &c);
	for (int h = 0; c.exists && h < SCRAM_HASHES; h++) {
		if (c.scram[h].iterations == 0)
			continue;
		struct describe_user_scram_credentials_rsp_credential *k =
		    WIRE_ADD(rq->arena, a->credential_infos, describe_user_scram_credentials_rsp_credential);
		k->mechanism = (int8_t)(h + 1);
		k->iterations = (int32_t)c.scram[h].iterations;
	}
	mem_cleanse(&c, sizeof(c));
	return a->credential_infos.n > 0;
}

static void
describe_all(struct request *rq, struct describe_user_scram_credentials_rsp *out)
{
	uint32_t tenant = request_tenant(rq);
	const struct acl_tenant *t = acl_image_tenant(image_acl(rq->image), tenant);
	struct str name = STR("");
	for (const struct acl_user *u; t != NULL && (u = acl_tenant_next_user(t, name)) != NULL; name = u->name) {
		struct describe_user_scram_credentials_rsp_result *a =
		    WIRE_ADD(rq->arena, out->results, describe_user_scram_credentials_rsp_result);
		a->user = NAME(tenant, u->name);
		if (!describe(rq, a->user, a))
			out->results.n--;
	}
}

enum api_turn
api_describe_user_scram_credentials(struct request *rq, const void *vin, void *vout)
{
	const struct describe_user_scram_credentials_req *in = vin;
	struct describe_user_scram_credentials_rsp *out = vout;
	size_t n = in->users.n > 0 ? (size_t)in->users.n : 0;
	out->error_code = (int16_t)may_cluster(rq);
	if (out->error_code != KERR_NONE)
		return API_ANSWER;
	if (n == 0) {
		describe_all(rq, out);
		return API_ANSWER;
	}
	struct name *names = arena_zalloc(rq->arena, n * sizeof(*names));
	for (size_t i = 0; i < n; i++)
		names[i] = in->users.v[i].name;
	const uint8_t *repeated = names_repeated(rq->arena, names, (int32_t)n);
	for (size_t i = 0; i < n; i++) {
		if (repeated[i] == 2)
			continue;
		struct describe_user_scram_credentials_rsp_result *a =
		    WIRE_ADD(rq->arena, out->results, describe_user_scram_credentials_rsp_result);
		a->user = names[i];
		if (repeated[i] == 1)
			a->error_code = KERR_DUPLICATE_RESOURCE;
		else if (!describe(rq, names[i], a))
			a->error_code = KERR_RESOURCE_NOT_FOUND;
	}
	return API_ANSWER;
}

/* ---- alter ---- */

struct altering {
	struct users_change change;
	bool by_operator;
	int32_t *answers;
	const uint8_t *repeated;
	int32_t i;			/* place in the request, deletions first */
};

static enum api_turn
altered(struct request *rq)
{
	struct altering *s = rq->state;
	struct alter_user_scram_credentials_rsp *out = rq->out;
	for (int32_t i = 0; i < s->change.n; i++) {
		struct user_change *u = &s->change.users[i];
		struct alter_user_scram_credentials_rsp_result *a = &out->results.v[s->answers[i]];
		enum change_result r = s->change.change.result != CHANGE_OK ? s->change.change.result : u->result;
		a->error_code = (int16_t)change_code(r);
		a->error_message = change_text(rq, r, &u->why);
		mem_cleanse(u->keys, sizeof(u->keys));
	}
	return API_ANSWER;
}

static enum kerr
check(struct request *rq, struct name user, int8_t mechanism, bool twice, enum scram_hash *ret_hash)
{
	struct acl_who w;
	struct acl_answer a;
	caller(rq, &w);
	if (!acl_may_user(image_acl(rq->image), &w, user, false, &a)) {
		note_denial(rq, &w, &a);
		return KERR_CLUSTER_AUTHORIZATION_FAILED;
	}
	if (twice)
		return KERR_DUPLICATE_RESOURCE;
	if (user.s.n == 0)
		return KERR_UNACCEPTABLE_CREDENTIAL;
	return hash_of(mechanism, ret_hash) ? KERR_NONE : KERR_UNSUPPORTED_SASL_MECHANISM;
}

/* The change of the next user of the request; NULL where it was answered. */
static struct user_change *
next(struct request *rq, struct name user, int8_t mechanism, enum scram_hash *ret_hash,
    struct alter_user_scram_credentials_rsp_result **ret_answer)
{
	struct altering *s = rq->state;
	struct alter_user_scram_credentials_rsp *out = rq->out;
	uint8_t repeated = s->repeated[s->i++];
	if (repeated == 2)
		return NULL;
	struct alter_user_scram_credentials_rsp_result *a =
	    WIRE_ADD(rq->arena, out->results, alter_user_scram_credentials_rsp_result);
	a->user = user;
	a->error_code = (int16_t)check(rq, user, mechanism, repeated != 0, ret_hash);
	if (a->error_code != KERR_NONE)
		return NULL;
	struct user_change *u = &s->change.users[s->change.n];
	*u = (struct user_change){ .user = user, .team = STR(""), .make = true,
		.by_operator = s->by_operator };
	u->has_key[*ret_hash] = true;
	s->answers[s->change.n++] = out->results.n - 1;
	*ret_answer = a;
	return u;
}

static void
upsert(struct request *rq, const struct alter_user_scram_credentials_req_upsertion *in)
{
	struct altering *s = rq->state;
	enum scram_hash hash;
	struct alter_user_scram_credentials_rsp_result *a;
	struct user_change *u = next(rq, in->name, in->mechanism, &hash, &a);
	if (u == NULL)
		return;
	u->kind = USER_SET_KEYS;
	uint32_t iterations = in->iterations > 0 ? (uint32_t)in->iterations : 0;
	if (scram_key_from_salted(hash, (struct str){ (const char *)in->salt.p, in->salt.n },
	    (struct str){ (const char *)in->salted_password.p, in->salted_password.n }, iterations,
	    &u->keys[hash]) == 0)
		return;
	a->error_code = KERR_UNACCEPTABLE_CREDENTIAL;
	a->error_message = STR("iterations, salt or password are out of bounds");
	s->change.n--;
}

static void
delete(struct request *rq, const struct alter_user_scram_credentials_req_deletion *in)
{
	enum scram_hash hash;
	struct alter_user_scram_credentials_rsp_result *a;
	struct user_change *u = next(rq, in->name, in->mechanism, &hash, &a);
	if (u != NULL)
		u->kind = USER_DELETE_KEY;
}

enum api_turn
api_alter_user_scram_credentials(struct request *rq, const void *vin, void *vout)
{
	const struct alter_user_scram_credentials_req *in = vin;
	struct altering *s = rq->state = arena_zalloc(rq->arena, sizeof(*s));
	size_t n = 0, most = (in->deletions.n > 0 ? (size_t)in->deletions.n : 0) +
	    (in->upsertions.n > 0 ? (size_t)in->upsertions.n : 0);
	struct name *names = arena_zalloc(rq->arena, (most + 1) * sizeof(*names));
	(void)vout;
	ARRAY_FOREACH(const struct alter_user_scram_credentials_req_deletion, d, in->deletions)
		names[n++] = d->name;
	ARRAY_FOREACH(const struct alter_user_scram_credentials_req_upsertion, u, in->upsertions)
		names[n++] = u->name;
	s->by_operator = !caller_limited(rq);
	s->repeated = names_repeated(rq->arena, names, (int32_t)n);
	s->answers = arena_zalloc(rq->arena, (most + 1) * sizeof(*s->answers));
	s->change.users = arena_zalloc(rq->arena, (most + 1) * sizeof(*s->change.users));
	ARRAY_FOREACH(const struct alter_user_scram_credentials_req_deletion, d, in->deletions)
		delete(rq, d);
	ARRAY_FOREACH(const struct alter_user_scram_credentials_req_upsertion, u, in->upsertions)
		upsert(rq, u);
	if (s->change.n == 0)
		return API_ANSWER;
	users_change_init(&s->change);
	return change_submit(rq, &s->change.change, altered);
}
