/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Denials and what is allowed are folded by who, address, operation and node: the first is told at once, the
 * others once a minute with their number. So a client that asks in vain a thousand times a second
 * makes one line a minute, and none is missing from the sum.
 */
#include "api/auditing.h"

#include "acl/denials.h"
#include "api/session.h"
#include "audit/audit.h"
#include "audit/paths.h"

static struct str
tenant_name(const struct image *image, uint32_t number)
{
	const struct acl_tenant *t = acl_image_tenant(image_acl(image), number);
	return t == NULL ? STR_NULL : acl_tenant_name(t);
}

static struct audit_by
by_session(const struct session *s)
{
	return (struct audit_by){
		.from = conn_event(s->conn)->value,
		.listener = s->listener->name,
		.connection = s->number,
	};
}

static struct audit_by
by_request(const struct request *rq)
{
	const struct session *s = rq->session;
	struct audit_by by = by_session(s);
	by.tenant = tenant_name(rq->image, s->principal.user.tenant);
	by.user = s->principal.user.s;
	by.mechanism = str_from(s->principal.mechanism);
	if (rq->header.api != NULL) {
		by.client = rq->header.client_id;
		by.api = str_from(rq->header.api->name);
	}
	return by;
}

const struct audit_by *
auditing_by(struct request *rq)
{
	if (rq->core->audit == NULL)
		return NULL;
	struct audit_by *by = arena_alloc(rq->arena, sizeof(*by));
	*by = by_request(rq);
	/* The change may outlive the connection, and the image. */
	by->tenant = arena_str(rq->arena, by->tenant);
	by->user = arena_str(rq->arena, by->user);
	by->from = arena_str(rq->arena, by->from);
	return by;
}

static struct str
decision(struct request *rq, enum audit_what what, const struct acl_answer *a, struct record_out *r)
{
	struct audit_by by = by_request(rq);
	out_begin(r, what);
	out_by(r, &by);
	out_answer(r, image_acl(rq->image), a);
	return out_end(r);
}

void
auditing_denied(struct request *rq, const struct acl_who *w, const struct acl_answer *a)
{
	struct record_out r;
	struct acl_denials *fold = rq->core->audit_denied;
	if (rq->core->audit == NULL || acl_denials_count(fold, w, a, request_now(rq)))
		return;
	struct str body = decision(rq, AUDIT_DENIED, a, &r);
	acl_denials_add(fold, w, a, body, request_now(rq));
	out_free(&r);
}

bool
auditing_allows(const struct request *rq)
{
	return rq->core->audit != NULL && rcu_read(rq->core->audit_paths) != NULL;
}

bool
auditing_allowed(struct request *rq, const struct acl_who *w, const struct acl_answer *a)
{
	const struct audit_paths *paths = rcu_read(rq->core->audit_paths);
	struct acl_denials *fold = rq->core->audit_allowed;
	struct record_out r;
	if (paths == NULL || !audit_paths_have(paths, image_acl(rq->image), &a->object))
		return true;
	if (audit_must_refuse(rq->core->audit))
		return false;
	if (acl_denials_count(fold, w, a, request_now(rq)))
		return true;
	/* The first is asked for here, for it may be refused; the fold tells of those that follow. */
	struct str body = decision(rq, AUDIT_ALLOWED, a, &r);
	bool told = audit_done(rq->core->audit, body) == 0;
	if (told)
		acl_denials_add(fold, w, a, body, request_now(rq));
	out_free(&r);
	return told;
}

bool
auditing_kill(struct broker_core *core, const struct audit_by *by, struct str tenant, struct str user, uint64_t number)
{
	struct record_out r;
	if (core->audit == NULL)
		return true;
	out_begin(&r, AUDIT_KILLED);
	out_by(&r, by);
	out_open(&r, "whose", '{');
	out_str(&r, "tenant", tenant);
	out_str(&r, "user", user);
	if (number != 0)
		out_int(&r, "connection", (int64_t)number);
	out_close(&r, '}');
	bool told = audit_done(core->audit, out_end(&r)) == 0;
	out_free(&r);
	return told;
}

bool
auditing_keys(struct request *rq, uint32_t tenant, int users)
{
	struct record_out r;
	if (rq->core->audit == NULL)
		return true;
	struct audit_by by = by_request(rq);
	out_begin(&r, AUDIT_KEYS);
	out_by(&r, &by);
	out_str(&r, "of", tenant_name(rq->image, tenant));
	out_int(&r, "users", users);
	bool told = audit_done(rq->core->audit, out_end(&r)) == 0;
	out_free(&r);
	return told;
}

bool
auditing_backup(struct request *rq)
{
	struct record_out r;
	if (rq->core->audit == NULL)
		return true;
	struct audit_by by = by_request(rq);
	out_begin(&r, AUDIT_BACKUP);
	out_by(&r, &by);
	bool told = audit_done(rq->core->audit, out_end(&r)) == 0;
	out_free(&r);
	return told;
}

/* ---- logins ---- */

void
auditing_count(struct core_logins *logins, const char *mechanism, bool taken)
{
	enum mech m;
	if (logins != NULL && mechanism != NULL && mech_parse(str_from(mechanism), &m) == 0)
		atomic_fetch_add_explicit(taken ? &logins->taken[m] : &logins->refused[m], 1, memory_order_relaxed);
}

bool
auditing_login(struct session *s, const struct principal *p, bool renews)
{
	struct record_out r;
	if (s->core->audit == NULL) {
		auditing_count(s->listener->logins, p->mechanism, true);
		return true;
	}
	struct audit_by by = by_session(s);
	by.tenant = tenant_name(rcu_read(*s->core->image), p->user.tenant);
	by.user = p->user.s;
	by.mechanism = str_from(p->mechanism);
	out_begin(&r, AUDIT_LOGIN);
	out_by(&r, &by);
	if (renews)
		out_bool(&r, "renewed", true);
	bool told = audit_done(s->core->audit, out_end(&r)) == 0;
	if (told)
		auditing_count(s->listener->logins, p->mechanism, true);
	out_free(&r);
	return told;
}

void
auditing_login_failed(struct session *s, struct str who, const char *mechanism, const char *reason)
{
	struct record_out r;
	auditing_count(s->listener->logins, mechanism, false);
	if (s->core->audit == NULL)
		return;
	struct audit_by by = by_session(s);
	by.user = who;
	by.mechanism = str_from(mechanism);
	out_begin(&r, AUDIT_LOGIN_FAILED);
	out_by(&r, &by);
	out_text(&r, "reason", reason);
	audit_refused(s->core->audit, out_end(&r));
	out_free(&r);
}
