/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed fields by hand: four small formats that never change, older than
 * Kafka's flexible versions. Offsets that carry an expiry of their own are
 * written as version 1, the only one that has room for it; all else as 3.
 * Reading is by a sticky cursor: after an error every read yields zero, and the
 * error is looked at once, at the end.
 */
#include "coord/records.h"

#include "base/be.h"
#include "base/err.h"
#include "wire/reader.h"

#define KEY_OFFSET_OLD	0
#define KEY_OFFSET	1
#define KEY_GROUP	2
#define KEY_OWNER	20000

/* Fixed fields gather here, so that what lies between two strings is added at once. */
struct fields {
	size_t n;
	uint8_t b[48];
};

static void
add_int(struct fields *f, int bytes, int64_t v)
{
	be_put(f->b + f->n, (uint64_t)v, (unsigned)bytes);
	f->n += (size_t)bytes;
}

/* The fields, then a string with a 16-bit length. */
static int
put_fields(struct buf *out, struct fields *f, struct str s)
{
	if (s.n > INT16_MAX)
		return ERR_LIMIT;
	add_int(f, 2, s.p == NULL ? -1 : (int64_t)s.n);
	int err = buf_add(out, f->b, f->n);
	f->n = 0;
	return err != 0 || s.n == 0 ? err : buf_add(out, s.p, s.n);
}

static int
put_int(struct buf *out, int bytes, int64_t v)
{
	struct fields f = { .n = 0 };
	add_int(&f, bytes, v);
	return buf_add(out, f.b, f.n);
}

/* A nullable string with a 16-bit length. */
static int
put_str(struct buf *out, struct str s)
{
	if (s.p == NULL)
		return put_int(out, 2, -1);
	if (s.n > INT16_MAX)
		return ERR_LIMIT;
	int err = put_int(out, 2, (int64_t)s.n);
	return err != 0 ? err : buf_add(out, s.p, s.n);
}

static int
put_bytes(struct buf *out, struct bytes b)
{
	int err = b.n > INT32_MAX ? ERR_LIMIT : put_int(out, 4, (int64_t)b.n);
	return err != 0 ? err : buf_add(out, b.p, b.n);
}

/* Bytes with a 32-bit length; -1 counts as none. */
static struct bytes
get_bytes(struct reader *r)
{
	int32_t n = reader_i32(r);
	if (n < -1)
		reader_fail(r, ERR_CORRUPT);
	return (struct bytes){ reader_bytes(r, n < 0 ? 0 : (size_t)n), n < 0 ? 0 : (size_t)n };
}

int
coord_key_decode(struct bytes key, struct coord_key *ret)
{
	struct reader r = reader_of(key.p, key.n);
	struct coord_key k = { .partition = -1 };
	int version = reader_i16(&r);
	switch (version) {
	case KEY_OFFSET_OLD:
	case KEY_OFFSET:
		k.kind = COORD_KEY_OFFSET;
		k.group = reader_str(&r, true);
		k.topic = reader_str(&r, true);
		k.partition = reader_i32(&r);
		break;
	case KEY_GROUP:
	case KEY_OWNER:
		k.kind = version == KEY_GROUP ? COORD_KEY_GROUP : COORD_KEY_OWNER;
		k.group = reader_str(&r, true);
		break;
	default:
		return r.err != 0 ? r.err : ERR_UNSUPPORTED;
	}
	if (r.err != 0 || k.group.p == NULL || reader_left(&r) > 0)
		return ERR_CORRUPT;
	*ret = k;
	return 0;
}

int
coord_key_encode(const struct coord_key *k, struct buf *out)
{
	static const int16_t versions[] = {
		[COORD_KEY_OFFSET] = KEY_OFFSET,
		[COORD_KEY_GROUP] = KEY_GROUP,
		[COORD_KEY_OWNER] = KEY_OWNER,
	};
	struct fields f = { .n = 0 };
	add_int(&f, 2, versions[k->kind]);
	int err = put_fields(out, &f, k->group);
	if (err == 0 && k->kind == COORD_KEY_OFFSET)
		err = put_fields(out, &f, k->topic);
	if (err == 0 && k->kind == COORD_KEY_OFFSET)
		err = put_int(out, 4, k->partition);
	return err;
}

int
coord_offset_decode(struct bytes value, struct offset *ret)
{
	struct reader r = reader_of(value.p, value.n);
	struct offset o = *ret;
	int version = reader_i16(&r);
	if (r.err == 0 && (version < 0 || version > 3))
		return ERR_UNSUPPORTED;
	o.offset = reader_i64(&r);
	o.leader_epoch = version >= 3 ? reader_i32(&r) : -1;
	o.metadata = reader_str(&r, true);
	o.commit_ms = reader_i64(&r);
	o.expire_ms = version == 1 ? reader_i64(&r) : -1;
	if (r.err != 0)
		return ERR_CORRUPT;
	*ret = o;
	return 0;
}

int
coord_offset_encode(const struct offset *o, struct buf *out)
{
	bool expires = o->expire_ms >= 0;
	struct str metadata = o->metadata.p == NULL ? STR("") : o->metadata;
	struct fields f = { .n = 0 };
	add_int(&f, 2, expires ? 1 : 3);
	add_int(&f, 8, o->offset);
	if (!expires)
		add_int(&f, 4, o->leader_epoch);
	int err = put_fields(out, &f, metadata);
	add_int(&f, 8, o->commit_ms);
	if (expires)
		add_int(&f, 8, o->expire_ms);
	return err != 0 ? err : buf_add(out, f.b, f.n);
}

static void
member_decode(struct reader *r, int version, struct group_stored_member *m)
{
	m->id = reader_str(r, true);
	m->instance_id = version >= 3 ? reader_str(r, true) : STR_NULL;
	m->client_id = reader_str(r, true);
	m->client_host = reader_str(r, true);
	m->rebalance_ms = version >= 1 ? reader_i32(r) : -1;
	m->session_ms = reader_i32(r);
	m->subscription = get_bytes(r);
	m->assignment = get_bytes(r);
	if (version < 1)
		m->rebalance_ms = m->session_ms;
	if (r->err == 0 && (m->id.n == 0 || !group_word_fits(m->id) ||
	    !group_word_fits(m->instance_id) || m->session_ms < 0 || m->rebalance_ms < 0))
		r->err = ERR_CORRUPT;
}

int
coord_group_decode(struct bytes value, struct arena *arena, struct group_stored *ret)
{
	/* The least that a member takes: three string lengths, a number, two blobs. */
	enum { MEMBER_MIN = 3 * 2 + 4 + 2 * 4 };
	struct reader r = reader_of(value.p, value.n);
	struct group_stored s = { .state_since_ms = -1 };
	int version = reader_i16(&r);
	if (r.err == 0 && (version < 0 || version > 3))
		return ERR_UNSUPPORTED;
	s.protocol_type = reader_str(&r, true);
	s.generation = reader_i32(&r);
	s.protocol = reader_str(&r, true);
	s.leader = reader_str(&r, true);
	if (version >= 2)
		s.state_since_ms = reader_i64(&r);
	int32_t count = reader_i32(&r);
	if (r.err != 0 || s.generation < 0 || count < 0 || (size_t)count > reader_left(&r) / MEMBER_MIN)
		return ERR_CORRUPT;
	if (!group_word_fits(s.protocol_type) || !group_word_fits(s.protocol))
		return ERR_CORRUPT;
	ARRAY_SIZE(arena, s.members, count);
	ARRAY_FOREACH(struct group_stored_member, m, s.members)
		member_decode(&r, version, m);
	if (r.err != 0)
		return ERR_CORRUPT;
	*ret = s;
	return 0;
}

static int
member_encode(const struct group *g, const struct member *m, struct buf *out)
{
	int err = put_str(out, str_from(m->id));
	if (err == 0)
		err = put_str(out, str_from(m->instance_id));
	if (err == 0)
		err = put_str(out, str_from(m->client_id != NULL ? m->client_id : ""));
	if (err == 0)
		err = put_str(out, str_from(m->client_host != NULL ? m->client_host : ""));
	if (err == 0)
		err = put_int(out, 4, m->rebalance_ms);
	if (err == 0)
		err = put_int(out, 4, m->session_ms);
	if (err == 0)
		err = put_bytes(out, member_metadata(m, g->protocol));
	if (err == 0)
		err = put_bytes(out, (struct bytes){ m->assignment, m->assignment_n });
	return err;
}

int
coord_group_encode(const struct group *g, struct buf *out)
{
	int err = put_int(out, 2, 3);
	if (err == 0)
		err = put_str(out, str_from(g->protocol_type != NULL ? g->protocol_type : ""));
	if (err == 0)
		err = put_int(out, 4, g->generation);
	if (err == 0)
		err = put_str(out, str_from(g->protocol));
	if (err == 0)
		err = put_str(out, str_from(g->members_n > 0 ? g->leader : NULL));
	if (err == 0)
		err = put_int(out, 8, g->state_since_ms);
	if (err == 0)
		err = put_int(out, 4, g->members_n);
	LIST_FOREACH(hook, &g->members)
		if (err == 0)
			err = member_encode(g, CONTAINER_OF(hook, struct member, hook), out);
	return err;
}

int
coord_owner_decode(struct bytes value, struct group_owner *ret)
{
	struct reader r = reader_of(value.p, value.n);
	struct group_owner o;
	int version = reader_i16(&r);
	o.owner = reader_str(&r, true);
	o.team = reader_str(&r, true);
	o.mode = (uint16_t)reader_i16(&r);
	if (r.err == 0 && version != 0)
		return ERR_UNSUPPORTED;
	if (r.err != 0 || o.owner.p == NULL || o.mode > 0777)
		return ERR_CORRUPT;
	*ret = o;
	return 0;
}

int
coord_owner_encode(const struct group_owner *o, struct buf *out)
{
	int err = put_int(out, 2, 0);
	if (err == 0)
		err = put_str(out, o->owner);
	if (err == 0)
		err = put_str(out, o->team);
	if (err == 0)
		err = put_int(out, 2, o->mode);
	return err;
}
