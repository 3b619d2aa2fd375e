/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "acl/rule.h"
#include "base/arena.h"
#include "tenant/quota.h"

/*
 * Rules and quotas are named by what they are: the last part of their path in the tree, escaped once more as
 * one part (record.h).
 *
 *	type/pattern/op/permission/name/principal/host
 *	uNAME, or u (the default user), then perhaps /cID or /c; cID; iADDRESS; - (the tenant's own limits)
 */
struct str address_of_rule(struct arena *arena, const struct acl_binding *rule);
struct str address_of_quota(struct arena *arena, const struct quota_entity *entity);

/* And back, from the part as record_path_name() gives it; ERR_CORRUPT. A default is a null string, the tenant is not
 * set. */
int address_rule(struct arena *arena, struct str address, struct acl_binding *ret);
int address_quota(struct arena *arena, struct str address, struct quota_entity *ret);
