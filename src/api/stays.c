/* SPDX-License-Identifier: Apache-2.0 */
#include "api/stays.h"

#include "base/clock.h"

uint64_t
stays_generation(const struct image *image, uint32_t tenant)
{
	const struct image_tenant *t = image_tenant(image, tenant);
	return t == NULL ? 0 : t->generation;
}

bool
stays_tenant(const struct image *image, uint32_t tenant, uint64_t generation)
{
	const struct image_tenant *t = image_tenant(image, tenant);
	return t != NULL && t->state == TENANT_OPEN && t->generation == generation;
}

bool
stays_user(const struct image *image, const struct principal *p, uint64_t generation)
{
	struct acl_who who;
	acl_who_of(image_acl(image), p, clock_wall_ms(), &who);
	return !who.gone && stays_tenant(image, p->user.tenant, generation);
}

const char *
stays_too_late(const struct image *image, const struct principal *p)
{
	struct acl_who who;
	if (!image_tenant_is_open(image, p->user.tenant))
		return "the tenant was suspended meanwhile";
	acl_who_of(image_acl(image), p, clock_wall_ms(), &who);
	return who.gone ? "the user was deleted, locked or given new keys meanwhile" : NULL;
}
