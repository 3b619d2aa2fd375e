/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Names of tenants and the joined form of qualified names. Which tenants exist
 * and what number has which name stands in the permission image (acl/image.h).
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define TENANT_MAIN 0u

/* [a-z][a-z0-9-]{0,30}; ERR_INVAL with the reason (why may be NULL). */
int tenant_name_check(struct str name, struct why *why);

/* Whether its users are let in. */
enum tenant_state {
	TENANT_OPEN,
	TENANT_SUSPENDED,		/* nobody is, until it is resumed */
	TENANT_ENDING,			/* nor here: it is marked for deletion */
	TENANT_STATES
};
/* The word for it, in records and for people. */
const char *tenant_state_name(enum tenant_state state);
/* ERR_INVAL. */
int tenant_state_parse(struct str s, enum tenant_state *ret);

/* The bytes that tenant_join() needs at most. */
#define TENANT_JOIN_MORE 11

/*
 * A qualified name as one string, on disk and in internal topics only:
 * "N/NAME"; NAME alone for main, unless it has a '/' (then "0/NAME"). Injective,
 * and Kafka's own form on a site with one tenant.
 */
struct str tenant_join(struct arena *arena, struct name name);
/* What stands before NAME there, into out; its bytes, 0 for most names of main. */
size_t tenant_join_prefix(struct name name, char out[TENANT_JOIN_MORE]);
/* The name is a view of s. ERR_CORRUPT for what tenant_join() does not write. */
int tenant_split(struct str s, struct name *ret);
