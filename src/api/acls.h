/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "acl/rule.h"
#include "api/request.h"
#include "meta/controller.h"

/* Rules as the three APIs of ACLs carry them. */

/* The fields of a filter or a rule in the order of the wire, as acl/ has them. */
#define ACLS_BINDING(type_, pattern_, name_, principal_, host_, op_, permission_) \
	((struct acl_binding){ .type = (type_), .pattern = (pattern_), .op = (op_), \
		.permission = (permission_), .name = (name_), .principal = (principal_), .host = (host_) })

/* A copy whose strings lie in the request's arena. */
struct acl_binding acls_copy(struct request *rq, const struct acl_binding *b);

/* Whether the caller may add or remove this rule: CHANGE_OK; CHANGE_LOADING, where that is not known yet;
 * or CHANGE_SECURITY, and it is logged. */
enum change_result acls_may(struct request *rq, const struct acl_binding *b, bool *ret_by_owner);
