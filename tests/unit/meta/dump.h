/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An image as text, all that can be asked of it but the next generation (which only
 * a running broker must not give out again) and the era (the log's): two images are the same when their
 * texts are. */
#include "base/buf.h"
#include "meta/image_tokens.h"

#define DUMP_RULES 512

struct dump_rules {
	char line[DUMP_RULES][160];
	size_t n;
};

static int
dump_rule(const struct acl_rule *r, void *arg)
{
	struct dump_rules *d = arg;
	char text[128];
	assert_true(d->n < DUMP_RULES);
	snprintf(d->line[d->n++], sizeof(d->line[0]), "%s%s", acl_rule_format(r, text, sizeof(text)),
	    r->by_owner ? " (owner's)" : "");
	return 0;
}

static int
dump_order(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Sorted: allow and deny rules of one target come in the order of their adding,
 * which decides nothing. */
static inline void
dump_rules(struct buf *b, const struct acl_tenant *t)
{
	struct dump_rules *d = calloc(1, sizeof(*d));
	assert_non_null(d);
	(void)acl_tenant_rules(t, NULL, dump_rule, d);
	qsort(d->line, d->n, sizeof(d->line[0]), dump_order);
	for (size_t i = 0; i < d->n; i++)
		(void)buf_printf(b, "  rule %s\n", d->line[i]);
	free(d);
}

static inline void
dump_user(struct buf *b, const struct image *im, uint32_t tenant, const struct acl_user *u)
{
	struct cred c;
	image_cred(im, NAME(tenant, u->name), 1, &c);
	(void)buf_printf(b, "  user %.*s g%llu m%x e%lld op%d l%d team %.*s of", STR_ARG(u->name),
	    (unsigned long long)u->generation, u->mechanisms, (long long)u->expires_ms, u->is_operator,
	    u->locked, STR_ARG(u->team));
	for (uint32_t i = 0; i < u->n_teams; i++)
		(void)buf_printf(b, " %.*s", STR_ARG(u->teams[i]));
	(void)buf_printf(b, " cred %d l%d m%x g%llu keys %u %u %02x%02x\n", c.exists, c.locked, c.mechanisms,
	    (unsigned long long)c.generation, c.scram[0].iterations, c.scram[1].iterations,
	    c.scram[0].stored[0], c.scram[1].stored[0]);
}

static inline void
dump_node(struct buf *b, struct str name, const struct acl_node *n)
{
	if (n != NULL)
		(void)buf_printf(b, "  node %.*s %.*s:%.*s %o/%o\n", STR_ARG(name), STR_ARG(n->owner),
		    STR_ARG(n->team), n->mode, n->create_mode);
}

static inline void
dump_nodes(struct buf *b, const struct acl_tenant *t)
{
	static const enum acl_type dirs[] = { ACL_TENANT, ACL_TOPICS, ACL_GROUPS, ACL_TXNS };
	static const enum acl_type named[] = { ACL_TOPIC, ACL_GROUP, ACL_TXN };
	for (int i = 0; i < 4; i++)
		dump_node(b, STR("/"), acl_tenant_node(t, dirs[i], STR_NULL));
	for (int i = 0; i < 3; i++) {
		struct str at = STR(""), name;
		const struct acl_node *n;
		while ((n = acl_tenant_next_node(t, named[i], at, &name)) != NULL) {
			dump_node(b, name, n);
			at = name;
		}
	}
}

static inline void
dump_topic(struct buf *b, const struct image *im, const struct image_topic *t)
{
	char id[UUID_TEXT];
	(void)buf_printf(b, "  topic %.*s %s %d internal %d found %d", STR_ARG(t->name.s), uuid_format(&t->id, id),
	    t->partitions, t->internal, image_topic_by_id(im, &t->id) == t);
	for (int32_t i = 0; i < t->eras_n; i++)
		(void)buf_printf(b, " era %d:%d", t->eras[i].first, t->eras[i].era);
	for (int i = 0; i < TOPIC_KEYS; i++)
		if (t->set.v[i] != NULL)
			(void)buf_printf(b, " %s=%s", topic_keys[i].name, t->set.v[i]);
	(void)buf_printf(b, " retention %lld\n", (long long)t->config.log.retention_ms);
}

static inline void
dump_token(struct buf *b, const struct image *im, const struct image_token *t)
{
	uint8_t hmac[TOKEN_HMAC_LEN];
	assert_true(image_token_hmac(im, t, hmac));
	(void)buf_printf(b, "  token %.*s of %.*s by %.*s %lld %lld %lld keys %u %u found %d %d", STR_ARG(t->id.s), STR_ARG(t->owner),
	    STR_ARG(t->requester), (long long)t->issued_ms, (long long)t->expires_ms, (long long)t->max_ms,
	    t->scram[0].iterations, t->scram[1].iterations, image_token(im, t->id) == t,
	    image_token_by_hmac(im, t->id.tenant, hmac, sizeof(hmac)) == t);
	for (uint32_t i = 0; i < t->renewers_n; i++)
		(void)buf_printf(b, " %.*s", STR_ARG(t->renewers[i]));
	(void)buf_printf(b, "\n");
}

static inline void
dump_tenant(struct buf *b, const struct image *im, const struct image_tenant *it)
{
	const struct acl_tenant *t = acl_image_tenant(image_acl(im), it->number);
	const struct acl_user *u = NULL;
	(void)buf_printf(b, "tenant %u %.*s of %.*s %s %s g%llu topics %u partitions %llu rules %zu\n", it->number,
	    STR_ARG(it->name), STR_ARG(it->owner), it->cluster_id, tenant_state_name(it->state),
	    (unsigned long long)it->generation, it->topics, (unsigned long long)it->partitions, acl_tenant_rule_count(t));
	while ((u = acl_tenant_next_user(t, u == NULL ? STR("") : u->name)) != NULL)
		dump_user(b, im, it->number, u);
	for (struct str s = acl_tenant_next_team(t, STR("")); s.p != NULL; s = acl_tenant_next_team(t, s))
		(void)buf_printf(b, "  team %.*s\n", STR_ARG(s));
	dump_nodes(b, t);
	dump_rules(b, t);
	const struct image_topic *topic = image_next_topic(im, it->number, STR_NULL);
	for (; topic != NULL; topic = image_next_topic(im, it->number, topic->name.s))
		dump_topic(b, im, topic);
	const struct image_token *token = NULL;
	while ((token = image_next_token(im, it->number, token)) != NULL)
		dump_token(b, im, token);
	(void)buf_printf(b, "  secret %d\n", image_token_secret(im, it->number) != NULL);
}

static inline void
dump_quotas(struct buf *b, const struct image *im)
{
	struct quota_entity e;
	struct quota_values v;
	struct str pos = STR("");
	while (quota_image_next(image_quotas(im), &pos, &e, &v)) {
		(void)buf_printf(b, "quota %u user %d %.*s client %d %.*s:", e.tenant, e.has_user, STR_ARG(e.user),
		    e.has_client, STR_ARG(e.client));
		for (int i = 0; i < QUOTA_KEYS; i++)
			(void)buf_printf(b, " %g", v.v[i]);
		(void)buf_printf(b, "\n");
	}
}

/* The caller frees ret. */
static inline void
dump_image(const struct image *im, struct buf *ret)
{
	const struct image_tenant *t = NULL;
	struct str name = STR_NULL, value;
	buf_init(ret, 16 * 1024 * 1024);
	while ((t = image_next_tenant(im, t)) != NULL)
		dump_tenant(ret, im, t);
	dump_quotas(ret, im);
	while ((name = image_next_broker_option(im, name, &value)).p != NULL)
		(void)buf_printf(ret, "option %.*s=%.*s\n", STR_ARG(name), STR_ARG(value));
	(void)buf_printf(ret, "topics %zu next tenant %u producer %lld\n", image_topic_count(im),
	    image_next_tenant_number(im), (long long)image_next_producer_id(im));
}
