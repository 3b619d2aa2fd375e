/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing to a shard's log: records are encoded one behind the other into one
 * buffer and go out as one batch, so a request's changes are stored together.
 * An error on the way is kept and reported by pen_finish(); nothing is written then.
 */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "coord/shard.h"
#include "tenant/tenant.h"

#define PEN_MAX (64u << 20)

void
pen_init(struct pen *p, struct shard *s)
{
	*p = (struct pen){ .shard = s };
	buf_init(&p->bytes, PEN_MAX);
}

/* Names stand in the topic joined with their tenant; most are as they are. */
static struct str
joined(struct pen *p, struct name name)
{
	char prefix[TENANT_JOIN_MORE];
	if (tenant_join_prefix(name, prefix) == 0)
		return name.s;
	if (p->arena == NULL)
		p->arena = arena_create(PEN_MAX);
	return tenant_join(p->arena, name);
}

static void
make_room(struct pen *p)
{
	int cap = p->cap == 0 ? PEN_FEW : p->cap * 2;
	struct pen_record *v = p->cap == 0 ? p->few : mem_alloc((size_t)cap * sizeof(*v));
	if (p->n > 0)
		memcpy(v, p->v, (size_t)p->n * sizeof(*v));
	if (p->v != p->few)
		mem_free(p->v);
	p->v = v;
	p->cap = cap;
}

static void
begin(struct pen *p, struct coord_key *key, struct name group, struct str topic)
{
	size_t at = p->bytes.n;
	key->group = joined(p, group);
	key->topic = joined(p, NAME(group.tenant, topic));
	int err = coord_key_encode(key, &p->bytes);
	if (p->err == 0)
		p->err = err;
	if (p->n == p->cap)
		make_room(p);
	p->v[p->n++] = (struct pen_record){ .key_n = p->bytes.n - at, .deletes = true };
}

static void
value_done(struct pen *p, size_t at, int err)
{
	p->v[p->n - 1].deletes = false;
	p->v[p->n - 1].value_n = p->bytes.n - at;
	if (p->err == 0)
		p->err = err;
}

void
pen_offset(struct pen *p, struct name group, const struct offset *o, bool deletes)
{
	struct coord_key key = { .kind = COORD_KEY_OFFSET, .partition = o->partition };
	begin(p, &key, group, o->topic);
	size_t at = p->bytes.n;
	if (!deletes)
		value_done(p, at, coord_offset_encode(o, &p->bytes));
}

void
pen_group(struct pen *p, const struct entry *e, bool deletes)
{
	struct coord_key key = { .kind = COORD_KEY_GROUP };
	begin(p, &key, e->group->name, STR(""));
	size_t at = p->bytes.n;
	if (!deletes)
		value_done(p, at, coord_group_encode(e->group, &p->bytes));
}

void
pen_owner(struct pen *p, const struct entry *e, bool deletes)
{
	struct coord_key key = { .kind = COORD_KEY_OWNER };
	struct group_owner o = { str_from(e->owner), str_from(e->team), e->mode };
	begin(p, &key, e->group->name, STR(""));
	size_t at = p->bytes.n;
	if (!deletes)
		value_done(p, at, coord_owner_encode(&o, &p->bytes));
}

static int
append(struct pen *p)
{
	struct shard *s = p->shard;
	struct coord_record few[PEN_FEW], *r = p->n <= PEN_FEW ? few : mem_alloc((size_t)p->n * sizeof(*r));
	const uint8_t *at = p->bytes.p;
	for (int i = 0; i < p->n; i++) {
		r[i].key = (struct bytes){ at, p->v[i].key_n };
		at += p->v[i].key_n;
		r[i].value = (struct bytes){ p->v[i].deletes ? NULL : at, p->v[i].value_n };
		at += p->v[i].value_n;
	}
	int64_t end;
	int err = s->coord->io.append(s->coord->io.ctx, s->index, r, p->n, s->wall_ms, &end);
	if (err == 0)
		s->end = end;
	if (r != few)
		mem_free(r);
	return err;
}

int
pen_finish(struct pen *p)
{
	int err = p->err;
	if (err == 0 && p->n > 0)
		err = append(p);
	buf_free(&p->bytes);
	if (p->v != p->few)
		mem_free(p->v);
	if (p->arena != NULL)
		arena_destroy(&p->arena);
	return err;
}
