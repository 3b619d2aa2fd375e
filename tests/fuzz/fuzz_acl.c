/* SPDX-License-Identifier: Apache-2.0
 * F10: permissions as text, and joined names. The first byte picks the parser.
 * What is taken must come back the same from its own text. */
#include <stdlib.h>

#include "acl/text.h"
#include "tenant/tenant.h"

#define MEMORY (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
path(struct arena *arena, struct str text)
{
	struct acl_path p, back;
	struct acl_binding b;
	struct buf out;
	if (acl_path_parse(arena, text, &p, NULL) != 0)
		return;
	buf_init(&out, MEMORY);
	must(acl_path_format(&out, p.type, p.tenant, p.name) == 0);
	if (p.star && p.name.n == 0)
		must(acl_path_parse(arena, buf_str(&out), &back, NULL) != 0 || back.name.n == 0);
	else {
		must(acl_path_parse(arena, buf_str(&out), &back, NULL) == 0);
		must(back.type == p.type && str_eq(back.tenant, p.tenant) && str_eq(back.name, p.name));
	}
	out.n = 0;
	if (acl_path_binding(&p, &b, NULL) == 0) {
		must(acl_binding_path(&out, p.tenant, &b) == 0);
		must(acl_path_parse(arena, buf_str(&out), &back, NULL) == 0);
		must(back.type == p.type && str_eq(back.name, p.name));
	}
	buf_free(&out);
}

static void
mode(struct str text)
{
	unsigned of_none, clear, set, back;
	char letters[ACL_MODE_TEXT];
	if (acl_mode_parse(text, 0, &of_none, NULL) != 0)
		return;
	must(of_none <= 0777 && acl_mode_masks(text, &clear, &set, NULL) == 0 && set == of_none);
	must(acl_mode_parse(str_from(acl_mode_format(of_none, letters)), 0777, &back, NULL) == 0);
	must(back == of_none);
}

struct got {
	struct acl_binding b;
	uint32_t ops;
};

static int
collect(const struct acl_binding *b, void *arg)
{
	struct got *g = arg;
	g->b = *b;
	g->ops |= 1u << b->op;
	return 0;
}

static void
rule(struct arena *arena, struct str line)
{
	struct acl_binding on = { .type = ACL_TOPIC, .pattern = ACL_LITERAL, .name = STR("t") };
	struct got g = { .ops = 0 }, again = { .ops = 0 };
	struct buf out;
	if (acl_rule_text_parse(arena, line, &on, collect, &g, NULL) != 0 || g.ops == 0)
		return;
	buf_init(&out, MEMORY);
	must(acl_rule_text_format(&out, &g.b, g.ops) == 0);
	must(acl_rule_text_parse(arena, buf_str(&out), &on, collect, &again, NULL) == 0);
	must(again.ops == g.ops && again.b.permission == g.b.permission);
	must(str_eq(again.b.principal, g.b.principal) && str_eq(again.b.host, g.b.host));
	buf_free(&out);
}

static void
joined(struct arena *arena, struct str text)
{
	struct name n;
	if (tenant_split(text, &n) == 0)
		must(str_eq(tenant_join(arena, n), text));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	struct arena *arena = arena_create(MEMORY);
	struct str text = { (const char *)data + 1, size - 1 };
	switch (data[0] & 3) {
	case 0:
		path(arena, text);
		break;
	case 1:
		mode(text);
		break;
	case 2:
		rule(arena, text);
		break;
	default:
		joined(arena, text);
	}
	arena_destroy(&arena);
	return 0;
}
