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
	bool star;			/* the text ends in a bare '*': name is what stands before */
};

/*
 * "/", "/acme", "/acme/topics", "/acme/topics/orders", "/acme/groups/...",
 * "/acme/txns/...", "/acme/users/anna". Bytes of a name that are '/', '%', '*',
 * blank, control or no UTF-8 are written %XX, and any byte may be. A bare '*' at
 * the end stands for every name that begins so ("/acme/topics/ord*", rules;
 * "/acme/users/" and '*', quotas). A lone trailing '/' is ignored. ERR_INVAL with
 * the reason, ERR_LIMIT for text over ACL_TEXT_MAX.
 */
#define ACL_TEXT_MAX 131072
int acl_path_parse(struct arena *arena, struct str text, struct acl_path *ret, struct why *why);
/* Appends; ERR_LIMIT where buf is full. */
int acl_path_format(struct buf *out, enum acl_type type, struct str tenant, struct str name);
/* The path that a rule stands on: "/acme/topics/ord*", "/acme". */
int acl_binding_path(struct buf *out, struct str tenant, const struct acl_binding *b);
/* Type, pattern and name of rules set on this path; ERR_INVAL where none can be. */
int acl_path_binding(const struct acl_path *path, struct acl_binding *ret, struct why *why);

/* "0640", "640", "rw-r-----", or symbolic "g+w,o-r", "u=rw,g=r,o=", "a+r",
 * applied to old. u is the owner, g the team. ERR_INVAL with the reason. */
int acl_mode_parse(struct str text, unsigned old, unsigned *ret, struct why *why);
/* The same for any old mode: it becomes (old & ~clear) | set. */
int acl_mode_masks(struct str text, unsigned *ret_clear, unsigned *ret_set, struct why *why);
/* "rw-r-----". */
#define ACL_MODE_TEXT 10
char *acl_mode_format(unsigned mode, char out[ACL_MODE_TEXT]);

/*
 * One rule a line, as getfacl prints and setfacl reads:
 *	[deny:]user:NAME:OPS[@HOST][ until TIME]	user:*:...	team:NAME:...
 * OPS: of r, w, x ("rw", "r--"; read, write, and alter + alter-configs + delete),
 * or operations by name joined by '+' ("read+describe"), or "all". A line makes a
 * binding for each operation. TIME is as RFC 3339 has it. NAME may have %XX. Lines that are empty or begin
 * with '#' make none; lines over ACL_TEXT_MAX are refused.
 * on: type, pattern and name of the bindings. Calls each(binding, arg); returns
 * its first nonzero, or ERR_INVAL with the reason.
 */
int acl_rule_text_parse(struct arena *arena, struct str line, const struct acl_binding *on,
    int (*each)(const struct acl_binding *b, void *arg), void *arg, struct why *why);
/* Appends the line of a binding with these operations (bits 1 << op), no newline. */
int acl_rule_text_format(struct buf *out, const struct acl_binding *b, uint32_t ops);

/* One line for a human, without a newline:
 * "denied: bert has no w on /main/topics/orders (mode rw-r----- owner anna team
 * billing: other)". Names are escaped. */
char *acl_explain(const struct acl_image *image, const struct acl_who *who,
    const struct acl_answer *answer, char *out, size_t size);
/* What the decision passed before it ended there, a line for a human each, at most max of size bytes; how many. To be
 * shown to who may see the object. */
#define ACL_EXPLAIN_STEPS 6
size_t acl_explain_steps(const struct acl_image *image, const struct acl_who *who, const struct acl_answer *answer,
    char *out, size_t size, size_t max);
/* The same as asker may read it: of what he may not see it says no more than
 * that (model section 4). hidden (may be NULL): whether it was cut so. */
char *acl_explain_to(const struct acl_image *image, const struct acl_who *asker,
    const struct acl_who *who, const struct acl_answer *answer, char *out, size_t size,
    bool *ret_hidden);
