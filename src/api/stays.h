/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/core.h"

/*
 * Whether who has logged in may be here still: on a connection of Kafka's protocol (session.h), and by a login over
 * HTTP that is remembered. On a loop, which is inside rcu.
 */

/* Of the user's tenant, to be kept from the login on. */
uint64_t stays_generation(const struct image *image, uint32_t tenant);
/* Whether the tenant is as it was at the login: not suspended meanwhile (and opened again), renamed, or marked for deletion. */
bool stays_tenant(const struct image *image, uint32_t tenant, uint64_t generation);
/* Whether besides the user is not deleted, locked, expired or re-keyed. Of the token of a login by one tokens.h tells. */
bool stays_user(const struct image *image, const struct principal *p, uint64_t generation);
/* For a login that has just come to its end: what was found of the user may be of long ago. NULL: he is in; else the reason,
 * for the logs. */
const char *stays_too_late(const struct image *image, const struct principal *p);
