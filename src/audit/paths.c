/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/paths.h"

#include "acl/image.h"
#include "acl/text.h"
#include "base/array.h"
#include "base/mem.h"

struct audit_paths {
	struct arena *arena;
	ARRAY(struct acl_path) v;
};

int
audit_paths_parse(const char *const *texts, size_t n, struct audit_paths **ret, struct why *why)
{
	struct why reason = { "" };
	struct audit_paths *p;
	if (n == 0) {
		*ret = NULL;
		return 0;
	}
	p = MEM_NEW(struct audit_paths);
	p->arena = arena_create(SIZE_MAX);
	for (size_t i = 0; i < n; i++) {
		if (acl_path_parse(p->arena, str_from(texts[i]), ARRAY_ADD(p->arena, p->v), &reason) != 0) {
			int err = why_set(why, ERR_INVAL, "audit.allows: %s: %s", texts[i], reason.text);
			audit_paths_free(p);
			return err;
		}
	}
	*ret = p;
	return 0;
}

void
audit_paths_free(void *paths)
{
	struct audit_paths *p = paths;
	if (p == NULL)
		return;
	arena_destroy(&p->arena);
	mem_free(p);
}

static bool
below_dir(enum acl_type dir, enum acl_type type)
{
	return dir == type || (dir == ACL_TOPICS && type == ACL_TOPIC) || (dir == ACL_GROUPS && type == ACL_GROUP) ||
	    (dir == ACL_TXNS && type == ACL_TXN);
}

static bool
has(const struct acl_path *p, struct str tenant, const struct acl_object *o)
{
	if (p->type == ACL_ROOT)
		return true;
	if (o->type == ACL_ROOT || !str_eq(p->tenant, tenant))
		return false;
	if (p->type == ACL_TENANT)
		return true;
	if (p->type == ACL_TOPICS || p->type == ACL_GROUPS || p->type == ACL_TXNS)
		return below_dir(p->type, o->type);
	return p->type == o->type && (p->star ? str_starts(o->name.s, p->name) : str_eq(p->name, o->name.s));
}

bool
audit_paths_have(const struct audit_paths *paths, const struct acl_image *image, const struct acl_object *object)
{
	const struct acl_tenant *t = acl_image_tenant(image, object->name.tenant);
	struct str tenant = t == NULL ? STR("") : acl_tenant_name(t);
	ARRAY_FOREACH(const struct acl_path, p, paths->v)
		if (has(p, tenant, object))
			return true;
	return false;
}
