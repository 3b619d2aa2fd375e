/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Persistent maps (base/pmap.h) over counted values. Names of all tenants lie
 * in one map, under the tenant's number and the name, so that one tenant's are a
 * range of it.
 */
#include "meta/image.h"

#include "base/mem.h"
#include "meta/image_impl.h"

#define KEY_MAX (4 + 4096)

#define VALUE_OPS(kind, field, freeing) \
	static struct str kind##_key(const void *v) { return ((const struct image_##kind *)v)->field; } \
	static void kind##_get(void *v) { ref_get(&((struct image_##kind *)v)->ref); } \
	static void kind##_put(void *v) { \
		struct image_##kind *x = v; \
		if (ref_put(&x->ref)) { \
			freeing; \
			mem_free((void *)(uintptr_t)x->key.p); \
			mem_free(x); \
		} \
	} \
	const struct pmap_ops image_##kind##_ops = { kind##_key, kind##_get, kind##_put }

static void
topic_free_values(struct image_topic *t)
{
	for (int i = 0; i < TOPIC_KEYS; i++)
		mem_free((void *)(uintptr_t)t->set.v[i]);
	mem_free(t->eras);
}

VALUE_OPS(topic, key, topic_free_values(x));
VALUE_OPS(user, key, mem_cleanse(&x->cred, sizeof(x->cred)));
VALUE_OPS(tenant, key, mem_free((void *)(uintptr_t)x->name.p); mem_free((void *)(uintptr_t)x->owner.p));
VALUE_OPS(option, key, mem_free((void *)(uintptr_t)x->value.p));

static struct str
id_key(const void *v)
{
	return (struct str){ (const char *)((const struct image_topic *)v)->id.b, 16 };
}

const struct pmap_ops image_id_ops = { id_key, topic_get, topic_put };

struct str
image_key(struct name name, char *out)
{
	out[0] = (char)(name.tenant >> 24);
	out[1] = (char)(name.tenant >> 16);
	out[2] = (char)(name.tenant >> 8);
	out[3] = (char)name.tenant;
	if (name.s.n > 0)
		memcpy(out + 4, name.s.p, name.s.n);
	return (struct str){ out, 4 + name.s.n };
}

struct str
image_key_dup(struct name name)
{
	return image_key(name, mem_alloc(4 + name.s.n));
}

struct image *
image_create(const struct topic_overrides *defaults)
{
	struct image *im = MEM_NEW(struct image);
	ref_init(&im->ref);
	im->acl = acl_image_create();
	for (int i = 0; defaults != NULL && i < TOPIC_KEYS; i++)
		im->file_dflt.v[i] = defaults->v[i];
	im->dflt = im->file_dflt;
	im->next_tenant = 1;
	im->next_generation = 1;
	return im;
}

struct image *
image_ref(const struct image *image)
{
	struct image *im = (struct image *)(uintptr_t)image;
	ref_get(&im->ref);
	return im;
}

void
image_unref(struct image **image)
{
	struct image *im = *image;
	*image = NULL;
	if (im == NULL || !ref_put(&im->ref))
		return;
	acl_image_unref(&im->acl);
	quota_image_unref(&im->quotas);
	pmap_unref(&im->topics, &image_topic_ops);
	pmap_unref(&im->by_id, &image_id_ops);
	pmap_unref(&im->users, &image_user_ops);
	pmap_unref(&im->tenants, &image_tenant_ops);
	pmap_unref(&im->options, &image_option_ops);
	pmap_unref(&im->tokens, &image_token_ops);
	pmap_unref(&im->tokens_by_owner, &image_token_owner_ops);
	pmap_unref(&im->tokens_by_digest, &image_token_digest_ops);
	pmap_unref(&im->secrets, &image_secret_ops);
	mem_free(im);
}

uint64_t
image_generation(const struct image *im)
{
	return im->generation;
}

void
image_set_generation(struct image *im, uint64_t generation)
{
	im->generation = generation;
}

void
image_keep_generations(struct image *im, const struct image *older)
{
	if (older->next_generation > im->next_generation)
		im->next_generation = older->next_generation;
}

const struct acl_image *
image_acl(const struct image *im)
{
	return im->acl;
}

struct quota_image *
image_quotas(const struct image *im)
{
	return im->quotas;
}

const struct image_topic *
image_topic(const struct image *im, struct name name)
{
	char key[KEY_MAX];
	if (name.s.n > KEY_MAX - 4)
		return NULL;
	return pmap_get(im->topics, &image_topic_ops, image_key(name, key));
}

const struct image_topic *
image_topic_by_id(const struct image *im, const struct uuid *id)
{
	return pmap_get(im->by_id, &image_id_ops, (struct str){ (const char *)id->b, 16 });
}

const struct image_topic *
image_next_topic(const struct image *im, uint32_t tenant, struct str after)
{
	char key[KEY_MAX];
	if (after.n > KEY_MAX - 4)
		return NULL;
	const struct image_topic *t = pmap_after(im->topics, &image_topic_ops,
	    image_key(NAME(tenant, after), key), after.p == NULL);
	return t != NULL && t->name.tenant == tenant ? t : NULL;
}

size_t
image_topic_count(const struct image *im)
{
	return pmap_count(im->topics);
}

int32_t
image_leader_epoch(const struct image *im, const struct image_topic *t, int32_t partition)
{
	int32_t i = t->eras_n - 1;
	while (i > 0 && t->eras[i].first > partition)
		i--;
	return im->era - t->eras[i].era;
}

int32_t
image_era(const struct image *im)
{
	return im->era;
}

const struct image_tenant *
image_tenant(const struct image *im, uint32_t number)
{
	char key[4];
	return pmap_get(im->tenants, &image_tenant_ops, image_key(NAME(number, STR("")), key));
}

bool
image_tenant_is_open(const struct image *im, uint32_t number)
{
	const struct image_tenant *t = image_tenant(im, number);
	return t != NULL && t->state == TENANT_OPEN;
}

const struct image_tenant *
image_next_tenant(const struct image *im, const struct image_tenant *after)
{
	return pmap_after(im->tenants, &image_tenant_ops, after == NULL ? STR("") : after->key, false);
}

void
image_cred(const struct image *im, struct name user, int64_t wall_ms, struct cred *ret)
{
	char key[KEY_MAX];
	const struct image_user *u = user.s.n > KEY_MAX - 4 ? NULL :
	    pmap_get(im->users, &image_user_ops, image_key(user, key));
	const struct image_tenant *t = image_tenant(im, user.tenant);
	memset(ret, 0, sizeof(*ret));
	ret->closed = t != NULL && t->state != TENANT_OPEN;
	if (u == NULL)
		return;
	*ret = u->cred;
	ret->closed = t == NULL || t->state != TENANT_OPEN;
	ret->exists = true;
	ret->expired = u->cred.expires_ms != 0 && u->cred.expires_ms <= wall_ms;
}

const struct topic_overrides *
image_defaults(const struct image *im)
{
	return &im->dflt;
}

struct str
image_broker_option(const struct image *im, struct str name)
{
	const struct image_option *o = pmap_get(im->options, &image_option_ops, name);
	return o == NULL ? STR_NULL : o->value;
}

struct str
image_next_broker_option(const struct image *im, struct str after, struct str *ret_value)
{
	const struct image_option *o = pmap_after(im->options, &image_option_ops,
	    after.p == NULL ? STR("") : after, after.p == NULL);
	if (o == NULL)
		return STR_NULL;
	*ret_value = o->value;
	return o->key;
}

uint32_t
image_next_tenant_number(const struct image *im)
{
	return im->next_tenant;
}

uint64_t
image_next_generation(const struct image *im)
{
	return im->next_generation;
}

int64_t
image_next_producer_id(const struct image *im)
{
	return im->next_producer_id;
}
