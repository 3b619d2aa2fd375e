/* SPDX-License-Identifier: Apache-2.0
 *
 * What of logins and decisions goes into the logs, as api/auditing.c does it for requests of Kafka's. */
#include "acl/denials.h"
#include "acl/text.h"
#include "api/auditing.h"
#include "audit/audit.h"
#include "audit/paths.h"
#include "base/err.h"
#include "web/web.h"

static struct audit_by
by(const struct http_exchange *x, const struct principal *p)
{
	const struct web_door *door = http_listener_arg(x);
	const struct acl_tenant *t = p == NULL ? NULL : acl_image_tenant(image_acl(rcu_read(*door->web->core->image)), p->user.tenant);
	return (struct audit_by){
		.from = http_event(x)->value,
		.listener = door->core.name,
		.connection = http_connection(x),
		.client = http_request_of(x)->agent,
		.api = STR("HTTP"),
		.tenant = t == NULL ? STR_NULL : acl_tenant_name(t),
		.user = p == NULL ? STR_NULL : p->user.s,
		.mechanism = p == NULL ? STR_NULL : str_from(p->mechanism),
	};
}

bool
web_audit_login(struct http_exchange *x, const struct principal *p)
{
	const struct broker_core *core = web_of(x)->core;
	const struct web_door *door = http_listener_arg(x);
	struct audit_by who = by(x, p);
	struct record_out r;
	auditing_count(door->core.logins, p->mechanism, true);
	if (core->audit == NULL)
		return true;
	out_begin(&r, AUDIT_LOGIN);
	out_by(&r, &who);
	bool told = audit_done(core->audit, out_end(&r)) == 0;
	out_free(&r);
	return told;
}

void
web_audit_refused(struct http_exchange *x, struct str user, const char *mechanism, const char *reason)
{
	const struct broker_core *core = web_of(x)->core;
	const struct web_door *door = http_listener_arg(x);
	struct audit_by who = by(x, NULL);
	struct record_out r;
	auditing_count(door->core.logins, mechanism, false);
	if (core->audit == NULL)
		return;
	who.user = user;
	who.mechanism = str_from(mechanism);
	out_begin(&r, AUDIT_LOGIN_FAILED);
	out_by(&r, &who);
	out_text(&r, "reason", reason);
	audit_refused(core->audit, out_end(&r));
	out_free(&r);
}

/* Folded with those of other requests. Of what is allowed the first is asked for, as it may be refused. */
static bool
audit_decision(struct http_exchange *x, const struct principal *p, const struct acl_who *who, const struct acl_answer *a)
{
	const struct broker_core *core = web_of(x)->core;
	struct acl_denials *fold = a->allow ? core->audit_allowed : core->audit_denied;
	uint64_t now = loop_now(http_loop(x));
	struct audit_by from = by(x, p);
	struct record_out r;
	bool told = true;
	if (core->audit == NULL || acl_denials_count(fold, who, a, now))
		return true;
	out_begin(&r, a->allow ? AUDIT_ALLOWED : AUDIT_DENIED);
	out_by(&r, &from);
	out_answer(&r, image_acl(rcu_read(*core->image)), a);
	struct str body = out_end(&r);
	if (a->allow)
		told = audit_done(core->audit, body) == 0;
	if (told)
		acl_denials_add(fold, who, a, body, now);
	out_free(&r);
	return told;
}

int
web_may(struct http_exchange *x, const struct principal *p, const struct acl_who *who, uint32_t tenant)
{
	const struct broker_core *core = web_of(x)->core;
	const struct acl_image *image = image_acl(rcu_read(*core->image));
	struct acl_object o = { ACL_TENANT, NAME(tenant, STR("")), NULL };
	struct acl_answer a;
	char line[512];
	if (acl_check(image, who, ACL_DESCRIBE, &o, &a)) {
		const struct audit_paths *paths = core->audit == NULL ? NULL : rcu_read(core->audit_paths);
		if (paths == NULL || !audit_paths_have(paths, image, &o))
			return 0;
		return !audit_must_refuse(core->audit) && audit_decision(x, p, who, &a) ? 0 : ERR_AGAIN;
	}
	if (!acl_denials_count(core->denials, who, &a, loop_now(http_loop(x)))) {
		acl_explain(image, who, &a, line, sizeof(line));
		acl_denials_add(core->denials, who, &a, str_from(line), loop_now(http_loop(x)));
	}
	(void)audit_decision(x, p, who, &a);
	return ERR_DENIED;
}
