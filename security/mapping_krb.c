/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_to_local as Kafka has it (KerberosRule, KerberosName): principals have
 * one or two components and a realm; a rule for n of them formats a text
 * from $0 (the realm), $1, $2, which must match as a whole, and is then edited.
 * The first rule that applies decides, also where its result is no simple name,
 * which is an error. Rules are separated by commas and contain none.
 */
#include <string.h>

#include "base/mem.h"
#include "security/mapping.h"
#include "security/mapping_private.h"
#include "security/rx.h"
#include "security/subst.h"

#define FORMAT_PARTS_MAX 16
#define TEXT_MAX 2048

struct format_part {
	int param;			/* -1: text */
	struct str text;
};

struct krb_rule {
	bool is_default;
	unsigned components;
	unsigned parts_n;
	struct format_part part[FORMAT_PARTS_MAX];
	struct rx *match;		/* NULL: any */
	struct subst *subst;		/* NULL: as it is */
	bool all;
	char fold;
};

struct krb_rules {
	char *text, *realm;		/* format parts are views of text */
	unsigned n;
	struct krb_rule rule[MAPPING_RULES_MAX];
};

/* "$1@$0": parameters up to the number of components. */
static int
parse_format(struct str s, struct krb_rule *rule, struct why *why)
{
	while (s.n > 0) {
		struct format_part part = { -1, { s.p, 0 } };
		if (s.p[0] == '$') {
			part.param = s.n > 1 ? s.p[1] - '0' : -1;
			if (part.param < 0 || part.param > (int)rule->components)
				return why_set(why, ERR_INVAL, "a $ of the format is none of "
				    "$0 to $%u", rule->components);
			part.text.n = 2;
		} else {
			while (part.text.n < s.n && s.p[part.text.n] != '$')
				part.text.n++;
		}
		if (rule->parts_n == FORMAT_PARTS_MAX)
			return why_set(why, ERR_LIMIT, "the format has too many parts");
		rule->part[rule->parts_n++] = part;
		s = (struct str){ s.p + part.text.n, s.n - part.text.n };
	}
	return 0;
}

/* Takes what stands before the byte end, and that byte. */
static int
take_until(struct str *s, char end, struct str *ret, struct why *why)
{
	if (!str_cut(s, end, ret)) {
		*s = (struct str){ "", 0 };
		return why_set(why, ERR_INVAL, "expected a '%c'", end);
	}
	return 0;
}

static int
parse_head(struct str *s, struct krb_rule *rule, struct why *why)
{
	struct str number, format;
	int64_t n;
	if (!mapping_take(s, "RULE:["))
		return why_set(why, ERR_INVAL, "expected DEFAULT or RULE:[n:format]");
	int err = take_until(s, ':', &number, why);
	if (err == 0 && str_to_i64(number, 1, 2, &n) != 0)
		err = why_set(why, ERR_INVAL, "a principal has 1 or 2 components");
	if (err == 0)
		err = take_until(s, ']', &format, why);
	if (err != 0)
		return err;
	rule->components = (unsigned)n;
	return parse_format(format, rule, why);
}

static int
parse_edit(struct str *s, struct krb_rule *rule, struct why *why)
{
	struct str from, to;
	int err = take_until(s, '/', &from, why);
	if (err == 0)
		err = take_until(s, '/', &to, why);
	if (err == 0)
		err = subst_compile(from, to, false, &rule->subst, why);
	rule->all = mapping_take(s, "g");
	return err;
}

static int
parse_rule(struct str s, struct krb_rule *rule, struct why *why)
{
	struct str match;
	rule->is_default = str_is(s, "DEFAULT");
	if (rule->is_default)
		return 0;
	int err = parse_head(&s, rule, why);
	if (err == 0 && mapping_take(&s, "(")) {
		err = take_until(&s, ')', &match, why);
		if (err == 0)
			err = rx_compile(match, &rule->match, why);
	}
	if (err == 0 && mapping_take(&s, "s/"))
		err = parse_edit(&s, rule, why);
	if (err != 0)
		return err;
	mapping_take(&s, "/");
	rule->fold = mapping_take(&s, "L") ? 'L' : mapping_take(&s, "U") ? 'U' : 0;
	return s.n == 0 ? 0 : why_set(why, ERR_INVAL, "\"%.*s\" is not expected", STR_ARG(s));
}

int
krb_rules_parse(struct str text, struct str default_realm, struct krb_rules **ret,
    struct why *why)
{
	struct krb_rules *rules = MEM_NEW(struct krb_rules);
	struct str one, rest;
	int err = 0;

	rules->text = str_dup(str_trim(text).n == 0 ? STR("DEFAULT") : text);
	rules->realm = str_dup(default_realm.p == NULL ? STR("") : default_realm);
	rest = str_from(rules->text);
	while (rest.p != NULL && err == 0) {
		if (rules->n == MAPPING_RULES_MAX) {
			err = why_set(why, ERR_LIMIT, "more than %d rules", MAPPING_RULES_MAX);
			break;
		}
		str_cut(&rest, ',', &one);
		one = str_trim(one);
		err = parse_rule(one, &rules->rule[rules->n++], why);
		if (err != 0)
			why_prefix(why, "rule %u (byte %zu)", rules->n,
			    (size_t)(one.p - rules->text) + 1);
	}
	if (err != 0)
		krb_rules_destroy(&rules);
	else
		*ret = rules;
	return err;
}

void
krb_rules_destroy(struct krb_rules **rules)
{
	struct krb_rules *r = *rules;
	if (r == NULL)
		return;
	for (unsigned i = 0; i < r->n; i++) {
		rx_destroy(&r->rule[i].match);
		subst_destroy(&r->rule[i].subst);
	}
	mem_free(r->text);
	mem_free(r->realm);
	mem_free(r);
	*rules = NULL;
}

/* param[0] the realm, then the components; none may be empty or have a separator. */
static int
split_principal(struct str s, struct str param[3], unsigned *ret_components)
{
	struct str name, rest = s;
	if (!str_cut(&rest, '@', &name) || memchr(rest.p, '@', rest.n) != NULL)
		return ERR_INVAL;
	param[0] = rest;
	*ret_components = str_cut(&name, '/', &param[1]) ? 2 : 1;
	param[2] = name;
	if (param[0].n == 0 || param[1].n == 0 || memchr(rest.p, '/', rest.n) != NULL)
		return ERR_INVAL;
	if (*ret_components == 2 && (name.n == 0 || memchr(name.p, '/', name.n) != NULL))
		return ERR_INVAL;
	return 0;
}

static int
format_text(const struct krb_rule *rule, const struct str param[3], struct buf *ret)
{
	int err = 0;
	for (unsigned i = 0; i < rule->parts_n && err == 0; i++)
		err = buf_add_str(ret, rule->part[i].param < 0 ? rule->part[i].text :
		    param[rule->part[i].param]);
	return err;
}

/* ERR_NOTFOUND: the rule does not apply. */
static int
apply_rule(const struct krb_rule *rule, const struct str param[3], struct buf *ret)
{
	struct rx_match m;
	struct buf text;
	buf_init(&text, TEXT_MAX);
	int err = format_text(rule, param, &text);
	if (err == 0 && rule->match != NULL)
		err = rx_full(rule->match, buf_str(&text), &m);
	if (err == 0 && rule->subst == NULL)
		err = buf_add_str(ret, buf_str(&text));
	else if (err == 0)
		err = subst_apply(rule->subst, buf_str(&text), rule->all, ret);
	buf_free(&text);
	return err;
}

static bool
is_simple(struct str s)
{
	return memchr(s.p, '/', s.n) == NULL && memchr(s.p, '@', s.n) == NULL;
}

int
krb_rules_map(const struct krb_rules *rules, struct str principal, struct buf *ret)
{
	struct str param[3];
	unsigned components;
	int err = split_principal(principal, param, &components);

	if (err != 0)
		return err;
	for (unsigned i = 0; i < rules->n; i++) {
		const struct krb_rule *rule = &rules->rule[i];
		size_t from = ret->n;
		if (rule->is_default && str_is(param[0], rules->realm))
			return buf_add_str(ret, param[1]);
		if (rule->is_default || rule->components != components)
			continue;
		err = apply_rule(rule, param, ret);
		if (err == ERR_NOTFOUND)
			continue;
		if (err != 0)
			return err;
		mapping_fold(ret, from, rule->fold);
		if (ret->n == from || !is_simple((struct str){ (char *)ret->p + from, ret->n - from }))
			return ERR_INVAL;
		return 0;
	}
	return ERR_NOTFOUND;
}
