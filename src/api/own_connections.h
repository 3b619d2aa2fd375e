/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/own.h"
#include "api/roster.h"

/*
 * Whose connections the caller may see and close (model section 6): an operator everybody's; who administers the
 * tenant those of its users; everybody his own, by his name; and who has none only the one that he asks by. The names lie in the
 * request's arena: other loops look at them.
 */
struct reach {
	bool all;			/* of every tenant, and those that have not logged in */
	bool by_user;			/* of one user only */
	bool asking;			/* none but the one that asks: number */
	struct name user;		/* the tenant, and the user where it is by_user */
	uint64_t number;		/* of the session that asks */
};

/* What the caller may have of what is asked for, in the current image. tenant, user: of the request. A denial is noted. */
enum kerr reach_of(struct request *rq, struct str tenant, struct str user, struct reach *ret);
/* Any loop: its own sessions. */
bool reach_has(const struct reach *reach, const struct session *s);
/* Whether it is somebody's: the login has ended well. */
bool reach_is_somebody(const struct session *s);
