/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CreateDelegationToken and DescribeDelegationToken (KIP-48). A token is made in up to three steps, each of which
 * parks the request: the tenant's secret, with its first token; keys for the login, on the threads
 * and in the queue of those who log in, since that is as much work; the node. Whether there may be one is asked before
 * the first and again by the last.
 */
#include "api/tokens.h"

#include <stdlib.h>

#include "acl/change.h"
#include "api/authorize.h"
#include "api/changes.h"
#include "api/session.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "security/checks.h"

enum kerr
tokens_gate(struct request *rq)
{
	const struct session *s = rq->session;
	const struct principal *p = &s->principal;
	bool proved = !p->anonymous && p->user_generation != 0 && uuid_is_zero(&p->token);
	return s->listener->tls && proved ? KERR_NONE : KERR_DELEGATION_TOKEN_REQUEST_NOT_ALLOWED;
}

struct principal
tokens_asker(struct request *rq)
{
	struct principal p = rq->session->principal;
	p.user.s = arena_str(rq->arena, p.user.s);
	return p;
}

struct str
token_login(struct request *rq, struct str id)
{
	uint32_t tenant = request_tenant(rq);
	const struct acl_tenant *t = acl_image_tenant(image_acl(rq->image), tenant);
	if (rq->session->listener->login.tenant_from != TENANT_FROM_LOGIN || tenant == 0 || t == NULL)
		return arena_str(rq->arena, id);
	struct str name = acl_tenant_name(t);
	return arena_printf(rq->arena, "%.*s@%.*s", STR_ARG(id), STR_ARG(name));
}

/* ---- create ---- */

struct creating {
	struct request *rq;
	struct token_secret_change secret;
	struct token_create create;
	struct check check;
	uint8_t hmac[TOKEN_HMAC_LEN];
	int err;			/* of the keys */
	uint64_t cpu_ns;
};

static enum api_turn
refuse(struct request *rq, enum kerr err)
{
	struct create_delegation_token_rsp *out = rq->out;
	out->error_code = (int16_t)err;
	out->issue_timestamp_ms = out->expiry_timestamp_ms = out->max_timestamp_ms = -1;
	return API_ANSWER;
}

static enum kerr
create_code(enum change_result r)
{
	return r == CHANGE_SECURITY ? KERR_DELEGATION_TOKEN_AUTHORIZATION_FAILED : (enum kerr)change_code(r);
}

static enum api_turn
created(struct request *rq)
{
	struct creating *s = rq->state;
	const struct token_create *c = &s->create;
	struct create_delegation_token_rsp *out = rq->out;
	if (c->change.result != CHANGE_OK)
		return refuse(rq, create_code(c->change.result));
	out->issue_timestamp_ms = c->now_ms;
	out->expiry_timestamp_ms = c->expires_ms;
	out->max_timestamp_ms = c->max_ms;
	out->token_id = token_login(rq, c->id.s);
	out->hmac = (struct bytes){ s->hmac, sizeof(s->hmac) };
	return API_ANSWER;
}

static enum api_turn
have_keys(struct request *rq)
{
	struct creating *s = rq->state;
	rq->cpu_ns += s->cpu_ns;
	if (s->err != 0)
		return refuse(rq, KERR_UNKNOWN_SERVER_ERROR);
	token_create_init(&s->create);
	return change_submit(rq, &s->create.change, created);
}

/* On a worker, to which the request belongs until it is woken. */
static void
make_keys(struct check *check)
{
	struct creating *s = CONTAINER_OF(check, struct creating, check);
	uint64_t before = clock_thread_cpu_ns();
	s->err = token_keys(s->hmac, s->create.keys);
	s->cpu_ns = clock_thread_cpu_ns() - before;
	request_wake(s->rq);
}

static enum api_turn
have_secret(struct request *rq)
{
	struct creating *s = rq->state;
	const uint8_t *secret = image_token_secret(rq->image, request_tenant(rq));
	struct uuid id = uuid_make();
	char text[UUID_TEXT];
	if (s->secret.change.result != CHANGE_OK)
		return refuse(rq, create_code(s->secret.change.result));
	s->create.id.s = arena_str(rq->arena, str_from(uuid_format(&id, text)));
	if (secret == NULL || !token_hmac(secret, s->create.id.s, s->hmac))
		return refuse(rq, KERR_UNKNOWN_SERVER_ERROR);
	s->check.run = make_keys;
	if (checks_submit(rq->core->sasl.checks, &s->check, &rq->session->principal.host) != 0)
		return refuse(rq, KERR_THROTTLING_QUOTA_EXCEEDED);
	return request_park(rq, have_keys, NULL, UINT64_MAX, false);
}

static enum kerr
take_renewers(struct request *rq, const struct create_delegation_token_req *in, struct token_create *c)
{
	if (in->renewers.n > TOKEN_RENEWERS_MAX)
		return KERR_INVALID_REQUEST;
	ARRAY_FOREACH(const struct create_delegation_token_req_renewer, r, in->renewers) {
		if (!str_is(r->principal_type, TOKEN_PRINCIPAL_TYPE))
			return KERR_INVALID_PRINCIPAL_TYPE;
		if (user_name_check(r->principal_name.s, NULL) != 0)
			return KERR_INVALID_REQUEST;
		*ARRAY_ADD(rq->arena, c->renewers) = r->principal_name.s;
	}
	return KERR_NONE;
}

static enum kerr
may_make_for(struct request *rq, struct name owner)
{
	struct acl_who w;
	struct acl_answer a;
	caller(rq, &w);
	if (!w.gone && name_eq(w.user, owner))
		return KERR_NONE;
	if (!w.gone && acl_may_user(image_acl(rq->image), &w, owner, false, &a))
		return KERR_NONE;
	if (!w.gone)
		note_denial(rq, &w, &a);
	return KERR_DELEGATION_TOKEN_AUTHORIZATION_FAILED;
}

/* Times are cut to what the options allow; a lifetime of the client's only makes it shorter. */
static void
set_times(struct request *rq, int64_t asked_ms, struct token_create *c)
{
	int64_t life = atomic_load(&rq->core->tokens.max_lifetime_ms);
	int64_t first = atomic_load(&rq->core->tokens.expiry_ms);
	if (asked_ms > 0 && asked_ms < life)
		life = asked_ms;
	c->now_ms = clock_wall_ms();
	c->max_ms = c->now_ms + life;
	c->expires_ms = c->now_ms + (first < life ? first : life);
}

static void
set_create(struct request *rq, int64_t asked_ms, struct name owner, struct token_create *c)
{
	c->by = tokens_asker(rq);
	c->id = NAME(request_tenant(rq), STR("")); /* there is one when there is a secret */
	c->owner = owner.s;
	c->most = atomic_load(&rq->core->tokens.per_user);
	set_times(rq, asked_ms, c);
}

enum api_turn
api_create_delegation_token(struct request *rq, const void *vin, void *vout)
{
	const struct create_delegation_token_req *in = vin;
	struct create_delegation_token_rsp *out = vout;
	const struct principal *self = &rq->session->principal;
	struct creating *s = rq->state = arena_zalloc(rq->arena, sizeof(*s));
	bool named = in->owner_principal_name.s.p != NULL && in->owner_principal_name.s.n > 0;
	bool here = self->user.tenant == request_tenant(rq); /* else an operator who has entered another */
	struct name owner = named ? in->owner_principal_name :
	    NAME(request_tenant(rq), here ? arena_str(rq->arena, self->user.s) : STR(""));
	out->principal_type = out->token_requester_principal_type = STR(TOKEN_PRINCIPAL_TYPE);
	out->principal_name = owner;
	out->token_requester_principal_name = here ? NAME(self->user.tenant, arena_str(rq->arena, self->user.s)) : owner;
	enum kerr err = tokens_gate(rq);
	if (err == KERR_NONE && named && !str_is(in->owner_principal_type, TOKEN_PRINCIPAL_TYPE))
		err = KERR_DELEGATION_TOKEN_AUTHORIZATION_FAILED; /* nobody's to give, as in Kafka */
	if (err == KERR_NONE)
		err = may_make_for(rq, owner);
	if (err == KERR_NONE)
		err = take_renewers(rq, in, &s->create);
	if (err == KERR_NONE && owner.s.n == 0)
		err = KERR_INVALID_REQUEST;
	if (err != KERR_NONE)
		return refuse(rq, err);
	s->rq = rq;
	set_create(rq, in->max_lifetime_ms, owner, &s->create);
	enum change_result r = token_create_ask(rq->image, &s->create); /* so that refusals cost no keys */
	if (r != CHANGE_OK)
		return refuse(rq, create_code(r));
	if (image_token_secret(rq->image, request_tenant(rq)) != NULL)
		return have_secret(rq);
	s->secret.tenant = request_tenant(rq);
	rand_bytes(s->secret.bytes, sizeof(s->secret.bytes));
	token_secret_init(&s->secret);
	return change_submit(rq, &s->secret.change, have_secret);
}

/* ---- describe ---- */

static int
by_str(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Whose tokens are asked for, in order. */
struct owners {
	bool all;
	struct str *v;
	size_t n;
};

static struct owners
owners_of(struct request *rq, const struct describe_delegation_token_req *in)
{
	struct owners o = { .all = in->owners.n < 0 };
	o.v = arena_zalloc(rq->arena, (size_t)(in->owners.n < 0 ? 1 : in->owners.n + 1) * sizeof(*o.v));
	ARRAY_FOREACH(const struct describe_delegation_token_req_owner, w, in->owners)
		if (str_is(w->principal_type, TOKEN_PRINCIPAL_TYPE))
			o.v[o.n++] = w->principal_name.s;
	qsort(o.v, o.n, sizeof(*o.v), by_str);
	return o;
}

static bool
is_one_of(const struct owners *o, struct str name)
{
	return o->n > 0 && bsearch(&name, o->v, o->n, sizeof(name), by_str) != NULL;
}

/* As Kafka filters: who made it and who renews it count as owners. */
static bool
asked_for(const struct owners *o, const struct image_token *t)
{
	bool found = o->all || is_one_of(o, t->owner) || (t->requester.n > 0 && is_one_of(o, t->requester));
	for (uint32_t i = 0; i < t->renewers_n && !found; i++)
		found = is_one_of(o, t->renewers[i]);
	return found;
}

static void
tell(struct request *rq, const struct image_token *t, struct describe_delegation_token_rsp *out)
{
	uint32_t tenant = t->id.tenant;
	uint8_t *hmac = arena_zalloc(rq->arena, TOKEN_HMAC_LEN);
	if (!image_token_hmac(rq->image, t, hmac))
		return;
	struct describe_delegation_token_rsp_token *a =
	    WIRE_ADD(rq->arena, out->tokens, describe_delegation_token_rsp_token);
	a->principal_type = a->token_requester_principal_type = STR(TOKEN_PRINCIPAL_TYPE);
	a->principal_name = NAME(tenant, t->owner);
	a->token_requester_principal_name = NAME(tenant, t->requester.n > 0 ? t->requester : t->owner);
	a->issue_timestamp = t->issued_ms;
	a->expiry_timestamp = t->expires_ms;
	a->max_timestamp = t->max_ms;
	a->token_id = token_login(rq, t->id.s);
	a->hmac = (struct bytes){ hmac, TOKEN_HMAC_LEN };
	for (uint32_t i = 0; i < t->renewers_n; i++) {
		struct describe_delegation_token_rsp_renewer *r =
		    WIRE_ADD(rq->arena, a->renewers, describe_delegation_token_rsp_renewer);
		r->principal_type = STR(TOKEN_PRINCIPAL_TYPE);
		r->principal_name = NAME(tenant, t->renewers[i]);
	}
}

enum api_turn
api_describe_delegation_token(struct request *rq, const void *vin, void *vout)
{
	struct describe_delegation_token_rsp *out = vout;
	const struct owners owners = owners_of(rq, vin);
	const struct image_token *t = NULL;
	int64_t now = clock_wall_ms();
	struct acl_who w;
	out->error_code = (int16_t)tokens_gate(rq);
	if (out->error_code != KERR_NONE)
		return API_ANSWER;
	caller(rq, &w);
	bool administers = acl_is_admin(image_acl(rq->image), &w, request_tenant(rq));
	while ((t = image_next_token(rq->image, request_tenant(rq), t)) != NULL)
		if (t->expires_ms > now && asked_for(&owners, t) && token_may_see(rq->image, &w, administers, t))
			tell(rq, t, out);
	return API_ANSWER;
}
