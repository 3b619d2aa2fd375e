/* SPDX-License-Identifier: Apache-2.0 */
/* One field a hash; what is read must have exactly the bytes of its hash. */
#include "meta/scram_record.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/mem.h"
#include "security/scram_keys.h"

static const char *const fields[SCRAM_HASHES] = { "scram-sha-256", "scram-sha-512" };

static struct str
key_text(struct arena *arena, enum scram_hash hash, const struct scram_key *k)
{
	size_t n = scram_hash_len(hash);
	struct str salt = record_hex(arena, k->salt, k->salt_len);
	struct str stored = record_hex(arena, k->stored, n), server = record_hex(arena, k->server, n);
	return arena_printf(arena, "%u:%.*s:%.*s:%.*s", k->iterations, STR_ARG(salt), STR_ARG(stored),
	    STR_ARG(server));
}

void
record_add_scram(struct arena *arena, struct buf *b, const struct scram_key keys[SCRAM_HASHES])
{
	for (int h = 0; h < SCRAM_HASHES; h++)
		if (keys[h].iterations != 0)
			record_add(b, fields[h], key_text(arena, (enum scram_hash)h, &keys[h]));
}

static int
read_key(struct str s, enum scram_hash hash, struct scram_key *ret)
{
	struct str part[4];
	struct scram_key k = { 0 };
	size_t want = scram_hash_len(hash), n;
	int64_t iterations;
	for (int i = 0; i < 4; i++)
		if (str_cut(&s, ':', &part[i]) != (i < 3))
			return ERR_CORRUPT;
	if (str_to_i64(part[0], 1, INT32_MAX, &iterations) != 0 ||
	    record_unhex(part[1], k.salt, sizeof(k.salt), &n) != 0)
		return ERR_CORRUPT;
	k.iterations = (uint32_t)iterations;
	k.salt_len = (uint8_t)n;
	if (record_unhex(part[2], k.stored, sizeof(k.stored), &n) != 0 || n != want ||
	    record_unhex(part[3], k.server, sizeof(k.server), &n) != 0 || n != want)
		return ERR_CORRUPT;
	*ret = k;
	mem_cleanse(&k, sizeof(k));
	return 0;
}

int
record_get_scram(const struct record *r, struct scram_key ret[SCRAM_HASHES])
{
	int err = 0;
	for (int h = 0; h < SCRAM_HASHES && err == 0; h++) {
		struct str field = record_get(r, fields[h]);
		if (field.p != NULL)
			err = read_key(field, (enum scram_hash)h, &ret[h]);
	}
	return err;
}
