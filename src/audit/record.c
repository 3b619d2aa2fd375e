/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A member is added whole or not at all: where it does not fit, what is there of it is taken back. Room
 * for closing what is open, and for saying that something is missing, is kept.
 */
#include "audit/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "acl/image.h"
#include "acl/text.h"
#include "base/mem.h"

#define VALUE_MAX 512			/* bytes of a string that are looked at */
#define ROOM_TO_END 64

static const char *const words[] = {
#define X(name, word, text) [AUDIT_##name] = word,
#include "audit/audit.def"
#undef X
};

void
out_begin(struct record_out *r, enum audit_what what)
{
	buf_init(&r->b, AUDIT_BODY_MAX);
	r->left_out = r->depth = 0;
	(void)buf_printf(&r->b, "\"what\":\"%s\"", words[what]);
}

void
out_free(struct record_out *r)
{
	buf_free(&r->b);
}

struct str
out_end(struct record_out *r)
{
	if (r->left_out > 0)
		(void)buf_printf(&r->b, ",\"left_out\":%u", r->left_out);
	return buf_str(&r->b);
}

/* ---- one member ---- */

static void
comma(struct record_out *r)
{
	char last = r->b.n > 0 ? (char)r->b.p[r->b.n - 1] : '{';
	if (last != '{' && last != '[')
		(void)buf_add(&r->b, ",", 1);
}

static void
key_of(struct record_out *r, const char *key)
{
	comma(r);
	if (key != NULL)
		(void)buf_printf(&r->b, "\"%s\":", key);
}

/* Takes back what was begun at `before` where it leaves too little room. */
static void
settle(struct record_out *r, size_t before, int err)
{
	if (err == 0 && r->b.n + ROOM_TO_END + r->depth <= AUDIT_BODY_MAX)
		return;
	r->b.n = before;
	r->left_out++;
}

static int
add_quoted(struct buf *b, const char *text)
{
	int err = buf_add(b, "\"", 1);
	for (const char *p = text; *p != '\0' && err == 0; p++) {
		if (*p == '"' || *p == '\\')
			err = buf_add(b, "\\", 1);
		if (err == 0)
			err = buf_add(b, p, 1);
	}
	return err == 0 ? buf_add(b, "\"", 1) : err;
}

void
out_str(struct record_out *r, const char *key, struct str value)
{
	char text[VALUE_MAX * 4 + 8];
	struct str some = { value.p, value.n < VALUE_MAX ? value.n : VALUE_MAX };
	size_t before = r->b.n;
	key_of(r, key);
	if (value.p == NULL) {
		settle(r, before, buf_add(&r->b, "null", 4));
		return;
	}
	while (some.n < value.n && some.n > 0 && ((unsigned char)value.p[some.n] & 0xc0) == 0x80)
		some.n--; /* not within a character */
	str_escape(some, text, sizeof(text) - 4);
	if (some.n < value.n)
		memcpy(text + strlen(text), "...", 4);
	settle(r, before, add_quoted(&r->b, text));
}

void
out_text(struct record_out *r, const char *key, const char *value)
{
	out_str(r, key, str_from(value));
}

void
out_int(struct record_out *r, const char *key, int64_t value)
{
	size_t before = r->b.n;
	key_of(r, key);
	settle(r, before, buf_printf(&r->b, "%" PRId64, value));
}

void
out_bool(struct record_out *r, const char *key, bool value)
{
	size_t before = r->b.n;
	key_of(r, key);
	settle(r, before, buf_printf(&r->b, "%s", value ? "true" : "false"));
}

void
out_open(struct record_out *r, const char *key, char bracket)
{
	key_of(r, key);
	(void)buf_add(&r->b, &bracket, 1);
	r->depth++;
}

void
out_close(struct record_out *r, char bracket)
{
	(void)buf_add(&r->b, &bracket, 1);
	r->depth--;
}

/* ---- who, and the decision ---- */

static void
out_if(struct record_out *r, const char *key, struct str value)
{
	if (value.p != NULL)
		out_str(r, key, value);
}

void
out_by(struct record_out *r, const struct audit_by *by)
{
	out_if(r, "tenant", by->tenant);
	out_if(r, "user", by->user);
	out_if(r, "mechanism", by->mechanism);
	out_if(r, "from", by->from);
	out_if(r, "listener", by->listener);
	if (by->connection != 0)
		out_int(r, "connection", (int64_t)by->connection);
	out_if(r, "client", by->client);
	out_if(r, "api", by->api);
}

static void
out_path(struct record_out *r, const char *key, const struct acl_image *image, enum acl_type type, struct name name)
{
	const struct acl_tenant *t = acl_image_tenant(image, name.tenant);
	struct buf b;
	buf_init(&b, 4096);
	if (acl_path_format(&b, type, t == NULL ? STR("?") : acl_tenant_name(t), name.s) != 0)
		buf_consume(&b, b.n);
	out_str(r, key, b.n > 0 ? buf_str(&b) : name.s);
	buf_free(&b);
}

static void
out_rule(struct record_out *r, const struct acl_image *image, const struct acl_answer *a)
{
	const struct acl_binding *rule = &a->rule->b;
	const struct acl_tenant *t = acl_image_tenant(image, a->object.name.tenant);
	struct buf b;
	buf_init(&b, 65536);
	if (acl_rule_text_format(&b, rule, UINT32_C(1) << rule->op) == 0)
		out_str(r, "rule", buf_str(&b));
	buf_consume(&b, b.n);
	if (acl_binding_path(&b, t == NULL ? STR("?") : acl_tenant_name(t), rule) == 0)
		out_str(r, "rule_path", buf_str(&b));
	buf_free(&b);
}

void
out_answer(struct record_out *r, const struct acl_image *image, const struct acl_answer *a)
{
	char bits[4], mode[ACL_MODE_TEXT];
	out_path(r, "object", image, a->object.type, a->object.name);
	out_text(r, "operation", acl_op_name(a->op));
	out_text(r, "step", acl_step_name(a->step));
	if (a->rule != NULL)
		out_rule(r, image, a);
	if (a->need == 0 || a->node == NULL)
		return;
	snprintf(bits, sizeof(bits), "%s%s%s", a->need & ACL_R ? "r" : "", a->need & ACL_W ? "w" : "",
	    a->need & ACL_X ? "x" : "");
	out_path(r, "node", image, a->node_type, a->object.name);
	out_text(r, "class", acl_class_name(a->cls));
	out_text(r, "needs", bits);
	out_text(r, "mode", acl_mode_format(a->node->mode, mode));
	out_str(r, "owner", a->node->owner);
	out_str(r, "team", a->node->team);
}
