/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer as one sentence: the verdict, who, what, where, and the line of the
 * tree or the rule that decided. Made only for people (log, audit, why); names
 * come escaped. A sentence that does not fit is cut.
 */
#include <stdio.h>

#include "acl/change.h"
#include "acl/escape.h"
#include "acl/image.h"
#include "acl/text.h"

#define SENTENCE_MAX 8192

struct sentence {
	struct buf buf;
	const struct acl_image *image;
	const struct acl_who *who;
	const struct acl_answer *a;
};

static struct str
tenant_name(const struct acl_image *image, uint32_t number)
{
	const struct acl_tenant *t = acl_image_tenant(image, number);
	return t == NULL ? STR("?") : acl_tenant_name(t);
}

static void
say(struct sentence *s, const char *text)
{
	buf_add(&s->buf, text, strlen(text));
}

static void
say_path(struct sentence *s, enum acl_type type)
{
	const struct acl_object *o = &s->a->object;
	acl_path_format(&s->buf, type, tenant_name(s->image, o->name.tenant), o->name.s);
}

static void
say_who(struct sentence *s)
{
	const struct acl_who *w = s->who;
	acl_escape(&s->buf, w->user.s);
	if (w->user.tenant != s->a->object.name.tenant && s->a->object.type != ACL_ROOT)
		buf_printf(&s->buf, "@%.*s", STR_ARG(tenant_name(s->image, w->user.tenant)));
}

static const char *
bits_text(unsigned bits)
{
	static const char *const texts[8] = { "right", "x", "w", "w or x", "r", "r or x", "r or w",
		"r, w or x" };
	return texts[bits & 7];
}

/* "(mode rw-r----- owner anna team billing: other)" */
static void
say_node(struct sentence *s)
{
	const struct acl_node *n = s->a->node;
	char mode[ACL_MODE_TEXT];
	buf_printf(&s->buf, " (mode %s owner ", acl_mode_format(n->mode, mode));
	acl_escape(&s->buf, n->owner.n > 0 ? n->owner : STR("-"));
	say(s, " team ");
	acl_escape(&s->buf, n->team.n > 0 ? n->team : STR("-"));
	buf_printf(&s->buf, ": %s)", acl_class_name(s->a->cls));
}

/* "has r on PATH (mode ...)" */
static void
say_bits(struct sentence *s)
{
	say(s, s->a->allow ? " has " : " has no ");
	say(s, bits_text(s->a->need));
	say(s, " on ");
	say_path(s, s->a->node_type);
	say_node(s);
}

/* "may [not] write PATH: " */
static void
say_may(struct sentence *s)
{
	buf_printf(&s->buf, " may%s %s ", s->a->allow ? "" : " not", acl_op_name(s->a->op));
	say_path(s, s->a->object.type);
	say(s, ": ");
}

static void
say_rule(struct sentence *s)
{
	const struct acl_binding *b = &s->a->rule->b;
	say_may(s);
	say(s, "rule ");
	acl_rule_text_format(&s->buf, b, 1u << b->op);
	say(s, " on ");
	acl_binding_path(&s->buf, tenant_name(s->image, s->a->object.name.tenant), b);
}

/* What would have allowed it, and does no longer. */
static void
say_ended(struct sentence *s)
{
	const struct acl_binding *b = &s->a->ended->b;
	say(s, "; it was allowed by rule ");
	acl_rule_text_format(&s->buf, b, 1u << b->op);
	say(s, " on ");
	acl_binding_path(&s->buf, tenant_name(s->image, s->a->object.name.tenant), b);
	say(s, ", which has ended");
}

/* What nothing allows, by what was looked at last. */
static void
say_nothing(struct sentence *s)
{
	const struct acl_answer *a = s->a;
	if (a->node == NULL || a->node_type == a->object.type) {
		if (a->node != NULL && a->need != 0) {
			say_bits(s);
			return;
		}
		say_may(s);
		say(s, "that is for the owner and those with x on ");
		say_path(s, ACL_TENANT);
		if (a->node != NULL)
			say_node(s);
		return;
	}
	say_may(s);
	if (a->need == 0) {
		say(s, "there is no such node, and no rule for the name");
		return;
	}
	say(s, "it needs ");
	say(s, bits_text(a->need));
	say(s, " on ");
	say_path(s, a->node_type);
	say_node(s);
}

static const char *
reason(enum acl_step step)
{
	switch ((int)step) {
	case ACL_STEP_GONE: return "the user is deleted, locked, expired or has another password";
	case ACL_STEP_FOREIGN: return "that is another tenant's, or nobody's";
	case ACL_STEP_NO_SUCH: return "there is no such operation on it";
	case ACL_STEP_NEVER: return "no client may, whoever he is";
	case ACL_STEP_OPERATOR: return "an operator";
	case ACL_STEP_OPERATORS_ONLY: return "only operators may";
	case ACL_STEP_LOGIN: return "every login may";
	case ACL_STEP_SELF: return "about oneself";
	case ACL_STEP_OWNER: return "the owner always may";
	default: return acl_step_name(step);
	}
}

static void
say_reason(struct sentence *s)
{
	switch ((int)s->a->step) {
	case ACL_STEP_DENY_RULE:
	case ACL_STEP_ALLOW_RULE:
		say_rule(s);
		break;
	case ACL_STEP_MODE:
		say_bits(s);
		break;
	case ACL_STEP_DIRECTORY:
	case ACL_STEP_ADMIN:
		say_may(s);
		buf_printf(&s->buf, "%s on ", bits_text(s->a->need));
		say_path(s, s->a->node_type);
		say_node(s);
		break;
	case ACL_STEP_NOTHING:
		say_nothing(s);
		break;
	default:
		say_may(s);
		say(s, reason(s->a->step));
	}
}

static char *
finish(struct sentence *s, char *out, size_t size)
{
	size_t n = s->buf.n < size ? s->buf.n : size - 1;
	if (n > 0)
		memcpy(out, s->buf.p, n);
	out[n] = '\0';
	buf_free(&s->buf);
	return out;
}

char *
acl_explain(const struct acl_image *image, const struct acl_who *who,
    const struct acl_answer *answer, char *out, size_t size)
{
	struct sentence s = { .image = image, .who = who, .a = answer };
	buf_init(&s.buf, SENTENCE_MAX);
	say(&s, answer->allow ? "allowed: " : "denied: ");
	say_who(&s);
	if (who->record == NULL && !who->anonymous)
		say(&s, " (without a user record)");
	say_reason(&s);
	if (answer->ended != NULL)
		say_ended(&s);
	return finish(&s, out, size);
}

/* ---- the way there ---- */

/* Lines of one size, one behind the other. */
struct way {
	struct sentence s;
	char *out;
	size_t size, n, max;
};

/* "bert is a user of acme, no operator, in team billing" */
static void
say_user(struct sentence *s)
{
	const struct acl_user *u = s->who->record;
	acl_escape(&s->buf, s->who->user.s);
	if (u == NULL) {
		say(s, s->who->anonymous ? " has not logged in: other everywhere" : " has no user record, and no team");
		return;
	}
	buf_printf(&s->buf, " is a user of %.*s, no operator, in %s", STR_ARG(tenant_name(s->image, s->who->user.tenant)),
	    u->n_teams == 0 ? "no team" : u->n_teams == 1 ? "team" : "teams");
	for (uint32_t i = 0; i < u->n_teams; i++) {
		say(s, i == 0 ? " " : ", ");
		acl_escape(&s->buf, u->teams[i]);
	}
}

/* One more line: before, the operation where it is not ACL_OP_ANY, and the path of what is of this type. */
static void
pass(struct way *w, const char *before, enum acl_op op, enum acl_type type)
{
	if (w->n == w->max)
		return;
	buf_init(&w->s.buf, SENTENCE_MAX);
	if (before == NULL)
		say_user(&w->s);
	else {
		buf_printf(&w->s.buf, "%s %s%s", before, op == ACL_OP_ANY ? "" : acl_op_name(op), op == ACL_OP_ANY ? "" : " ");
		say_path(&w->s, type);
	}
	finish(&w->s, w->out + w->n++ * w->size, w->size);
}

size_t
acl_explain_steps(const struct acl_image *image, const struct acl_who *who, const struct acl_answer *a, char *out, size_t size,
    size_t max)
{
	static const char nothing[] = "no rule denies or allows to", no_deny[] = "no rule denies to";
	struct way w = { .s = { .image = image, .who = who, .a = a }, .out = out, .size = size, .max = max };
	enum acl_type type = a->object.type;
	if (a->passed & ACL_PASSED_WHO)
		pass(&w, NULL, ACL_OP_ANY, type);
	if (a->passed & ACL_PASSED_MAKING)
		pass(&w, "no rule denies to make", ACL_OP_ANY, type);
	if (a->passed & ACL_PASSED_RULES)
		pass(&w, nothing, a->op, type);
	if (a->passed & ACL_PASSED_TENANT)
		pass(&w, nothing, a->op, ACL_TENANT);
	if (a->step == ACL_STEP_ALLOW_RULE)	/* denials come first */
		pass(&w, no_deny, a->op, a->passed & ACL_PASSED_RULES ? ACL_TENANT : type);
	if (a->passed & ACL_PASSED_NODE && a->node_type != type)
		pass(&w, "nothing is given by the mode of", ACL_OP_ANY, type);
	return w.n;
}

char *
acl_explain_to(const struct acl_image *image, const struct acl_who *asker,
    const struct acl_who *who, const struct acl_answer *answer, char *out, size_t size,
    bool *ret_hidden)
{
	const struct acl_object *o = &answer->object;
	bool hidden = !answer->allow && !acl_visible(image, asker, o) &&
	    !acl_is_admin(image, asker, o->name.tenant);
	if (ret_hidden != NULL)
		*ret_hidden = hidden;
	if (!hidden)
		return acl_explain(image, who, answer, out, size);
	struct sentence s = { .image = image, .who = who, .a = answer };
	buf_init(&s.buf, SENTENCE_MAX);
	say(&s, "denied: ");
	say_path(&s, o->type);
	say(&s, " is not visible to ");
	say_who(&s);
	return finish(&s, out, size);
}
