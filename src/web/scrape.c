/* SPDX-License-Identifier: Apache-2.0
 *
 * /metrics: family by family, as the format wants it, each over what there is of it, in parts. Between two parts others have their
 * turn, and the peer has taken the last one; nothing of an image is kept meanwhile but names, and whether the
 * user may still see this is asked anew. So a scrape holds a few kilobytes, the names of groups, and the offsets
 * of one group, and costs nobody more than a short lock at a time.
 *
 * An operator sees all tenants and the broker; others their own tenant, if they may DESCRIBE it, and of its topics and groups those
 * that they may DESCRIBE. A scrape that may not go on ends without its last line, and its connection with it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "coord/coord.h"
#include "web/scrape.h"

#define SCRAPES_TENANT	3		/* of one tenant, at a time */
#define STEPS_A_PART	2000		/* also where nothing may be seen */

const struct metric metrics[METRICS] = {
#define METRIC(id, type_, family_, of_, labels, help_, when) \
	[METRIC_##id] = { .type = METRIC_##type_, .of = OF_##of_, .family = family_, .help = help_ },
#include "web/metrics.def"
};

/* ---- what may be seen ---- */

static bool
sees(const struct scrape *s, enum acl_type type, struct name name, const struct acl_node *node)
{
	struct acl_object o = { type, name, node };
	return acl_visible(image_acl(s->image), &s->who, &o);
}

static bool
sees_group(const struct scrape *s, struct name group, struct arena *arena)
{
	struct group_owner owner;
	struct acl_node node = { .owner = STR(""), .team = STR("") };
	if (!coord_group_owner(s->web->core->coord, group, arena, &owner))
		return sees(s, ACL_GROUP, group, NULL);
	node = (struct acl_node){ .owner = owner.owner, .team = owner.team.p == NULL ? STR("") : owner.team, .mode = owner.mode };
	return sees(s, ACL_GROUP, group, &node);
}

/* ---- walking ---- */

static struct str
name_of(const struct scrape *s, uint32_t tenant)
{
	const struct image_tenant *t = image_tenant(s->image, tenant);
	return t == NULL ? STR("") : t->name;
}

/* The tenant behind the one at hand, or the first; false: there is none. */
static bool
next_tenant(struct scrape *s)
{
	const struct image_tenant *t = s->within ? image_tenant(s->image, s->tenant) : NULL;
	if (!s->all) {
		bool first = !s->within;
		s->within = true;
		s->tenant = s->principal->user.tenant;
		return first;
	}
	if (!s->within || t != NULL)
		t = image_next_tenant(s->image, t);
	else /* it went meanwhile: the one with the next number */
		for (const struct image_tenant *u = NULL; (u = image_next_tenant(s->image, u)) != NULL;)
			if (u->number > s->tenant && (t == NULL || u->number < t->number))
				t = u;
	if (t == NULL)
		return false;
	s->within = true;
	s->tenant = t->number;
	s->topic_n = 0;
	s->partition = 0;
	return true;
}

static void
begin_sample(struct scrape *s, struct str topic)
{
	const struct metric *m = &metrics[s->metric];
	text_sample(s->out, m->type, m->family, "");
	text_label(s->out, true, "tenant", name_of(s, s->tenant));
	if (topic.p != NULL)
		text_label(s->out, false, "topic", topic);
}

static void
done_with(struct scrape *s, struct str topic)
{
	s->topic_n = topic.n < sizeof(s->topic) ? topic.n : 0;
	memcpy(s->topic, topic.p, s->topic_n);
	s->partition = 0;
}

/* A topic's sample, or some of its partitions'. */
static void
step_topic(struct scrape *s, const struct image_topic *t)
{
	enum metric_id id = (enum metric_id)s->metric;
	int64_t v;
	if (!sees(s, ACL_TOPIC, t->name, NULL)) {
		done_with(s, t->name.s);
		return;
	}
	if (metrics[id].of == OF_TOPIC) {
		begin_sample(s, t->name.s);
		text_count(s->out, true, value_of_topic(s, id, t));
		done_with(s, t->name.s);
		return;
	}
	for (; s->partition < t->partitions && s->out->n < HTTP_PART_BYTES; s->partition++) {
		if (!value_of_partition(s, id, t, s->partition, &v))
			continue;
		begin_sample(s, t->name.s);
		text_label_int(s->out, false, "partition", s->partition);
		text_count(s->out, true, v);
	}
	if (s->partition >= t->partitions)
		done_with(s, t->name.s);
}

static void
step_tenant(struct scrape *s)
{
	enum metric_id id = (enum metric_id)s->metric;
	if (metrics[id].of == OF_QUOTA) {
		list_of_quotas(s, id, s->tenant, name_of(s, s->tenant));
		return;
	}
	begin_sample(s, STR_NULL);
	text_value(s->out, true, value_of_tenant(s, id, s->tenant));
}

/* True: the family is through. */
static bool
step_tenants(struct scrape *s)
{
	if (!next_tenant(s))
		return true;
	step_tenant(s);
	return false;
}

static bool
step_topics(struct scrape *s)
{
	const struct image_topic *t = !s->within ? NULL :
	    image_next_topic(s->image, s->tenant, s->topic_n == 0 ? STR_NULL : (struct str){ s->topic, s->topic_n });
	if (t != NULL)
		step_topic(s, t);
	return t == NULL && !next_tenant(s);
}

/* ---- groups ---- */

static void
keep_name(const struct group *group, const struct group_owner *owner, void *arg)
{
	struct scrape *s = arg;
	(void)owner;
	if (image_tenant(s->image, group->name.tenant) == NULL)
		return; /* deleted; its groups go with it */
	if (arena_used(s->names) + group->name.s.n + 64 > SCRAPE_NAMES_MAX)
		s->left_out++;
	else
		*ARRAY_ADD(s->names, s->groups) = NAME(group->name.tenant, arena_str(s->names, group->name.s));
}

/* The names of all groups that are asked for, in one walk: it goes by every group there is, whoever's are meant. */
static void
gather(struct scrape *s)
{
	uint32_t whose = s->all ? COORD_ALL_TENANTS : s->principal->user.tenant;
	(void)coord_list(s->web->core->coord, whose, keep_name, s);
	s->gathered = true;
}

static void
keep_offset(const struct offset *o, void *arg)
{
	struct scrape *s = arg;
	const struct scrape_offset *last = s->committed.n > 0 ? &s->committed.v[s->committed.n - 1] : NULL;
	if (o->offset < 0 || arena_used(s->offsets) + o->topic.n + 2 * sizeof(struct scrape_offset) > SCRAPE_OFFSETS_MAX)
		return;
	struct str topic = last != NULL && str_eq(last->topic, o->topic) ? last->topic : arena_str(s->offsets, o->topic);
	*ARRAY_ADD(s->offsets, s->committed) = (struct scrape_offset){ topic, o->partition, o->offset };
}

static void
count_members(const struct group *group, void *arg)
{
	*(int64_t *)arg = group->members_n;
}

static void
begin_group_sample(struct scrape *s, struct name group, struct str topic)
{
	const struct metric *m = &metrics[s->metric];
	text_sample(s->out, m->type, m->family, "");
	text_label(s->out, true, "tenant", name_of(s, group.tenant));
	text_label(s->out, false, "consumergroup", group.s);
	if (topic.p != NULL)
		text_label(s->out, false, "topic", topic);
}

/* What the family says of one offset; false: nothing, as its partition is gone. */
static bool
offset_value(const struct scrape *s, const struct image_topic *t, const struct scrape_offset *o, int64_t *ret)
{
	int64_t end;
	bool lag = s->metric == METRIC_GROUP_LAG || s->metric == METRIC_GROUP_LAGS;
	if (o->partition >= t->partitions || !value_of_partition(s, METRIC_CURRENT_OFFSET, t, o->partition, &end))
		return false;
	*ret = !lag ? o->offset : end > o->offset ? end - o->offset : 0;
	return true;
}

/* The offsets of one topic, from s->offset on: a sample each, or one with their sum. */
static void
step_offsets(struct scrape *s, struct name group)
{
	bool sum_up = metrics[s->metric].of == OF_GROUP_TOPIC, any = false;
	struct str topic = s->committed.v[s->offset].topic;
	const struct image_topic *t = image_topic(s->image, NAME(group.tenant, topic));
	int64_t v, sum = 0;
	if (t != NULL && !sees(s, ACL_TOPIC, t->name, NULL))
		t = NULL;
	for (; s->offset < s->committed.n && (sum_up || s->out->n < HTTP_PART_BYTES); s->offset++) {
		const struct scrape_offset *o = &s->committed.v[s->offset];
		if (!str_eq(o->topic, topic))
			break;
		if (t == NULL || !offset_value(s, t, o, &v))
			continue;
		any = true;
		sum += v;
		if (sum_up)
			continue;
		begin_group_sample(s, group, topic);
		text_label_int(s->out, false, "partition", o->partition);
		text_count(s->out, true, v);
	}
	if (!sum_up || !any)
		return;
	begin_group_sample(s, group, topic);
	text_count(s->out, true, sum);
}

/* The group at hand is begun: its offsets are copied, under its shard's lock, and told of without. */
static void
open_group(struct scrape *s, struct name group)
{
	int64_t barrier, members;
	arena_reset(s->offsets);
	memset(&s->committed, 0, sizeof(s->committed));
	s->offset = 0;
	bool seen = sees_group(s, group, s->offsets);
	arena_reset(s->offsets);
	if (!seen)
		return;
	if (metrics[s->metric].of != OF_GROUP) {
		(void)coord_fetch_all(s->web->core->coord, group, keep_offset, s, &barrier);
		return;
	}
	if (coord_look(s->web->core->coord, group, count_members, &members) != KERR_NONE)
		return;
	begin_group_sample(s, group, STR_NULL);
	text_count(s->out, true, members);
}

static bool
step_groups(struct scrape *s)
{
	if (!s->gathered) {
		gather(s);
		return false;
	}
	if (s->offset < s->committed.n) {
		step_offsets(s, s->groups.v[s->group - 1]);
		return false;
	}
	if (s->group >= s->groups.n)
		return true;
	open_group(s, s->groups.v[s->group++]);
	return false;
}

/* ---- families ---- */

static bool
step_broker(struct scrape *s)
{
	enum metric_id id = (enum metric_id)s->metric;
	const struct metric *m = &metrics[id];
	if (m->of == OF_LIST) {
		list_of_broker(s, id);
		return true;
	}
	double v = value_of_broker(s, id);
	if (isnan(v))
		return true;
	text_sample(s->out, m->type, m->family, "");
	text_value(s->out, false, v);
	return true;
}

/* One step of the family at hand; true: it is through. */
static bool
step(struct scrape *s)
{
	switch (metrics[s->metric].of) {
	case OF_ALL:
	case OF_BROKER:
	case OF_LIST:
		return step_broker(s);
	case OF_TENANT:
	case OF_QUOTA:
		return step_tenants(s);
	case OF_TOPIC:
	case OF_PARTITION:
		return step_topics(s);
	case OF_GROUP:
	case OF_GROUP_TOPIC:
	case OF_GROUP_PARTITION:
		return step_groups(s);
	}
	return true;
}

static void
next_family(struct scrape *s)
{
	s->metric++;
	s->begun = s->within = false;
	s->topic_n = 0;
	s->partition = s->group = s->offset = 0;
	s->committed.n = 0;
}

/* Of the families that are not for everybody who asks, operators have those of the broker. */
static bool
is_shown(const struct scrape *s)
{
	enum metric_of of = metrics[s->metric].of;
	return s->all || (of != OF_BROKER && of != OF_LIST);
}

/* The image of now, and who asks in it; false: he may not go on. */
static bool
look_again(struct scrape *s)
{
	struct acl_object o = { ACL_TENANT, NAME(s->principal->user.tenant, STR("")), NULL };
	s->image = rcu_read(*s->web->core->image);
	acl_who_of(image_acl(s->image), s->principal, clock_wall_ms(), &s->who);
	return s->who.is_operator == s->all && image_tenant_is_open(s->image, o.name.tenant) && acl_check(image_acl(s->image), &s->who, ACL_DESCRIBE, &o, NULL);
}

static bool
part(void *arg, struct buf *out)
{
	struct scrape *s = arg;
	s->out = out;
	if (!look_again(s)) {
		http_abandon(s->x, "what a scrape shows may not be seen any more");
		return true;
	}
	for (int i = 0; i < STEPS_A_PART && out->n < HTTP_PART_BYTES && s->metric < METRICS; i++) {
		if (!is_shown(s)) {
			next_family(s);
			continue;
		}
		if (!s->begun)
			text_family(out, s->open, metrics[s->metric].type, metrics[s->metric].family, metrics[s->metric].help);
		s->begun = true;
		if (step(s))
			next_family(s);
	}
	if (s->metric == METRICS && s->open)
		(void)buf_add_str(out, STR("# EOF\n"));
	return s->metric < METRICS;
}

/* ---- a request ---- */

/* A place for one more scrape of the tenant's. */
static bool
enter(struct web *web, uint32_t tenant)
{
	unsigned own = 0;
	for (unsigned i = 0; i < web->scrapes; i++)
		own += web->slots[i] == tenant;
	if (web->scrapes == WEB_SCRAPES_MAX || own == SCRAPES_TENANT)
		return false;
	web->slots[web->scrapes++] = tenant;
	return true;
}

static void
leave(struct web *web, uint32_t tenant)
{
	unsigned i = 0;
	while (web->slots[i] != tenant)
		i++;
	web->slots[i] = web->slots[--web->scrapes];
}

static void
end(void *arg)
{
	struct scrape *s = arg;
	leave(s->web, s->slot);
	arena_destroy(&s->names);
	arena_destroy(&s->offsets);
	mem_free(s);
}

static void
begin(struct http_exchange *x, const struct principal *p, bool all)
{
	struct web *web = web_of(x);
	struct str accept = http_request_of(x)->accept;
	double old = http_accepts(accept, STR("text/plain")), new = http_accepts(accept, STR("application/openmetrics-text"));
	if (!enter(web, p->user.tenant)) {
		http_answer(x, 503, WEB_TEXT, STR("too many scrapes at a time\n"), "Retry-After: 5\r\n");
		return;
	}
	struct scrape *s = MEM_NEW(struct scrape);
	s->web = web;
	s->x = x;
	s->principal = p;
	s->all = all;
	s->slot = p->user.tenant;
	s->open = old <= new || accept.p == NULL;
	s->names = arena_create(SIZE_MAX);
	s->offsets = arena_create(SIZE_MAX);
	values_look(s);
	http_stream(x, s->open ? TEXT_OPENMETRICS : TEXT_PROMETHEUS, part, end, s);
}

static void
metrics_for(struct http_exchange *x, const struct principal *p)
{
	struct acl_who who;
	acl_who_of(image_acl(rcu_read(*web_of(x)->core->image)), p, clock_wall_ms(), &who);
	switch (web_may(x, p, &who, p->user.tenant)) {
	case 0:
		begin(x, p, who.is_operator);
		break;
	case ERR_AGAIN:
		http_answer(x, 503, WEB_TEXT, STR("the audit log cannot be written, and this is told of there\n"), "Retry-After: 5\r\n");
		break;
	default:
		http_answer(x, 403, WEB_TEXT, STR("the metrics of a tenant are for who may describe it (schloss-metrics(7))\n"), "");
	}
}

void
web_metrics(struct http_exchange *x)
{
	if (atomic_load(&web_of(x)->state) == WEB_OPEN)
		web_login(x, metrics_for);
	else
		http_answer(x, 503, WEB_TEXT, STR("not ready: see /readyz\n"), "Retry-After: 1\r\n");
}
