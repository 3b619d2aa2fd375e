/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "coord/group.h"
#include "coord/offsets.h"

/*
 * The records of __consumer_offsets, in Kafka's own format, so that tools that
 * follow the topic (Burrow, kafka-console-consumer's formatters) read them:
 * key versions 0 and 1 are offsets, 2 a group; values are written as version 3.
 * Key version 20000 is ours: who made the group (model.md 3). A null value
 * deletes. Names are joined with their tenant (src/tenant/tenant.h).
 *
 * Decoders take any bytes: ERR_CORRUPT, ERR_UNSUPPORTED for versions unknown.
 */
enum coord_key_kind {
	COORD_KEY_OFFSET,
	COORD_KEY_GROUP,
	COORD_KEY_OWNER,
};

struct coord_key {
	enum coord_key_kind kind;
	struct str group;		/* joined; a view into the key */
	struct str topic;		/* joined; offsets only */
	int32_t partition;
};

/* Who a group belongs to that was made by use. */
struct group_owner {
	struct str owner, team;		/* team null: none */
	uint16_t mode;
};

int coord_key_decode(struct bytes key, struct coord_key *ret);
int coord_key_encode(const struct coord_key *key, struct buf *out);

/* topic and partition are the key's: left as they are. metadata is a view. */
int coord_offset_decode(struct bytes value, struct offset *ret);
int coord_offset_encode(const struct offset *offset, struct buf *out);

/* Views into value; the members array in the arena. */
int coord_group_decode(struct bytes value, struct arena *arena, struct group_stored *ret);
/* The group as it stands: generation, protocol, leader, members, assignments. */
int coord_group_encode(const struct group *group, struct buf *out);

int coord_owner_decode(struct bytes value, struct group_owner *ret);
int coord_owner_encode(const struct group_owner *owner, struct buf *out);
