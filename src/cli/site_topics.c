/* SPDX-License-Identifier: Apache-2.0
 *
 * Topics and quotas of a plan. The broker is first asked whether it would take them (validate_only): what may
 * be set, and to what, is its to know. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/site_do.h"
#include "wire/kerr.h"

#define BATCH 100
#define PARTITIONS_A_REQUEST 500
#define TIMEOUT_MS 60000
#define RESOURCE_TOPIC 2

enum { CONFIG_SET = 0, CONFIG_DELETE = 1 };

static int64_t
number_of(const struct site_fact *f)
{
	int64_t n = 0;
	return f != NULL && str_to_i64(f->value, 0, INT32_MAX, &n) == 0 ? n : 0;
}

static const struct site_fact *
want_attr(const struct site_plan *p, const struct site_fact *f, const char *attr)
{
	return site_find(p->want, f->tenant, f->kind, f->name, str_from(attr));
}

static bool
setting_of(const struct site_fact *f, struct str *ret)
{
	struct str rest = f->attr, head;
	if (f->kind != SITE_TOPIC || !str_cut(&rest, '/', &head) || !str_is(head, "settings"))
		return false;
	*ret = rest;
	return true;
}

/* ---- new topics ---- */

struct making {
	struct site_work *w;
	struct create_topics_req in;
	ARRAY(const struct site_fact *) of;
	int64_t partitions;
};

static void
making_begin(struct making *m, struct site_work *w)
{
	*m = (struct making){ .w = w };
	wire_defaults(&create_topics_req_msg, &m->in);
	m->in.timeout_ms = TIMEOUT_MS;
	m->in.validate_only = w->only_ask;
}

static void
making_add(struct making *m, const struct site_fact *f)
{
	struct site_plan *p = m->w->plan;
	struct arena *arena = p->cli->arena;
	struct create_topics_req_topic *t = WIRE_ADD(arena, m->in.topics, create_topics_req_topic);
	int32_t at, end;
	t->name = NAME(0, m->w->elsewhere ? /* the name has been checked; only the rest is asked about */
	    arena_printf(arena, "apply.%ld.%d", (long)getpid(), m->of.n) : f->name);
	t->num_partitions = (int32_t)number_of(want_attr(p, f, "partitions"));
	t->replication_factor = -1;
	site_want_thing(p, f, &at, &end);
	for (; at < end; at++) {
		const struct site_fact *s = &p->want->facts.v[at];
		struct str name;
		if (!setting_of(s, &name))
			continue;
		struct create_topics_req_config *c = WIRE_ADD(arena, t->configs, create_topics_req_config);
		c->name = name;
		c->value = s->value;
	}
	m->partitions += t->num_partitions;
	*ARRAY_ADD(arena, m->of) = f;
}

static int
making_flush(struct making *m, bool last)
{
	struct site_work *w = m->w;
	struct create_topics_rsp out;
	if (m->in.topics.n <= 0 || (!last && m->in.topics.n < BATCH && m->partitions < PARTITIONS_A_REQUEST))
		return 0;
	int status = cli_call(w->plan->cli, WIRE_KEY_CREATE_TOPICS, &m->in, &out);
	for (int32_t i = 0; status != CLI_UNREACHED && i < out.topics.n && i < m->of.n; i++)
		if (site_result(w, m->of.v[i], out.topics.v[i].error_code, out.topics.v[i].error_message) != 0)
			status = CLI_REFUSED;
	making_begin(m, w);
	return status;
}

int
site_do_topics(struct site_work *w)
{
	struct making m;
	int status = 0;
	making_begin(&m, w);
	for (int32_t i = w->from; status == 0 && i < w->to; i++) {
		const struct site_change *c = &w->plan->changes.v[i];
		if (site_makes(c) && c->want->kind == SITE_TOPIC)
			making_add(&m, c->want);
		status = making_flush(&m, i + 1 == w->to);
	}
	return status;
}

int
site_do_growth(struct site_work *w)
{
	struct cli *cli = w->plan->cli;
	int status = 0;
	for (int32_t i = w->from; status == 0 && i < w->to; i++) {
		const struct site_change *c = &w->plan->changes.v[i];
		struct create_partitions_req in;
		struct create_partitions_rsp out;
		if (c->have == NULL || c->want == NULL || c->want->kind != SITE_TOPIC || !str_is(c->want->attr, "partitions"))
			continue;
		wire_defaults(&create_partitions_req_msg, &in);
		in.timeout_ms = TIMEOUT_MS;
		struct create_partitions_req_topic *t = WIRE_ADD(cli->arena, in.topics, create_partitions_req_topic);
		t->name = NAME(0, c->want->name);
		t->count = (int32_t)number_of(c->want);
		t->assignments.n = -1;
		status = cli_call(cli, WIRE_KEY_CREATE_PARTITIONS, &in, &out);
		for (int32_t k = 0; status == 0 && k < out.results.n; k++)
			status = site_result(w, c->want, out.results.v[k].error_code, out.results.v[k].error_message);
	}
	return status;
}

/* ---- settings of topics that are there ---- */

struct altering {
	struct site_work *w;
	struct incremental_alter_configs_req in;
	ARRAY(const struct site_fact *) of;
};

static void
altering_begin(struct altering *a, struct site_work *w)
{
	*a = (struct altering){ .w = w };
	wire_defaults(&incremental_alter_configs_req_msg, &a->in);
	a->in.validate_only = w->only_ask;
}

static void
altering_add(struct altering *a, const struct site_change *c, struct str setting)
{
	struct arena *arena = a->w->plan->cli->arena;
	const struct site_fact *f = c->want != NULL ? c->want : c->have;
	int32_t n = a->in.resources.n;
	bool same = n > 0 && str_eq(a->in.resources.v[n - 1].resource_name.s, f->name);
	struct incremental_alter_configs_req_resource *r = same ? &a->in.resources.v[n - 1] :
	    WIRE_ADD(arena, a->in.resources, incremental_alter_configs_req_resource);
	r->resource_type = RESOURCE_TOPIC;
	r->resource_name = NAME(0, f->name);
	if (!same)
		*ARRAY_ADD(arena, a->of) = f;
	struct incremental_alter_configs_req_config *s = WIRE_ADD(arena, r->configs, incremental_alter_configs_req_config);
	s->name = setting;
	s->config_operation = c->want != NULL ? CONFIG_SET : CONFIG_DELETE;
	s->value = c->want != NULL ? c->want->value : STR_NULL;
}

static int
altering_flush(struct altering *a)
{
	struct site_work *w = a->w;
	struct incremental_alter_configs_rsp out;
	if (a->in.resources.n <= 0)
		return 0;
	int status = cli_call(w->plan->cli, WIRE_KEY_INCREMENTAL_ALTER_CONFIGS, &a->in, &out);
	for (int32_t i = 0; status != CLI_UNREACHED && i < out.responses.n && i < a->of.n; i++)
		if (site_result(w, a->of.v[i], out.responses.v[i].error_code, out.responses.v[i].error_message) != 0)
			status = CLI_REFUSED;
	altering_begin(a, w);
	return status;
}

int
site_do_settings(struct site_work *w)
{
	struct altering a;
	struct str setting;
	int status = 0;
	altering_begin(&a, w);
	for (int32_t i = w->from; status == 0 && i < w->to; i++) {
		const struct site_change *c = &w->plan->changes.v[i];
		const struct site_fact *f = c->want != NULL ? c->want : c->have;
		bool new_topic = a.of.n >= BATCH && !str_eq(a.of.v[a.of.n - 1]->name, f->name);
		if (new_topic) /* all settings of one in one request */
			status = altering_flush(&a);
		if (status == 0 && setting_of(f, &setting) && site_has(&w->plan->have, f->tenant, SITE_TOPIC, f->name) &&
		    site_has(w->plan->want, f->tenant, SITE_TOPIC, f->name))
			altering_add(&a, c, setting);
	}
	return status == 0 ? altering_flush(&a) : status;
}

int
site_end_topics(struct site_work *w)
{
	struct cli *cli = w->plan->cli;
	int status = 0;
	for (int32_t i = w->from; status == 0 && i < w->to; i++) {
		const struct site_change *c = &w->plan->changes.v[i];
		struct delete_topics_req in;
		struct delete_topics_rsp out;
		if (!site_ends(c) || c->have->kind != SITE_TOPIC)
			continue;
		wire_defaults(&delete_topics_req_msg, &in);
		in.timeout_ms = TIMEOUT_MS;
		WIRE_ADD(cli->arena, in.topics, delete_topics_req_topic)->name = NAME(0, c->have->name);
		status = cli_call(cli, WIRE_KEY_DELETE_TOPICS, &in, &out);
		for (int32_t k = 0; status == 0 && k < out.responses.n; k++)
			status = site_result(w, c->have, out.responses.v[k].error_code, out.responses.v[k].error_message);
	}
	return status;
}

/* ---- quotas ---- */

struct rating {
	struct site_work *w;
	struct alter_client_quotas_req in;
	ARRAY(const struct site_fact *) of;
};

static void
rating_begin(struct rating *r, struct site_work *w)
{
	*r = (struct rating){ .w = w };
	wire_defaults(&alter_client_quotas_req_msg, &r->in);
	r->in.validate_only = w->only_ask;
}

static void
add_entity(struct rating *r, struct alter_client_quotas_req_entry *e, const char *type, struct str name)
{
	struct alter_client_quotas_req_entity *one = WIRE_ADD(r->w->plan->cli->arena, e->entity, alter_client_quotas_req_entity);
	one->entity_type = str_from(type);
	one->entity_name = NAME(0, name);
}

static void
rating_add(struct rating *r, const struct site_change *c)
{
	struct arena *arena = r->w->plan->cli->arena;
	const struct site_fact *f = c->want != NULL ? c->want : c->have;
	struct site_whose whose = { .tenant = false };
	bool same = r->of.n > 0 && str_eq(r->of.v[r->of.n - 1]->name, f->name);
	struct alter_client_quotas_req_entry *e = same ? &r->in.entries.v[r->in.entries.n - 1] :
	    WIRE_ADD(arena, r->in.entries, alter_client_quotas_req_entry);
	if (!same) {
		(void)site_whose_parse(arena, f->name, &whose);
		*ARRAY_ADD(arena, r->of) = f;
		if (whose.tenant)
			add_entity(r, e, "tenant", r->w->elsewhere ? r->w->plan->self.tenant_name : f->tenant);
		if (whose.user.there)
			add_entity(r, e, "user", whose.user.name);
		if (whose.client.there)
			add_entity(r, e, "client-id", whose.client.name);
		if (whose.ip.there)
			add_entity(r, e, "ip", whose.ip.name);
	}
	struct alter_client_quotas_req_op *op = WIRE_ADD(arena, e->ops, alter_client_quotas_req_op);
	op->key = f->attr;
	op->remove = c->want == NULL;
	op->value = c->want == NULL ? 0 : strtod(f->value.p, NULL);
}

static int
rating_flush(struct rating *r)
{
	struct site_work *w = r->w;
	struct alter_client_quotas_rsp out;
	if (r->in.entries.n <= 0)
		return 0;
	int status = cli_call(w->plan->cli, WIRE_KEY_ALTER_CLIENT_QUOTAS, &r->in, &out);
	for (int32_t i = 0; status != CLI_UNREACHED && i < out.entries.n && i < r->of.n; i++)
		if (site_result(w, r->of.v[i], out.entries.v[i].error_code, out.entries.v[i].error_message) != 0)
			status = CLI_REFUSED;
	rating_begin(r, w);
	return status;
}

/* Set and removed ones. */
int
site_do_quotas(struct site_work *w)
{
	struct rating r;
	int status = 0;
	rating_begin(&r, w);
	for (int32_t i = w->from; status == 0 && i < w->to; i++) {
		const struct site_change *c = &w->plan->changes.v[i];
		const struct site_fact *f = c->want != NULL ? c->want : c->have;
		if (f->kind != SITE_QUOTA)
			continue;
		if (r.of.n >= BATCH && !str_eq(r.of.v[r.of.n - 1]->name, f->name))
			status = rating_flush(&r);
		if (status == 0)
			rating_add(&r, c);
	}
	return status == 0 ? rating_flush(&r) : status;
}
