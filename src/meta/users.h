/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/array.h"
#include "meta/controller.h"

/* Changes of users, teams and tenants; form and duties as in topics.h. */

enum user_change_kind {
	USER_CREATE, USER_DELETE, USER_SET_KEYS, USER_DELETE_KEY, USER_LOCK, USER_UNLOCK,
	USER_SET_MECHANISMS, USER_EXPIRE, USER_SET_TEAM,
};

struct user_change {
	enum user_change_kind kind;
	struct name user;
	bool by_operator;		/* who asks is one; else no operator's record is touched */
	uint32_t mechanisms;		/* CREATE, SET_MECHANISMS: MECH_BITs */
	int64_t expires_ms;		/* EXPIRE: wall; 0: never */
	bool is_operator;		/* CREATE */
	struct str team;		/* CREATE, SET_TEAM: the primary one; may be empty */
	bool has_key[SCRAM_HASHES];	/* CREATE, SET_KEYS: which are given; DELETE_KEY: which go */
	struct scram_key keys[SCRAM_HASHES];
	bool make;			/* SET_KEYS: a user who is not there is made (KIP-554) */
	bool purge;			/* DELETE: also where he owns nodes or stands in rules */
	struct str chown_to;		/* DELETE: his nodes go to this user; may be null */
	enum change_result result;
	struct why why;
};

struct users_change {
	struct change change;
	struct user_change *users;
	int32_t n;
};
void users_change_init(struct users_change *c);

/* Whether no other operator could log in for good: operators alone make operators. */
bool user_is_last_operator(const struct image *image, struct name user);

enum team_change_kind { TEAM_CREATE, TEAM_DELETE, TEAM_ADD, TEAM_REMOVE };

struct team_change {
	struct change change;
	enum team_change_kind kind;
	bool by_operator;		/* as in user_change */
	uint32_t tenant;
	struct str team, user;
};
void team_change_init(struct team_change *c);

struct tenant_create {
	struct change change;
	struct str name;
	struct user_change admin;	/* the first administrator; its tenant is set here */
	uint32_t ret_number;
};
void tenant_create_init(struct tenant_create *c);
