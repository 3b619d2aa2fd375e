/* SPDX-License-Identifier: Apache-2.0 */
/* Modes as chmod(1) writes them: octal, the nine letters, or clauses. */
#include "acl/text.h"

#define EXPECTED "a mode is octal (0640), nine letters (rw-r-----), or clauses like g+w,o-r"

static int
parse_octal(struct str text, unsigned *ret)
{
	unsigned mode = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '7')
			return ERR_INVAL;
		mode = mode * 8 + (unsigned)(text.p[i] - '0');
	}
	if (text.n < 3 || text.n > 4 || mode > 0777)
		return ERR_INVAL;
	*ret = mode;
	return 0;
}

static int
parse_letters(struct str text, unsigned *ret)
{
	static const char letters[] = "rwxrwxrwx";
	unsigned mode = 0;
	if (text.n != 9)
		return ERR_INVAL;
	for (int i = 0; i < 9; i++) {
		if (text.p[i] != letters[i] && text.p[i] != '-')
			return ERR_INVAL;
		mode = mode << 1 | (text.p[i] != '-');
	}
	*ret = mode;
	return 0;
}

/* Reads letters out of a set; gives the OR of their values. */
static unsigned
take(struct str *s, const char *letters, const unsigned *values)
{
	unsigned got = 0;
	for (const char *at; s->n > 0 && s->p[0] != '\0' && (at = strchr(letters, s->p[0])) != NULL;
	    s->p++, s->n--)
		got |= values[at - letters];
	return got;
}

/* "ug+w-x", "o=". Without a class, all three. */
static int
parse_clause(struct str s, unsigned *mode)
{
	static const unsigned classes[] = { 0700, 0070, 0007, 0777 }, bits[] = { 0444, 0222, 0111 };
	unsigned who = take(&s, "ugoa", classes);
	if (who == 0)
		who = 0777;
	if (s.n == 0)
		return ERR_INVAL;
	while (s.n > 0) {
		char op = s.p[0];
		if (op != '+' && op != '-' && op != '=')
			return ERR_INVAL;
		s = (struct str){ s.p + 1, s.n - 1 };
		unsigned what = take(&s, "rwx", bits) & who;
		if (op == '=')
			*mode = (*mode & ~who) | what;
		else
			*mode = op == '+' ? *mode | what : *mode & ~what;
	}
	return 0;
}

int
acl_mode_parse(struct str text, unsigned old, unsigned *ret, struct why *why)
{
	unsigned mode = old;
	struct str rest = text, clause;
	if (parse_octal(text, ret) == 0 || parse_letters(text, ret) == 0)
		return 0;
	if (text.n == 0 || text.n > 128)
		return why_set(why, ERR_INVAL, EXPECTED);
	while (rest.p != NULL) {
		str_cut(&rest, ',', &clause);
		if (parse_clause(clause, &mode) != 0)
			return why_set(why, ERR_INVAL, EXPECTED);
	}
	*ret = mode & 0777;
	return 0;
}

int
acl_mode_masks(struct str text, unsigned *ret_clear, unsigned *ret_set, struct why *why)
{
	unsigned of_none, of_all;
	int err = acl_mode_parse(text, 0, &of_none, why);
	if (err == 0)
		err = acl_mode_parse(text, 0777, &of_all, why);
	if (err != 0)
		return err;
	*ret_clear = 0777 & ~of_all;
	*ret_set = of_none;
	return 0;
}

char *
acl_mode_format(unsigned mode, char out[ACL_MODE_TEXT])
{
	for (int i = 0; i < 9; i++)
		out[i] = (mode >> (8 - i) & 1) != 0 ? "rwx"[i % 3] : '-';
	out[9] = '\0';
	return out;
}
