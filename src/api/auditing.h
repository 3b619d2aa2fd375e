/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "acl/acl.h"
#include "api/request.h"
#include "audit/record.h"

/* What of requests and logins goes into the audit log. All of it is nothing where there is none. */

/* Who asks, for a change (meta/controller.h) and for lines; in the request's arena. NULL: no audit log. */
const struct audit_by *auditing_by(struct request *rq);

/* Whether something of what is allowed is told of. */
bool auditing_allows(const struct request *rq);
/* A denial, folded like the log's. */
void auditing_denied(struct request *rq, const struct acl_who *w, const struct acl_answer *a);
/* What was allowed, where audit.allows names its path. False: it cannot be told of, and so must not be. */
bool auditing_allowed(struct request *rq, const struct acl_who *w, const struct acl_answer *a);

/* Connections that are about to be closed: by = auditing_by(). number 0: all of the user's. Any thread. False: it
 * cannot be told of, and so must not be. */
bool auditing_kill(struct broker_core *core, const struct audit_by *by, struct str tenant, struct str user, uint64_t number);

/* A backup is about to be given out. False: it cannot be told of, and so must not be. */
bool auditing_backup(struct request *rq);

/* Keys of users of that tenant are about to be given out. False: it cannot be told of, and so must not be. */
bool auditing_keys(struct request *rq, uint32_t tenant, int users);

/* For the metrics; a word that is no mechanism is not counted. */
void auditing_count(struct core_logins *logins, const char *mechanism, bool taken);

/* A login that is about to be accepted. False: it cannot be told of, and so must not be. */
bool auditing_login(struct session *s, const struct principal *p, bool renews);
/* who: as the client named himself. */
void auditing_login_failed(struct session *s, struct str who, const char *mechanism, const char *reason);
