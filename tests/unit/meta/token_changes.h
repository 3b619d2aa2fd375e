/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Changes of tokens, as those make them who may. */
#include "room.h"

#include "meta/tokens.h"

/* The one that a user is, or was. */
static inline struct principal
asker(struct room *r, struct name user)
{
	struct cred c;
	image_cred(atomic_load(&r->image), user, 0, &c);
	return (struct principal){ .user = user, .mechanism = "", .user_generation = c.generation };
}

static inline enum change_result
secret_is(struct room *r, uint32_t tenant, uint8_t byte)
{
	struct token_secret_change c = { .tenant = tenant };
	memset(c.bytes, byte, sizeof(c.bytes));
	token_secret_init(&c);
	return submit(r, &c.change);
}

static inline struct token_create
token_of(struct room *r, const struct principal *by, const char *owner, const char *id)
{
	struct token_create c = { .by = *by, .id = NAME(by->user.tenant, str_from(id)), .owner = str_from(owner),
		.now_ms = 1000, .expires_ms = 2000, .max_ms = 3000, .most = 3 };
	(void)r;
	for (int h = 0; h < SCRAM_HASHES; h++)
		c.keys[h] = (struct scram_key){ .iterations = 8192, .salt_len = 8, .salt = { 1 }, .stored = { 2 }, .server = { 3 } };
	token_create_init(&c);
	return c;
}

static inline enum change_result
make_token(struct room *r, const struct principal *by, const char *owner, const char *id, const char *renewer)
{
	struct token_create c = token_of(r, by, owner, id);
	if (renewer != NULL)
		*ARRAY_ADD(r->arena, c.renewers) = str_from(renewer);
	return submit(r, &c.change);
}

/* expires_ms -1: it goes. */
static inline enum change_result
end_token(struct room *r, const struct principal *by, const char *id, int64_t now_ms, int64_t expires_ms)
{
	struct token_alter c = { .by = *by, .id = NAME(by->user.tenant, str_from(id)), .now_ms = now_ms, .expires_ms = expires_ms };
	token_alter_init(&c);
	return submit(r, &c.change);
}
