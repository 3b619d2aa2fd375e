/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "acl/acl.h"
#include "acl/rule.h"
#include "api/request.h"

/* What Why, WhoCan and WhatCan have in common: a question about the decision, and what decided it in the words of
 * schlossctl. Strings lie in the request's arena. */

struct question {
	struct acl_object object;
	struct acl_who who;		/* asked about */
	enum acl_op op;
	bool unloaded;			/* whose the group is, if it was made by use, is not known */
};

/* The object of the path, in the tenant that the path names; q->op is there already, and must be one of it. */
enum kerr why_take_object(struct request *rq, struct str path, struct question *q, struct str *ret_message);

/* An address; null: any, to which rules for hosts do not apply. */
enum kerr why_take_host(struct str text, struct addr *ret, struct str *ret_message);

/* The decision that a request would meet; returns ret->allow. */
bool why_decide(const struct acl_image *acl, const struct question *q, struct acl_answer *ret);

/* Whether whose the group is could change the answer, and is not known. */
bool why_hangs_on_owner(const struct acl_image *acl, const struct question *q, const struct acl_answer *a);

/* Null where there is none. */
struct why_reason {
	struct str step;
	struct str rule;
	struct str class;
	struct str bits;
};
struct why_reason why_reason(struct request *rq, const struct acl_answer *a);

/* A rule of one operation, as setfacl writes it; null where it is too long. */
struct str why_rule(struct request *rq, const struct acl_binding *rule);
