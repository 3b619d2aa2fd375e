/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/str.h"
#include "base/uuid.h"

/*
 * Who stands at the other end of a connection: made once, by security/, when
 * the login is complete; read by acl/, src/tenant and src/api. It says only who
 * it is: teams, the operator flag and whether the user still exists are looked
 * up in the current image at every decision.
 */
struct principal {
	struct name user;		/* (tenant, name); name "ANONYMOUS" if anonymous */
	bool anonymous;			/* a listener with allow.anonymous, nobody proved anything */
	bool unknown_ok;		/* mapped name without a record (unknown.users: allow) */
	const char *mechanism;		/* "SCRAM-SHA-256", "PLAIN", "GSSAPI", "TLS", or "" */
	uint64_t user_generation;	/* of the record that logged in; 0 where there is none */
	struct uuid token;		/* of the delegation token that logged in; zero: none did */
	struct addr host;		/* the TCP peer, IPv4-mapped addresses unmapped */
};

#define USER_NAME_MAX 200

/* Whether a user may be called so (model section 1): UTF-8, 1..200 bytes, no control characters
 * (C0, DEL, C1), no space at either end, none of / , : " \. Also neither "*" nor "ANONYMOUS",
 * which mean all users and nobody in rules. ERR_INVAL with a reason; why may be NULL. */
int user_name_check(struct str name, struct why *why);
