/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "wire/reader.h"
#include "wire/types.h"
#include "wire/writer.h"

/*
 * One codec for every message: it walks tables that wiregen.py makes from
 * schema/ *.api, one for each version of a struct. Structs are declared in wire/msg.h.
 *
 * Names (topic, group, transactional id, user) meet their tenant here and
 * nowhere else: decoding gives each the tenant of the connection, encoding
 * fails with ERR_FOREIGN on any other tenant's name.
 *
 * Nothing here is shared or mutable: any thread may use it.
 */
enum wire_kind {
	WIRE_BOOL, WIRE_I8, WIRE_I16, WIRE_U16, WIRE_I32, WIRE_U32, WIRE_I64, WIRE_F64,
	WIRE_UUID, WIRE_STR, WIRE_BYTES, WIRE_NAME, WIRE_RECORDS, WIRE_STRUCT,
};

/* What a field means, for whoever walks the tables: tests, logs, the gate. */
enum wire_sem {
	WIRE_SEM_NONE, WIRE_SEM_TOPIC, WIRE_SEM_GROUP, WIRE_SEM_TXNID, WIRE_SEM_USER,
	WIRE_SEM_TENANT, WIRE_SEM_CLIENT, WIRE_SEM_SHARE, WIRE_SEM_TOKEN, WIRE_SEM_PLAIN,
	WIRE_SEM_BROKER, WIRE_SEM_KERR, WIRE_SEM_OPAQUE,
};

enum {
	WIRE_F_ARRAY = 1,	/* ARRAY(kind) */
	WIRE_F_POINTER = 2,	/* a struct that may be null: struct x * */
	WIRE_F_SECRET = 4,	/* masked by wire_dump() */
	WIRE_F_EMPTY = 8,	/* absent is "" or an empty array, not null */
	WIRE_F_TEXT = 16,	/* by is a string, not a number */
};

#define WIRE_NO_TAG (-1)

/* One meaning of a name whose kind depends on a field beside it. */
struct wire_case {
	const char *text;	/* the value, where that field is a string */
	int16_t value;
	uint8_t sem;
};

struct wire_variant {
	const char *name;
	const struct wire_case *cases;
	int n;
};

struct wire_field {
	const char *name;
	const struct wire_type *type;		/* WIRE_STRUCT: of the struct or element */
	const struct wire_variant *variant;	/* the name's kind hangs on another field, */
	const struct wire_field *by;		/* this one */
	int64_t dflt;				/* where a version lacks it (numbers) */
	uint16_t off;
	uint8_t kind, sem, flags;
	int8_t lo, hi;				/* versions that carry it */
	int8_t tag;				/* or WIRE_NO_TAG */
};

struct wire_plan;				/* what one version carries: wire/table.h */

struct wire_type {
	const char *name;
	const struct wire_field *fields;	/* in order on the wire; tagged ones last, by tag */
	uint16_t n;
	uint32_t size;				/* of the C struct */
	bool fix;				/* has names that may turn out plain */
	bool secret;				/* has secrets, itself or in what it holds */
	const void *absent;			/* a struct of defaults */
	const struct wire_plan *const *plans;	/* [version] */
};

struct wire_msg {
	const struct wire_type *type;
	int8_t lo, hi, flex;			/* flex: first version with compact forms and tags */
};

/* A row for each API. */
struct wire_api {
	int16_t key;
	int8_t lo, hi, flex;
	bool own;				/* Schloss's, not Kafka's: not in ApiVersions */
	const char *name;			/* as Kafka writes it: "ListOffsets" */
	const struct wire_msg *req, *rsp;
};

extern const struct wire_api wire_apis[];	/* ascending by key */
extern const int wire_apis_n;

/* NULL where there is no such API. */
const struct wire_api *wire_api_find(int key);

/* The most elements of one array, and tags of one struct, that are read. */
#define WIRE_ARRAY_MAX 1000000
#define WIRE_TAGS_MAX 10000

/*
 * Decodes a message into *ret_msg (of msg->type->size bytes). Everything it
 * points to lies in the arena, except records: views into the reader's bytes.
 * Fields that the version lacks get their defaults. tenant: the connection's.
 * Bytes behind the message are left to the reader (see reader_end()).
 *
 * ERR_UNSUPPORTED: no such version. ERR_SHORT: the bytes end too early.
 * ERR_CORRUPT: no such message. ERR_LIMIT: over WIRE_ARRAY_MAX, WIRE_TAGS_MAX
 * or the arena's limit. After an error *ret_msg holds nothing of use.
 */
int wire_decode(const struct wire_msg *msg, int version, struct reader *r,
    struct arena *arena, uint32_t tenant, void *ret_msg);

/*
 * Encodes *in. A field that the version lacks is dropped where it is lossy or
 * holds its default or zero, else ERR_INVAL: the caller meant something that
 * cannot be said. A null string or bytes in a field that may not be null is
 * sent as empty, so that a zeroed struct is a valid one; a null array there is
 * ERR_INVAL. ERR_FOREIGN: a name of another tenant; nothing of the writer may be
 * sent. ERR_UNSUPPORTED: no such version. Strings over their length: ERR_LIMIT.
 */
int wire_encode(const struct wire_msg *msg, int version, struct writer *w,
    uint32_t tenant, const void *in);

/* The same in one run of bytes, in the arena; nothing is in *ret after an error. */
int wire_encode_whole(const struct wire_msg *msg, int version, struct arena *arena, uint32_t tenant, const void *in,
    struct bytes *ret);

/* Fills an element with its defaults: fetch_rsp_partition_type and so on. */
static inline void
wire_defaults_of(const struct wire_type *type, void *ret_item)
{
	memcpy(ret_item, type->absent, type->size);
}

/* The same for a message; then set only what you know. */
static inline void
wire_defaults(const struct wire_msg *msg, void *ret_msg)
{
	wire_defaults_of(msg->type, ret_msg);
}

/* A new element with its defaults at the end of an array; its address. type is
 * the struct's name: WIRE_ADD(arena, out->topics, list_offsets_rsp_topic). */
#define WIRE_ADD(arena, arr, type) \
	((struct type *)wire_added(&type##_type, ARRAY_ADD((arena), (arr))))

static inline void *
wire_added(const struct wire_type *type, void *item)
{
	wire_defaults_of(type, item);
	return item;
}

/* What the name in this field of the struct at parent stands for, the field it
 * hangs on considered. */
enum wire_sem wire_sem_of(const struct wire_field *field, const void *parent);

/* Overwrites the secrets of a decoded message of a type that has any; it is of no use then. */
void wire_wipe(const struct wire_type *type, void *in);

/* Adds a message in one line of text, for logs and tests; secrets show as
 * "***", records by their length, strings escaped. ERR_LIMIT where buf is full
 * (what fitted stays). */
int wire_dump(const struct wire_msg *msg, int version, const void *in, struct buf *buf);
