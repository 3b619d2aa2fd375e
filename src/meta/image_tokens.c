/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three maps over the same tokens: by id (logins), by the digest of the HMAC (who renews and expires names a
 * token by that), and by owner. The secret comes before the tokens in the order of paths, so that
 * a tree loads in one walk.
 */
#include "meta/image_tokens.h"

#include "base/mem.h"
#include "meta/image_impl.h"
#include "meta/scram_record.h"

static struct str
by_id(const void *v)
{
	return ((const struct image_token *)v)->key;
}

static struct str
by_owner(const void *v)
{
	return ((const struct image_token *)v)->owner_key;
}

static struct str
by_digest(const void *v)
{
	const struct image_token *t = v;
	return (struct str){ t->digest_key, sizeof(t->digest_key) };
}

static struct str
secret_key(const void *v)
{
	return ((const struct image_secret *)v)->key;
}

static void
drop_str(struct str s)
{
	mem_free((void *)(uintptr_t)s.p);
}

static void
token_get(void *v)
{
	ref_get(&((struct image_token *)v)->ref);
}

static void
token_put(void *v)
{
	struct image_token *t = v;
	if (!ref_put(&t->ref))
		return;
	for (uint32_t i = 0; i < t->renewers_n; i++)
		drop_str(t->renewers[i]);
	mem_free(t->renewers);
	drop_str(t->requester);
	drop_str(t->owner_key);
	drop_str(t->key);
	mem_cleanse(t, sizeof(*t));
	mem_free(t);
}

static void
secret_get(void *v)
{
	ref_get(&((struct image_secret *)v)->ref);
}

static void
secret_put(void *v)
{
	struct image_secret *s = v;
	if (!ref_put(&s->ref))
		return;
	drop_str(s->key);
	mem_cleanse(s, sizeof(*s));
	mem_free(s);
}

const struct pmap_ops image_token_ops = { by_id, token_get, token_put };
const struct pmap_ops image_token_owner_ops = { by_owner, token_get, token_put };
const struct pmap_ops image_token_digest_ops = { by_digest, token_get, token_put };
const struct pmap_ops image_secret_ops = { secret_key, secret_get, secret_put };

/* ---- reading ---- */

#define ID_MAX 64

const struct image_token *
image_token(const struct image *im, struct name id)
{
	char key[4 + ID_MAX];
	return id.s.n > ID_MAX ? NULL : pmap_get(im->tokens, &image_token_ops, image_key(id, key));
}

const uint8_t *
image_token_secret(const struct image *im, uint32_t tenant)
{
	char key[4];
	const struct image_secret *s = pmap_get(im->secrets, &image_secret_ops, image_key(NAME(tenant, STR("")), key));
	return s == NULL ? NULL : s->bytes;
}

bool
image_token_hmac(const struct image *im, const struct image_token *t, uint8_t ret[TOKEN_HMAC_LEN])
{
	const uint8_t *secret = image_token_secret(im, t->id.tenant);
	return secret != NULL && token_hmac(secret, t->id.s, ret);
}

const struct image_token *
image_token_by_hmac(const struct image *im, uint32_t tenant, const void *hmac, size_t n)
{
	uint8_t digest[TOKEN_DIGEST_LEN], is[TOKEN_HMAC_LEN];
	char key[4 + TOKEN_DIGEST_LEN];
	if (!token_digest(hmac, n, digest))
		return NULL;
	const struct str s = { (const char *)digest, sizeof(digest) };
	const struct image_token *t = pmap_get(im->tokens_by_digest, &image_token_digest_ops,
	    image_key(NAME(tenant, s), key));
	bool same = t != NULL && image_token_hmac(im, t, is) && token_hmac_eq(is, hmac, n);
	mem_cleanse(is, sizeof(is));
	return same ? t : NULL;
}

const struct image_token *
image_next_token(const struct image *im, uint32_t tenant, const struct image_token *after)
{
	char key[4];
	const struct image_token *t = pmap_after(im->tokens_by_owner, &image_token_owner_ops,
	    after != NULL ? after->owner_key : image_key(NAME(tenant, STR("")), key), after == NULL);
	return t != NULL && t->id.tenant == tenant ? t : NULL;
}

const struct image_token *
image_next_token_of(const struct image *im, struct name owner, const struct image_token *after)
{
	char key[4 + USER_NAME_MAX + 1] = { 0 };
	if (owner.s.n > USER_NAME_MAX)
		return NULL;
	const struct str first = { key, image_key(owner, key).n + 1 };
	const struct image_token *t = pmap_after(im->tokens_by_owner, &image_token_owner_ops,
	    after != NULL ? after->owner_key : first, after == NULL);
	return t != NULL && t->id.tenant == owner.tenant && str_eq(t->owner, owner.s) ? t : NULL;
}

void
image_cred_token(const struct image *im, struct name id, int64_t wall_ms, struct cred_token *ret)
{
	const struct image_token *t = image_token(im, id);
	*ret = (struct cred_token){ .cred = { .exists = false } };
	if (t == NULL || uuid_parse(t->id.s, &ret->id) != 0)
		return;
	image_cred(im, NAME(id.tenant, t->owner), wall_ms, &ret->cred);
	memcpy(ret->cred.scram, t->scram, sizeof(t->scram));
	/* However its owner proves himself, if he may at all. */
	if (ret->cred.mechanisms != 0)
		ret->cred.mechanisms = MECH_BIT(MECH_SCRAM_SHA_256) | MECH_BIT(MECH_SCRAM_SHA_512);
	if (ret->cred.expires_ms == 0 || ret->cred.expires_ms > t->expires_ms)
		ret->cred.expires_ms = t->expires_ms;
	ret->cred.expired = ret->cred.expires_ms <= wall_ms;
	ret->owner_n = t->owner.n;
	memcpy(ret->owner, t->owner.p, t->owner.n);
}

bool
image_token_over(const struct image *im, uint32_t tenant, const struct uuid *id, int64_t wall_ms)
{
	char text[UUID_TEXT];
	if (uuid_is_zero(id))
		return false;
	const struct image_token *t = image_token(im, NAME(tenant, str_from(uuid_format(id, text))));
	return t == NULL || t->expires_ms <= wall_ms;
}

/* ---- making new versions ---- */

static void
swap(struct pmap **map, struct pmap *next, const struct pmap_ops *ops)
{
	pmap_unref(map, ops);
	*map = next;
}

static struct str
copy(struct str s)
{
	return (struct str){ str_dup(s), s.n };
}

static void
set_owner(struct image_token *t, struct str owner)
{
	size_t n = 4 + owner.n + 1 + t->id.s.n;
	char *key = mem_alloc(n);
	image_key(NAME(t->id.tenant, owner), key);
	key[4 + owner.n] = '\0';
	memcpy(key + 4 + owner.n + 1, t->id.s.p, t->id.s.n);
	t->owner_key = (struct str){ key, n };
	t->owner = (struct str){ key + 4, owner.n };
}

static int
read_times(const struct record *r, struct image_token *t)
{
	int err = record_int(r, "issued", -1, &t->issued_ms);
	if (err == 0)
		err = record_int(r, "expires", -1, &t->expires_ms);
	if (err == 0)
		err = record_int(r, "max", -1, &t->max_ms);
	return err == 0 && (t->issued_ms < 0 || t->expires_ms < 0 || t->max_ms < 0) ? ERR_CORRUPT : err;
}

static int
read_token(const struct image *im, const struct record *r, struct image_token *t)
{
	struct str owner = record_get(r, "owner"), requester = record_get(r, "requester");
	uint8_t hmac[TOKEN_HMAC_LEN], digest[TOKEN_DIGEST_LEN];
	if (owner.p == NULL || owner.n == 0 || owner.n > USER_NAME_MAX || read_times(r, t) != 0 ||
	    record_get_scram(r, t->scram) != 0)
		return ERR_CORRUPT;
	set_owner(t, owner);
	t->requester = copy(requester.p == NULL ? STR("") : requester);
	t->renewers = mem_zalloc((size_t)(r->fields.n + 1) * sizeof(*t->renewers));
	ARRAY_FOREACH(const struct record_field, f, r->fields)
		if (str_is(f->key, "renewer"))
			t->renewers[t->renewers_n++] = copy(f->value);
	bool ok = image_token_hmac(im, t, hmac) && token_digest(hmac, sizeof(hmac), digest);
	mem_cleanse(hmac, sizeof(hmac));
	if (!ok)
		return ERR_CORRUPT;
	image_key(NAME(t->id.tenant, ((struct str){ (const char *)digest, sizeof(digest) })), t->digest_key);
	return 0;
}

static void
forget(struct image *im, const struct image_token *t)
{
	token_get((void *)(uintptr_t)t);
	swap(&im->tokens, pmap_del(im->tokens, &image_token_ops, t->key), &image_token_ops);
	swap(&im->tokens_by_owner, pmap_del(im->tokens_by_owner, &image_token_owner_ops, t->owner_key),
	    &image_token_owner_ops);
	swap(&im->tokens_by_digest, pmap_del(im->tokens_by_digest, &image_token_digest_ops, by_digest(t)),
	    &image_token_digest_ops);
	token_put((void *)(uintptr_t)t);
}

int
image_apply_token(struct image *im, struct name id, const struct record *r)
{
	const struct image_token *old = image_token(im, id);
	struct image_token *t = NULL;
	struct uuid uuid;
	if (r != NULL) {
		t = MEM_NEW(struct image_token);
		ref_init(&t->ref);
		t->key = image_key_dup(id);
		t->id = NAME(id.tenant, ((struct str){ t->key.p + 4, t->key.n - 4 }));
		int err = uuid_parse(id.s, &uuid) != 0 || uuid_is_zero(&uuid) ? ERR_CORRUPT : read_token(im, r, t);
		if (err != 0) {
			token_put(t);
			return err;
		}
	}
	if (old != NULL)
		forget(im, old);
	if (t == NULL)
		return 0;
	token_get(t);
	token_get(t);
	swap(&im->tokens, pmap_set(im->tokens, &image_token_ops, t), &image_token_ops);
	swap(&im->tokens_by_owner, pmap_set(im->tokens_by_owner, &image_token_owner_ops, t), &image_token_owner_ops);
	swap(&im->tokens_by_digest, pmap_set(im->tokens_by_digest, &image_token_digest_ops, t), &image_token_digest_ops);
	return 0;
}

int
image_apply_secret(struct image *im, uint32_t tenant, const struct record *r)
{
	char key[4];
	size_t n;
	if (r == NULL) {
		swap(&im->secrets, pmap_del(im->secrets, &image_secret_ops, image_key(NAME(tenant, STR("")), key)),
		    &image_secret_ops);
		return 0;
	}
	struct image_secret *s = MEM_NEW(struct image_secret);
	ref_init(&s->ref);
	s->key = image_key_dup(NAME(tenant, STR("")));
	if (record_unhex(record_get(r, "bytes"), s->bytes, sizeof(s->bytes), &n) != 0 || n != sizeof(s->bytes)) {
		secret_put(s);
		return ERR_CORRUPT;
	}
	swap(&im->secrets, pmap_set(im->secrets, &image_secret_ops, s), &image_secret_ops);
	return 0;
}
