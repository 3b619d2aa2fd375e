/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule is checked once, when it is made, with a reason for whoever sent it:
 * a rule that could never apply (an operation that the type does not have, a
 * prefixed "*") is refused rather than kept as false comfort. One allocation
 * holds the rule and its strings.
 */
#include "acl/rule.h"

#include <inttypes.h>
#include <stdio.h>

#include "acl/image.h"
#include "base/mem.h"
#include "base/principal.h"

#define NAME_MAX_BYTES 1024
#define TEAM_MAX_BYTES 63
#define UNTIL_MAX_MS INT64_C(253402300799999)	/* the end of 9999 */

int
acl_team_name_check(struct str name, struct why *why)
{
	bool ok = name.n > 0 && name.n <= TEAM_MAX_BYTES && name.p[0] >= 'a' && name.p[0] <= 'z';
	for (size_t i = 0; ok && i < name.n; i++) {
		char c = name.p[i];
		ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		    c == '.' || c == '_' || c == '-';
	}
	if (!ok)
		return why_set(why, ERR_INVAL,
		    "a team's name is a small letter, then at most %d of a-z 0-9 . _ -",
		    TEAM_MAX_BYTES - 1);
	return 0;
}

static int
check_principal(struct str p, int8_t permission, struct why *why)
{
	struct str rest = p, kind;
	if (!str_cut(&rest, ':', &kind))
		return why_set(why, ERR_INVAL,
		    "the principal has no type: User:NAME, User:* or Team:NAME");
	if (str_is(kind, "Team"))
		return acl_team_name_check(rest, why);
	if (!str_is(kind, "User"))
		return why_set(why, ERR_INVAL,
		    "the principal's type is unknown: User:NAME, User:* or Team:NAME");
	if (str_is(rest, "*") || (str_is(rest, "ANONYMOUS") && permission == ACL_DENY))
		return 0;
	if (str_is(rest, "ANONYMOUS"))
		return why_set(why, ERR_INVAL, "User:ANONYMOUS has the class other and nothing "
		    "else: give the bit to other with chmod");
	return user_name_check(rest, why);
}

static int
check_name(const struct acl_binding *b, struct why *why)
{
	if (b->name.n == 0)
		return why_set(why, ERR_INVAL, "the name is empty");
	if (b->name.n > NAME_MAX_BYTES)
		return why_set(why, ERR_INVAL, "the name has more than %d bytes", NAME_MAX_BYTES);
	if (!str_is_utf8(b->name))
		return why_set(why, ERR_INVAL, "the name is not UTF-8");
	if (b->type == ACL_TENANT &&
	    (b->pattern != ACL_LITERAL || !str_is(b->name, ACL_CLUSTER_NAME)))
		return why_set(why, ERR_INVAL, "a rule on the cluster has the literal name "
		    ACL_CLUSTER_NAME);
	if (b->pattern == ACL_PREFIXED && str_is(b->name, "*"))
		return why_set(why, ERR_INVAL, "the prefixed name * matches only names that begin "
		    "with a star; for all names use the literal *");
	return 0;
}

static int
check_op(const struct acl_binding *b, struct why *why)
{
	if (b->op != ACL_ALL && (b->op <= ACL_OP_ANY || b->op > ACL_OP_LAST))
		return why_set(why, ERR_INVAL, "operation %d is unknown", b->op);
	if (b->op == ACL_CLUSTER_ACTION)
		return why_set(why, ERR_INVAL, "cluster-action belongs to brokers, "
		    "no rule gives or takes it");
	if (b->op != ACL_ALL && !acl_op_valid((enum acl_type)b->type, (enum acl_op)b->op))
		return why_set(why, ERR_INVAL, "a %s has no operation %s",
		    acl_type_name((enum acl_type)b->type), acl_op_name((enum acl_op)b->op));
	return 0;
}

static int
check_until(int64_t until_ms, struct why *why)
{
	if (until_ms < 0 || until_ms > UNTIL_MAX_MS)
		return why_set(why, ERR_INVAL, "a rule ends in the years from 1970 to 9999, or never");
	return 0;
}

static int
check_host(struct str host, struct acl_host *ret, struct why *why)
{
	struct acl_host h = { .any = str_is(host, "*") };
	if (!h.any && cidr_parse(host, &h.block) != 0)
		return why_set(why, ERR_INVAL, "the host is none of *, an address, or a block like "
		    "10.0.0.0/8 without bits behind its prefix; names are not looked up");
	*ret = h;
	return 0;
}

static int
check(const struct acl_binding *b, struct acl_host *ret_host, struct why *why)
{
	if (b->type != ACL_TOPIC && b->type != ACL_GROUP && b->type != ACL_TENANT &&
	    b->type != ACL_TXN)
		return why_set(why, ERR_INVAL, "rules stand on topics, groups, transactional ids "
		    "and the cluster only");
	if (b->pattern != ACL_LITERAL && b->pattern != ACL_PREFIXED)
		return why_set(why, ERR_INVAL, "the pattern of a rule is literal or prefixed");
	if (b->permission != ACL_ALLOW && b->permission != ACL_DENY)
		return why_set(why, ERR_INVAL, "the permission of a rule is allow or deny");
	int err = check_name(b, why);
	if (err == 0)
		err = check_principal(b->principal, b->permission, why);
	if (err == 0)
		err = check_op(b, why);
	if (err == 0)
		err = check_until(b->until_ms, why);
	if (err == 0)
		err = check_host(b->host, ret_host, why);
	return err;
}

/* "*", an address, or a block: one text for every way to write it. */
static void
host_format(const struct acl_host *h, char *out, size_t size)
{
	char text[ADDR_TEXT];
	if (h->any)
		snprintf(out, size, "*");
	else if (h->block.bits == (h->block.base.family == 4 ? 32 : 128))
		snprintf(out, size, "%s", addr_format(&h->block.base, text));
	else
		snprintf(out, size, "%s/%d", addr_format(&h->block.base, text), h->block.bits);
}

/* Copies s to *at with a terminator, moving *at behind it. */
static struct str
keep(char **at, struct str s)
{
	struct str copy = { *at, s.n };
	memcpy(*at, s.p, s.n);
	(*at)[s.n] = '\0';
	*at += s.n + 1;
	return copy;
}

int
acl_rule_create(const struct acl_binding *b, bool by_owner, struct acl_rule **ret, struct why *why)
{
	struct acl_host host;
	char text[ADDR_TEXT + 4];
	int err = check(b, &host, why);
	if (err != 0)
		return err;
	host_format(&host, text, sizeof(text));
	struct str host_text = str_from(text);
	struct acl_rule *rule = mem_zalloc(sizeof(*rule) + b->name.n + b->principal.n +
	    host_text.n + 3);
	char *at = (char *)(rule + 1);
	ref_init(&rule->ref);
	rule->b = *b;
	rule->b.name = keep(&at, b->name);
	rule->b.principal = keep(&at, b->principal);
	rule->b.host = keep(&at, host_text);
	rule->host = host;
	rule->by_owner = by_owner;
	*ret = rule;
	return 0;
}

struct acl_rule *
acl_rule_ref(const struct acl_rule *rule)
{
	struct acl_rule *r = (struct acl_rule *)rule;
	ref_get(&r->ref);
	return r;
}

void
acl_rule_unref(struct acl_rule **rule)
{
	struct acl_rule *r = *rule;
	*rule = NULL;
	if (r != NULL && ref_put(&r->ref))
		mem_free(r);
}

bool
acl_rule_eq(const struct acl_rule *a, const struct acl_rule *b)
{
	return acl_filter_exact(&b->b) && acl_filter_match(&b->b, &a->b);
}

bool
acl_rule_is_over(const struct acl_rule *rule, int64_t now_ms)
{
	return rule->ended || (rule->b.until_ms != 0 && rule->b.until_ms <= now_ms);
}

int64_t
acl_rule_due_ms(const struct acl_rule *rule)
{
	if (rule->b.until_ms == 0)
		return INT64_MAX;
	bool marks = rule->b.permission == ACL_ALLOW && !rule->ended;
	return rule->b.until_ms + (marks ? 0 : ACL_RULE_RESTS_MS);
}

/* Bit 1 << op of every operation that an allow rule of op gives. */
static uint32_t
implied(enum acl_op op)
{
	uint32_t given = 1u << op;
	if (op == ACL_ALL)
		return UINT32_MAX;
	if (op == ACL_READ || op == ACL_WRITE || op == ACL_DELETE || op == ACL_ALTER)
		given |= 1u << ACL_DESCRIBE;
	if (op == ACL_ALTER_CONFIGS)
		given |= 1u << ACL_DESCRIBE_CONFIGS;
	return given;
}

bool
acl_rule_applies(const struct acl_rule *rule, const struct addr *host, enum acl_op op)
{
	if (!rule->host.any && !cidr_has(&rule->host.block, host))
		return false;
	if (rule->b.op == (int8_t)op || rule->b.op == ACL_ALL)
		return true;
	return rule->b.permission == ACL_ALLOW &&
	    (implied((enum acl_op)rule->b.op) >> op & 1) != 0;
}

bool
acl_rule_names(const struct acl_rule *rule, const struct acl_who *who)
{
	struct str name = rule->b.principal, kind;
	if (!str_cut(&name, ':', &kind))
		return false;
	if (str_is(kind, "Team"))
		return !who->anonymous && acl_user_in(who->record, name);
	return str_is(name, "*") || str_eq(name, who->anonymous ? STR("ANONYMOUS") : who->user.s);
}

char *
acl_rule_format(const struct acl_rule *rule, char *out, size_t size)
{
	char name[256], principal[256];
	const struct acl_binding *b = &rule->b;
	snprintf(out, size, "%s %s from %s: %s on %s%s %s",
	    b->permission == ACL_DENY ? "deny" : "allow",
	    str_escape(b->principal, principal, sizeof(principal)), b->host.p,
	    acl_op_name((enum acl_op)b->op), b->pattern == ACL_PREFIXED ? "prefixed " : "",
	    acl_type_name((enum acl_type)b->type), str_escape(b->name, name, sizeof(name)));
	return out;
}

int
acl_filter_check(const struct acl_binding *f, struct why *why)
{
	if (f->type < ACL_TYPE_ANY || f->type > ACL_USER)
		return why_set(why, ERR_INVAL, "resource type %d is unknown", f->type);
	if (f->pattern < ACL_PATTERN_ANY || f->pattern > ACL_PREFIXED)
		return why_set(why, ERR_INVAL, "pattern type %d is unknown", f->pattern);
	if (f->op < ACL_OP_ANY || f->op > ACL_OP_LAST)
		return why_set(why, ERR_INVAL, "operation %d is unknown", f->op);
	if (f->permission < ACL_PERMISSION_ANY || f->permission > ACL_ALLOW)
		return why_set(why, ERR_INVAL, "permission type %d is unknown", f->permission);
	return 0;
}

static bool
match_name(const struct acl_binding *f, const struct acl_binding *b)
{
	if (f->pattern == ACL_LITERAL || f->pattern == ACL_PREFIXED) {
		if (f->pattern != b->pattern)
			return false;
	} else if (f->pattern == ACL_PATTERN_MATCH && f->name.p != NULL) {
		if (b->pattern == ACL_PREFIXED)
			return str_starts(f->name, b->name);
		return str_is(b->name, "*") || str_eq(f->name, b->name);
	}
	return f->name.p == NULL || str_eq(f->name, b->name);
}

/* The filter's host in whatever form against the rule's normal one. */
static bool
match_host(struct str filter, struct str host)
{
	struct acl_host h;
	char text[ADDR_TEXT + 4];
	if (filter.p == NULL || str_eq(filter, host))
		return true;
	if (check_host(filter, &h, NULL) != 0)
		return false;
	host_format(&h, text, sizeof(text));
	return str_is(host, text);
}

bool
acl_filter_match(const struct acl_binding *f, const struct acl_binding *b)
{
	return (f->type == ACL_TYPE_ANY || f->type == b->type) &&
	    (f->op == ACL_OP_ANY || f->op == b->op) &&
	    (f->permission == ACL_PERMISSION_ANY || f->permission == b->permission) &&
	    (f->principal.p == NULL || str_eq(f->principal, b->principal)) &&
	    match_name(f, b) && match_host(f->host, b->host);
}

bool
acl_filter_exact(const struct acl_binding *f)
{
	return f->type != ACL_TYPE_ANY && f->pattern >= ACL_LITERAL && f->op != ACL_OP_ANY &&
	    f->permission != ACL_PERMISSION_ANY && f->name.p != NULL && f->principal.p != NULL &&
	    f->host.p != NULL;
}
