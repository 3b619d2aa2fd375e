/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits: a persistent map from entity to values. The key is the tenant's
 * number (big-endian), how the user, client and address parts are given (none,
 * default, named), the length of the user's name, and the names; so no two
 * entities share one, and a tenant's lie together. Nothing fails.
 */
#include "tenant/quota.h"

#include <math.h>
#include <string.h>

#include "base/addr.h"
#include "base/mem.h"
#include "base/pmap.h"
#include "base/ref.h"

#define HEAD 9				/* tenant 4, parts 3, length of user 2 */
#define NAME_MAX_BYTES 32767

struct quota_image {
	struct ref ref;
	struct pmap *entries;
};

struct entry {
	struct ref ref;
	struct quota_entity entity;	/* views of key */
	struct quota_values values;
	struct str key;
	char bytes[];
};

static const struct {
	const char *text;
	bool on_user;
	double greatest;
} keys[] = {
#define X(name, text, on_user, greatest, what) { text, on_user, (double)(greatest) },
#include "tenant/quota.def"
#undef X
};

const char *
quota_key_name(enum quota_key key)
{
	return keys[key].text;
}

int
quota_key_parse(struct str s, enum quota_key *ret)
{
	for (int i = 0; i < QUOTA_KEYS; i++)
		if (str_is(s, keys[i].text)) {
			*ret = (enum quota_key)i;
			return 0;
		}
	return ERR_NOTFOUND;
}

bool
quota_key_takes(enum quota_key key, double value)
{
	/* INT64_MAX as a double is 2^63, which is too large. */
	double most = keys[key].greatest;
	return isfinite(value) && value > 0 && (most == 0 || (value == floor(value) &&
	    (most > INT32_MAX ? value < most : value <= most)));
}

static struct str
entry_key(const void *v)
{
	return ((const struct entry *)v)->key;
}

static void
entry_get(void *v)
{
	ref_get(&((struct entry *)v)->ref);
}

static void
entry_put(void *v)
{
	if (ref_put(&((struct entry *)v)->ref))
		mem_free(v);
}

static const struct pmap_ops entry_ops = { entry_key, entry_get, entry_put };

static struct str
cut(struct str s)
{
	return (struct str){ s.p, s.n < NAME_MAX_BYTES ? s.n : NAME_MAX_BYTES };
}

static uint8_t
part(bool has, struct str s)
{
	return !has ? 0 : s.p == NULL ? 1 : 2;
}

/* An entry with the key of this entity; the caller owns it. */
static struct entry *
entry_create(const struct quota_entity *e)
{
	struct str user = e->has_user ? cut(e->user) : STR_NULL;
	struct str rest = e->has_client ? cut(e->client) : e->has_ip ? cut(e->ip) : STR_NULL;
	struct entry *n = mem_zalloc(sizeof(*n) + HEAD + user.n + rest.n);
	char *b = n->bytes;
	ref_init(&n->ref);
	for (int i = 0; i < 4; i++)
		b[i] = (char)(e->tenant >> (24 - 8 * i));
	b[4] = (char)part(e->has_user, e->user);
	b[5] = (char)part(e->has_client, e->client);
	b[6] = (char)part(e->has_ip, e->ip);
	b[7] = (char)(user.n >> 8);
	b[8] = (char)(user.n & 0xff);
	if (user.n > 0)
		memcpy(b + HEAD, user.p, user.n);
	if (rest.n > 0)
		memcpy(b + HEAD + user.n, rest.p, rest.n);
	n->key = (struct str){ b, HEAD + user.n + rest.n };
	n->entity = *e;
	struct str user_view = { b + HEAD, user.n }, rest_view = { b + HEAD + user.n, rest.n };
	n->entity.user = b[4] == 2 ? user_view : STR_NULL;
	n->entity.client = b[5] == 2 ? rest_view : STR_NULL;
	n->entity.ip = b[6] == 2 ? rest_view : STR_NULL;
	return n;
}

struct quota_image *
quota_image_ref(struct quota_image *image)
{
	if (image != NULL)
		ref_get(&image->ref);
	return image;
}

void
quota_image_unref(struct quota_image **image)
{
	struct quota_image *i = *image;
	*image = NULL;
	if (i == NULL || !ref_put(&i->ref))
		return;
	pmap_unref(&i->entries, &entry_ops);
	mem_free(i);
}

struct quota_image *
quota_image_set(struct quota_image *image, const struct quota_entity *entity,
    const struct quota_values *values)
{
	struct pmap *old = image == NULL ? NULL : image->entries;
	struct quota_image *next = MEM_NEW(struct quota_image);
	struct entry *e = entry_create(entity);
	bool any = false;

	ref_init(&next->ref);
	e->values = *values;
	for (int i = 0; i < QUOTA_KEYS; i++)
		any = any || values->v[i] > 0;
	if (any) {
		next->entries = pmap_set(old, &entry_ops, e);
	} else {
		next->entries = pmap_del(old, &entry_ops, e->key);
		entry_put(e);
	}
	return next;
}

bool
quota_image_get(const struct quota_image *image, const struct quota_entity *entity,
    struct quota_values *ret)
{
	struct entry *probe = entry_create(entity);
	const struct entry *e = image == NULL ? NULL :
	    pmap_get(image->entries, &entry_ops, probe->key);
	if (e != NULL)
		*ret = e->values;
	entry_put(probe);
	return e != NULL;
}

bool
quota_image_next(const struct quota_image *image, struct str *pos, struct quota_entity *ret,
    struct quota_values *ret_values)
{
	const struct entry *e = image == NULL ? NULL :
	    pmap_after(image->entries, &entry_ops, *pos, false);
	if (e == NULL)
		return false;
	*pos = e->key;
	*ret = e->entity;
	*ret_values = e->values;
	return true;
}

static bool
empty_name(bool has, struct str s)
{
	return has && s.p != NULL && s.n == 0;
}

static int
check_parts(const struct quota_entity *e, struct why *why)
{
	struct addr addr;
	if (e->has_ip && (e->has_user || e->has_client || e->tenant != 0))
		return why_set(why, ERR_INVAL, "an address cannot be combined with a user, a "
		    "client id or a tenant");
	if (empty_name(e->has_user, e->user) || empty_name(e->has_client, e->client))
		return why_set(why, ERR_INVAL, "the name of a user or client id is empty");
	if (e->has_client && e->client.n > QUOTA_CLIENT_MAX)
		return why_set(why, ERR_INVAL, "of a client id %d bytes count at most", QUOTA_CLIENT_MAX);
	if (e->has_ip && e->ip.p != NULL && addr_parse(e->ip, &addr) != 0)
		return why_set(why, ERR_INVAL, "the entity ip is no address");
	return 0;
}

int
quota_entity_check(const struct quota_entity *e, enum quota_key key, double value, struct why *why)
{
	int err = check_parts(e, why);
	if (err != 0)
		return err;
	if (keys[key].on_user == e->has_ip)
		return why_set(why, ERR_INVAL, "%s is a quota of %s", keys[key].text,
		    e->has_ip ? "users, client ids and tenants" : "addresses");
	if ((int)key >= QUOTA_RATES && e->has_client)
		return why_set(why, ERR_INVAL, "%s is a quota of users and tenants", keys[key].text);
	if (key == QUOTA_STORED && e->has_user)
		return why_set(why, ERR_INVAL, "%s is a quota of tenants", keys[key].text);
	if (!(value > 0) || isinf(value))
		return why_set(why, ERR_INVAL, "the value of %s must be greater than 0",
		    keys[key].text);
	return 0;
}
