/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KIP-371. The text is cut at its slashes first (an escaped one belongs to the
 * part), because patterns contain the commas that separate rules. Case folding
 * at the end of a rule is ASCII's.
 */
#include "base/mem.h"
#include "security/mapping.h"
#include "security/mapping_private.h"
#include "security/subst.h"

struct ssl_rule {
	struct subst *subst;		/* NULL: DEFAULT */
	char fold;			/* 'L', 'U' or 0 */
};

struct ssl_rules {
	unsigned n;
	struct ssl_rule rule[MAPPING_RULES_MAX];
};

void
mapping_fold(struct buf *b, size_t from, char fold)
{
	for (size_t i = from; i < b->n; i++) {
		uint8_t c = b->p[i];
		if (fold == 'L' && c >= 'A' && c <= 'Z')
			b->p[i] = c | 0x20;
		else if (fold == 'U' && c >= 'a' && c <= 'z')
			b->p[i] = c & 0xdf;
	}
}

bool
mapping_take(struct str *s, const char *word)
{
	struct str w = str_from(word);
	if (!str_starts(*s, w))
		return false;
	*s = (struct str){ s->p + w.n, s->n - w.n };
	return true;
}

/* Up to the next '/' that has no backslash before it. */
static int
take_part(struct str *s, struct str *ret)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->p[i] == '\\') {
			i++;
		} else if (s->p[i] == '/') {
			*ret = (struct str){ s->p, i };
			*s = (struct str){ s->p + i + 1, s->n - i - 1 };
			return 0;
		}
	}
	return ERR_INVAL;
}

static int
parse_rule(struct str *s, struct ssl_rule *ret, struct why *why)
{
	struct str pattern, replacement;
	if (mapping_take(s, "DEFAULT"))
		return 0;
	if (!mapping_take(s, "RULE:"))
		return why_set(why, ERR_INVAL, "expected DEFAULT or RULE:pattern/replacement/");
	if (take_part(s, &pattern) != 0 || take_part(s, &replacement) != 0)
		return why_set(why, ERR_INVAL, "expected a '/' behind pattern and replacement");
	ret->fold = mapping_take(s, "L") ? 'L' : mapping_take(s, "U") ? 'U' : 0;
	return subst_compile(pattern, replacement, true, &ret->subst, why);
}

static int
parse_rules(struct ssl_rules *rules, struct str s, struct why *why)
{
	do {
		if (rules->n == MAPPING_RULES_MAX)
			return why_set(why, ERR_LIMIT, "more than %d rules", MAPPING_RULES_MAX);
		s = str_trim(s);
		int err = parse_rule(&s, &rules->rule[rules->n], why);
		if (err != 0)
			return err;
		s = str_trim(s);
		if (s.n > 0 && s.p[0] != ',')
			return why_set(why, ERR_INVAL, "expected a comma or the end");
		rules->n++;
	} while (mapping_take(&s, ","));
	return 0;
}

int
ssl_rules_parse(struct str text, struct ssl_rules **ret, struct why *why)
{
	struct ssl_rules *rules = MEM_NEW(struct ssl_rules);
	int err = parse_rules(rules, str_trim(text).n == 0 ? STR("DEFAULT") : text, why);
	if (err != 0) {
		why_prefix(why, "rule %u", rules->n + 1);
		ssl_rules_destroy(&rules);
		return err;
	}
	*ret = rules;
	return 0;
}

void
ssl_rules_destroy(struct ssl_rules **rules)
{
	if (*rules == NULL)
		return;
	for (unsigned i = 0; i < MAPPING_RULES_MAX; i++)
		subst_destroy(&(*rules)->rule[i].subst);
	mem_free(*rules);
	*rules = NULL;
}

int
ssl_rules_map(const struct ssl_rules *rules, struct str subject, struct buf *ret)
{
	for (unsigned i = 0; i < rules->n; i++) {
		const struct ssl_rule *rule = &rules->rule[i];
		size_t from = ret->n;
		if (rule->subst == NULL)
			return buf_add_str(ret, subject);
		int err = subst_matches(rule->subst, subject);
		if (err == ERR_NOTFOUND)
			continue;
		if (err == 0)
			err = subst_apply(rule->subst, subject, true, ret);
		if (err == 0)
			mapping_fold(ret, from, rule->fold);
		return err;
	}
	return ERR_NOTFOUND;
}
