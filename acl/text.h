/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Permissions as text: paths, modes, rules in the notation of getfacl(1), and
 * answers as sentences. Parsing never trusts its input.
 */

#include "acl/acl.h"
#include "acl/rule.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* A place in the tree as text names it; strings live in the arena. */
struct acl_path {
	enum acl_type type;
	struct str tenant;		/* empty for ACL_ROOT */
	struct str name;		/* of topic, group, transactional id, user; else empty */
};

/*
 * "/", "/acme", "/acme/topics", "/acme/topics/orders", "/acme/groups/...",
 * "/acme/txns/...", "/acme/users/anna". Bytes of a name that are '/', '%',
 * blank, control or not UTF-8 are written %XX, and any byte may be. A lone
 * trailing '/' is ignored. ERR_INVAL with the reason.
 */
int acl_path_parse(struct arena *arena, struct str text, struct acl_path *ret, struct why *why);
/* Appends; ERR_LIMIT where buf is full. */
int acl_path_format(struct buf *out, enum acl_type type, struct str tenant, struct str name);

/* "0640", "640", "rw-r-----", or symbolic "g+w,o-r", "u=rw,g=r,o=", "a+r",
 * applied to old. u is the owner, g the team. ERR_INVAL with the reason. */
int acl_mode_parse(struct str text, unsigned old, unsigned *ret, struct why *why);
/* "rw-r-----". */
#define ACL_MODE_TEXT 10
char *acl_mode_format(unsigned mode, char out[ACL_MODE_TEXT]);

/*
 * One rule a line, as getfacl prints and setfacl reads:
 *	[deny:]user:NAME:OPS[@HOST]	user:*:...	team:NAME:...
 * OPS: r, w, x in any mix (read; write; alter + alter-configs + delete), or
 * operations by name joined by '+' ("read+describe"), or "all".
 * A line makes one binding for each operation; type, pattern and name are the
 * path's. NAME and HOST as in Kafka's bindings, odd bytes as %XX.
 * Calls each(binding, arg); returns its first nonzero, ERR_INVAL with the reason.
 */
int acl_rule_text_parse(struct arena *arena, struct str line, const struct acl_binding *on,
    int (*each)(const struct acl_binding *b, void *arg), void *arg, struct why *why);
int acl_rule_text_format(struct buf *out, const struct acl_binding *b);

/* One line for a human, without a newline:
 * "denied: bert has no w on /main/topics/orders (mode rw-r----- owner anna team
 * billing: other)". Names are escaped. */
char *acl_explain(const struct acl_image *image, const struct acl_who *who,
    const struct acl_answer *answer, char *out, size_t size);
