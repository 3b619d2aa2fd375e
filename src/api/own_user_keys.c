/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UserKeys: SCRAM keys as they are stored, so that a site can be made again with the passwords that its
 * users have. Whoever reads them can try passwords at leisure, and with a ServerKey pretend to be the broker: so
 * they are for who may set them (operators' for operators), who has proved who he is by
 * more than a token, over TLS; and they are told of before they are given.
 */
#include "acl/change.h"
#include "acl/image.h"
#include "api/auditing.h"
#include "api/authorize.h"
#include "api/own.h"
#include "api/session.h"
#include "base/clock.h"
#include "base/mem.h"
#include "meta/image.h"

#define USERS_A_PAGE OWN_USERS_MAX

static struct bytes
copy(struct request *rq, const uint8_t *p, size_t n)
{
	struct str s = arena_str(rq->arena, (struct str){ (const char *)p, n });
	return (struct bytes){ (const uint8_t *)s.p, s.n };
}

static void
add_user(struct request *rq, uint32_t tenant, struct str name, struct user_keys_rsp *out)
{
	struct user_keys_rsp_user *row = NULL;
	struct cred c;
	image_cred(rq->image, NAME(tenant, name), clock_wall_ms(), &c);
	for (int h = 0; h < SCRAM_HASHES; h++) {
		const struct scram_key *k = &c.scram[h];
		size_t n = scram_hash_len((enum scram_hash)h);
		if (!c.exists || k->iterations == 0)
			continue;
		if (row == NULL)
			row = WIRE_ADD(rq->arena, out->users, user_keys_rsp_user);
		struct user_keys_rsp_key *to = WIRE_ADD(rq->arena, row->keys, user_keys_rsp_key);
		row->name = name;
		to->mechanism = str_from(mech_name(scram_hash_mech((enum scram_hash)h)));
		to->iterations = (int32_t)k->iterations;
		to->salt = copy(rq, k->salt, k->salt_len);
		to->stored_key = copy(rq, k->stored, n);
		to->server_key = copy(rq, k->server, n);
	}
	mem_cleanse(&c, sizeof(c));
}

static bool
wanted(const struct user_keys_req *in, struct str name)
{
	for (int32_t i = 0; i < in->users.n; i++)
		if (str_eq(in->users.v[i], name))
			return true;
	return in->users.n < 0;
}

static enum kerr
may_read(struct request *rq, uint32_t tenant, struct str *ret_message)
{
	struct acl_who w;
	struct acl_answer a;
	caller(rq, &w);
	if (!acl_may_admin(image_acl(rq->image), &w, tenant, &a))
		return own_denied(rq, &w, &a);
	if (own_may_have_keys(rq->session))
		return KERR_NONE;
	*ret_message = STR("keys are read over TLS, by who has logged in as a user by his own credential");
	return KERR_CLUSTER_AUTHORIZATION_FAILED;
}

/* The users of a page whose keys may be read. Returns where it ended; *ret_n, where it is not NULL, is how many. */
static struct str
page(struct request *rq, uint32_t tenant, int *ret_n)
{
	const struct user_keys_req *in = rq->in;
	const struct acl_tenant *t = acl_image_tenant(image_acl(rq->image), tenant);
	const struct acl_user *u;
	struct acl_who w;
	struct str at = in->after.p == NULL ? STR("") : in->after;
	caller(rq, &w);
	for (int i = 0; i < USERS_A_PAGE && (u = acl_tenant_next_user(t, at)) != NULL; i++) {
		at = u->name;
		if (!wanted(in, at) || !acl_admin_may_user(image_acl(rq->image), &w, NAME(tenant, at)))
			continue;
		if (ret_n != NULL)
			++*ret_n;
		else
			add_user(rq, tenant, at, rq->out);
	}
	return acl_tenant_next_user(t, at) != NULL ? at : STR_NULL;
}

enum api_turn
api_user_keys(struct request *rq, const void *vin, void *vout)
{
	const struct user_keys_req *in = vin;
	struct user_keys_rsp *out = vout;
	uint32_t tenant;
	int users = 0;
	enum kerr err = own_tenant(rq, in->tenant, &tenant);
	if (err == KERR_NONE)
		err = may_read(rq, tenant, &out->error_message);
	if (err == KERR_NONE && in->users.n > OWN_USERS_MAX) {
		err = KERR_INVALID_REQUEST;
		out->error_message = STR("more users are named than one request may ask for: ask for all of them, or for 500");
	}
	if (err == KERR_NONE) {
		(void)page(rq, tenant, &users);
		if (!auditing_keys(rq, tenant, users)) {
			err = KERR_KAFKA_STORAGE_ERROR;
			out->error_message = STR("it cannot be told of in the audit log, so they are not given (audit.failure: refuse)");
		}
	}
	out->error_code = (int16_t)err;
	if (err == KERR_NONE)
		out->next = page(rq, tenant, NULL);
	return API_ANSWER;
}
