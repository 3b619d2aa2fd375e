/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schlossctl's own APIs: the parts they share, and the small ones: who somebody
 * is (Id), which tenants there are (TenantList), and looking at another tenant
 * through one's own connection (Enter).
 */
#include "api/own.h"

#include "acl/change.h"
#include "acl/text.h"
#include "api/auditing.h"
#include "api/authorize.h"
#include "api/session.h"
#include "base/buf.h"
#include "meta/image.h"

enum kerr
own_tenant(struct request *rq, struct str field, uint32_t *ret)
{
	const struct acl_image *acl = image_acl(rq->image);
	const struct acl_tenant *own = acl_image_tenant(acl, request_tenant(rq));
	struct acl_who w;
	if (field.p == NULL || (own != NULL && str_eq(field, acl_tenant_name(own)))) {
		*ret = request_tenant(rq);
		return KERR_NONE;
	}
	caller(rq, &w);
	if (!w.is_operator || w.gone)
		return KERR_CLUSTER_AUTHORIZATION_FAILED;
	const struct acl_tenant *t = acl_image_tenant_named(acl, field);
	if (t == NULL)
		return KERR_RESOURCE_NOT_FOUND;
	*ret = acl_tenant_number(t);
	return KERR_NONE;
}

struct str
own_path(struct request *rq, const struct acl_tenant *tenant, enum acl_type type, struct str name, bool star)
{
	struct buf b;
	struct str path = STR("?");
	buf_init(&b, ACL_TEXT_MAX);
	if (acl_path_format(&b, type, acl_tenant_name(tenant), name) == 0 && (!star || buf_add(&b, "*", 1) == 0))
		path = arena_str(rq->arena, buf_str(&b));
	buf_free(&b);
	return path;
}

enum kerr
own_denied(struct request *rq, const struct acl_who *w, const struct acl_answer *a)
{
	note_denial(rq, w, a);
	return KERR_CLUSTER_AUTHORIZATION_FAILED;
}

bool
own_may_have_keys(const struct session *s)
{
	const struct principal *p = &s->principal;
	return s->listener->tls && !p->anonymous && p->user_generation != 0 && uuid_is_zero(&p->token);
}

enum kerr
own_result(struct request *rq, enum change_result result, const struct why *why,
    struct str *ret_message)
{
	if (result == CHANGE_OK)
		return KERR_NONE;
	if (why->text[0] != '\0')
		*ret_message = arena_str(rq->arena, str_from(why->text));
	return (enum kerr)change_code(result);
}

static void
fill_id(struct request *rq, const struct acl_tenant *t, struct str name, struct id_rsp *out)
{
	const struct acl_user *u = acl_tenant_user(t, name);
	out->tenant_name = acl_tenant_name(t);
	out->user = name;
	if (u == NULL)
		return;
	out->operator = u->is_operator;
	if (u->team.n > 0)
		out->primary_team = u->team;
	for (uint32_t i = 0; i < u->n_teams; i++)
		*ARRAY_ADD(rq->arena, out->teams) = u->teams[i];
}

enum api_turn
api_id(struct request *rq, const void *vin, void *vout)
{
	const struct id_req *in = vin;
	struct id_rsp *out = vout;
	const struct acl_image *acl = image_acl(rq->image);
	const struct principal *p = &rq->session->principal;
	uint32_t tenant = p->user.tenant;
	struct acl_who w;
	struct acl_answer a;
	char host[ADDR_TEXT];
	if (in->user.p != NULL)
		out->error_code = (int16_t)own_tenant(rq, in->tenant, &tenant);
	if (out->error_code != 0)
		return API_ANSWER;
	const struct acl_tenant *t = acl_image_tenant(acl, tenant);
	if (t == NULL) {
		out->error_code = KERR_RESOURCE_NOT_FOUND;
		return API_ANSWER;
	}
	bool self = in->user.p == NULL || name_eq(NAME(tenant, in->user), p->user);
	caller(rq, &w);
	if (!self && !acl_may_admin(acl, &w, tenant, &a))
		out->error_code = (int16_t)own_denied(rq, &w, &a);
	else if (!self && acl_tenant_user(t, in->user) == NULL) {
		out->error_code = KERR_RESOURCE_NOT_FOUND;
		out->error_message = STR("there is no such user");
	}
	if (out->error_code != 0)
		return API_ANSWER;
	fill_id(rq, t, self ? p->user.s : in->user, out);
	if (self) {
		out->operator = w.is_operator; /* by a token he is none */
		out->mechanism = str_from(p->mechanism);
		out->host = arena_str(rq->arena, str_from(addr_format(&p->host, host)));
	}
	return API_ANSWER;
}

static int32_t
count_users(const struct acl_tenant *t)
{
	int32_t n = 0;
	const struct acl_user *u = acl_tenant_next_user(t, STR(""));
	for (; u != NULL; u = acl_tenant_next_user(t, u->name))
		n++;
	return n;
}

static int32_t
count_groups(const struct acl_tenant *t)
{
	int32_t n = 0;
	struct str name = STR("");
	while (acl_tenant_next_node(t, ACL_GROUP, name, &name) != NULL)
		n++;
	return n;
}

/* The broker's own lie in main, and only operators see them. */
static int32_t
count_topics(const struct image *image, const struct image_tenant *it, bool internal)
{
	int32_t n = (int32_t)it->topics;
	const struct image_topic *t = internal || it->number != 0 ? NULL : image_next_topic(image, 0, STR_NULL);
	for (; t != NULL; t = image_next_topic(image, 0, t->name.s))
		n -= t->internal;
	return n;
}

/* Numbers tell how many tenants there were, and counts what one may not see. */
static void
list_tenant(struct request *rq, const struct acl_who *w, const struct image_tenant *it, struct tenant_list_rsp *out)
{
	const struct acl_tenant *t = acl_image_tenant(image_acl(rq->image), it->number);
	struct acl_object o = { ACL_TENANT, NAME(it->number, STR("")), NULL };
	if (t == NULL)
		return;
	bool counts = acl_check(image_acl(rq->image), w, ACL_DESCRIBE, &o, NULL);
	struct tenant_list_rsp_tenant *row = WIRE_ADD(rq->arena, out->tenants, tenant_list_rsp_tenant);
	row->name = it->name;
	row->number = w->is_operator ? (int32_t)it->number : -1;
	row->state = str_from(tenant_state_name(it->state));
	row->cluster_id = str_from(it->cluster_id);
	row->topics = counts ? count_topics(rq->image, it, w->is_operator) : -1;
	row->users = counts ? count_users(t) : -1;
	row->groups = counts ? count_groups(t) : -1;
}

enum api_turn
api_tenant_list(struct request *rq, const void *vin, void *vout)
{
	const struct tenant_list_req *in = vin;
	struct tenant_list_rsp *out = vout;
	struct acl_who w;
	uint32_t only;
	out->error_code = (int16_t)own_tenant(rq, in->tenant, &only);
	if (out->error_code != 0)
		return API_ANSWER;
	caller(rq, &w);
	bool all = w.is_operator && in->tenant.p == NULL;
	const struct image_tenant *it = image_next_tenant(rq->image, NULL);
	for (; it != NULL; it = image_next_tenant(rq->image, it))
		if (all || it->number == only)
			list_tenant(rq, &w, it, out);
	return API_ANSWER;
}

enum api_turn
api_enter(struct request *rq, const void *vin, void *vout)
{
	const struct enter_req *in = vin;
	struct enter_rsp *out = vout;
	struct acl_who w;
	uint32_t tenant = 0;
	caller(rq, &w);
	enum kerr err = !w.is_operator || w.gone ? KERR_CLUSTER_AUTHORIZATION_FAILED :
	    own_tenant(rq, in->tenant, &tenant);
	out->error_code = (int16_t)err;
	if (err == KERR_NONE)
		rq->session->tenant = tenant;
	return API_ANSWER;
}
