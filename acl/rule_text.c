/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules in the notation of setfacl. A line is cut at its colons, the operations
 * become a set of bits, and each bit a binding, checked by acl_rule_create()
 * before anything is done with it: a line counts whole or not at all.
 */
#include <stdio.h>

#include "acl/escape.h"
#include "acl/text.h"
#include "base/when.h"

#define X_OPS (1u << ACL_ALTER | 1u << ACL_ALTER_CONFIGS | 1u << ACL_DELETE)

static const struct {
	char letter;
	uint32_t ops;
} letters[] = {
	{ 'r', 1u << ACL_READ }, { 'w', 1u << ACL_WRITE }, { 'x', X_OPS }, { '-', 0 },
};

/* "rwx": false where the text is something else. */
static bool
parse_letters(struct str text, uint32_t *ret)
{
	uint32_t ops = 0;
	for (size_t i = 0; i < text.n; i++) {
		size_t k = 0;
		while (k < 4 && letters[k].letter != text.p[i])
			k++;
		if (k == 4)
			return false;
		ops |= letters[k].ops;
	}
	*ret = ops;
	return text.n > 0 && text.n <= 3;
}

static int
parse_ops(struct str text, uint32_t *ret, struct why *why)
{
	struct str rest = text, word;
	uint32_t ops = 0;
	enum acl_op op;
	if (!parse_letters(text, &ops)) {
		ops = 0;
		while (rest.p != NULL) {
			str_cut(&rest, '+', &word);
			if (word.n < 3 || acl_op_parse(word, &op) != 0)
				return why_set(why, ERR_INVAL, "operations are letters of rwx, "
				    "or names joined by + (read+describe), or all");
			ops |= 1u << op;
		}
	}
	if (ops == 0)
		return why_set(why, ERR_INVAL, "the line gives no operation");
	*ret = ops;
	return 0;
}

/* "user" or "team", and the name, as Kafka writes a principal. */
static int
parse_principal(struct arena *arena, struct str kind, struct str name, struct str *ret,
    struct why *why)
{
	struct str plain;
	bool team = str_is(kind, "team");
	if (!team && !str_is(kind, "user"))
		return why_set(why, ERR_INVAL,
		    "a line is [deny:]user:NAME:OPS[@HOST] or [deny:]team:NAME:OPS[@HOST]");
	int err = acl_unescape(arena, name, &plain, why);
	if (err != 0)
		return err;
	char *p = arena_alloc(arena, 6 + plain.n);
	memcpy(p, team ? "Team:" : "User:", 5);
	memcpy(p + 5, plain.p, plain.n);
	p[5 + plain.n] = '\0';
	*ret = (struct str){ p, 5 + plain.n };
	return 0;
}

/* Cuts " until TIME" from the end of what stands behind the name, where there is one. */
static int
parse_until(struct str *rest, int64_t *ret_ms, struct why *why)
{
	static const char word[] = " until ";
	const char *at = memmem(rest->p, rest->n, word, sizeof(word) - 1);
	*ret_ms = 0;
	if (at == NULL)
		return 0;
	const char *from = at + sizeof(word) - 1;
	struct str when = { from, (size_t)(rest->p + rest->n - from) };
	rest->n = (size_t)(at - rest->p);
	if (when_parse(when, ret_ms) != 0)
		return why_set(why, ERR_INVAL, "the end is no time like 2027-03-31T18:00:00Z");
	return 0;
}

static int
parse_line(struct arena *arena, struct str line, struct acl_binding *b, uint32_t *ret_ops,
    struct why *why)
{
	struct str rest = line, kind, name, ops = STR_NULL;
	str_cut(&rest, ':', &kind);
	b->permission = str_is(kind, "deny") ? ACL_DENY : ACL_ALLOW;
	if (b->permission == ACL_DENY || str_is(kind, "allow"))
		str_cut(&rest, ':', &kind);
	if (rest.p == NULL || !str_cut(&rest, ':', &name))
		return why_set(why, ERR_INVAL,
		    "a line is [deny:]user:NAME:OPS[@HOST] or [deny:]team:NAME:OPS[@HOST]");
	int err = parse_until(&rest, &b->until_ms, why);
	if (err != 0)
		return err;
	str_cut(&rest, '@', &ops);
	b->host = rest.p == NULL ? STR("*") : arena_str(arena, rest);
	err = parse_principal(arena, kind, name, &b->principal, why);
	return err != 0 ? err : parse_ops(ops, ret_ops, why);
}

/* The operations that the letters stand for, as far as the type has them. */
static uint32_t
having(enum acl_type type, uint32_t ops)
{
	if (ops != X_OPS && (ops & X_OPS) != X_OPS)
		return ops;
	for (int op = ACL_ALL + 1; op <= ACL_OP_LAST; op++)
		if ((X_OPS >> op & 1) != 0 && !acl_op_valid(type, (enum acl_op)op))
			ops &= ~(1u << op);
	return ops;
}

int
acl_rule_text_parse(struct arena *arena, struct str line, const struct acl_binding *on,
    int (*each)(const struct acl_binding *b, void *arg), void *arg, struct why *why)
{
	struct acl_binding b = *on;
	uint32_t ops = 0;
	line = str_trim(line);
	if (line.n == 0 || line.p[0] == '#')
		return 0;
	if (line.n > ACL_TEXT_MAX)
		return why_set(why, ERR_INVAL, "the line is longer than %d bytes", ACL_TEXT_MAX);
	int err = parse_line(arena, line, &b, &ops, why);
	if (err != 0)
		return err;
	ops = having((enum acl_type)on->type, ops);
	for (int pass = 0; pass < 2; pass++)
		for (int op = ACL_ALL; op <= ACL_OP_LAST; op++) {
			struct acl_rule *rule;
			b.op = (int8_t)op;
			if ((ops >> op & 1) == 0)
				continue;
			if (pass == 1)
				err = each(&b, arg);
			else if ((err = acl_rule_create(&b, false, &rule, why)) == 0)
				acl_rule_unref(&rule);
			if (err != 0)
				return err;
		}
	return 0;
}

static int
format_ops(struct buf *out, uint32_t ops)
{
	char text[4] = "";
	size_t n = 0;
	uint32_t rest = ops;
	for (size_t k = 0; k < 3; k++)
		if ((ops & letters[k].ops) == letters[k].ops) {
			text[n++] = letters[k].letter;
			rest &= ~letters[k].ops;
		}
	if (rest == 0)
		return buf_add(out, text, n);
	const char *sep = "";
	for (int op = ACL_ALL; op <= ACL_OP_LAST; op++) {
		if ((ops >> op & 1) == 0)
			continue;
		int err = buf_printf(out, "%s%s", sep, acl_op_name((enum acl_op)op));
		if (err != 0)
			return err;
		sep = "+";
	}
	return 0;
}

int
acl_rule_text_format(struct buf *out, const struct acl_binding *b, uint32_t ops)
{
	char text[WHEN_TEXT];
	struct str name = b->principal, kind;
	str_cut(&name, ':', &kind);
	int err = buf_printf(out, "%s%s:", b->permission == ACL_DENY ? "deny:" : "",
	    str_is(kind, "Team") ? "team" : "user");
	if (err == 0)
		err = str_is(name, "*") ? buf_add_str(out, name) : acl_escape(out, name);
	if (err == 0)
		err = buf_add(out, ":", 1);
	if (err == 0)
		err = format_ops(out, ops);
	if (err == 0 && !str_is(b->host, "*"))
		err = buf_printf(out, "@%.*s", STR_ARG(b->host));
	if (err == 0 && b->until_ms != 0)
		err = buf_printf(out, " until %s", when_format(b->until_ms, text));
	return err;
}
