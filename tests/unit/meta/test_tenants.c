/* SPDX-License-Identifier: Apache-2.0 */
/* Tenants that are there: suspended, resumed, renamed, deleted in two steps. */
#include "room.h"

#include "meta/tenants.h"
#include "meta/users.h"

static const struct image *
image_of(struct room *r)
{
	return atomic_load(&r->image);
}

static const struct acl_tenant *
tenant_of(struct room *r, uint32_t tenant)
{
	return acl_image_tenant(image_acl(image_of(r)), tenant);
}

static uint32_t
make_tenant(struct room *r)
{
	struct tenant_create c = { .name = STR("acme"), .admin = { .kind = USER_CREATE,
		.user = NAME(0, STR("victim")), .mechanisms = MECH_BIT(MECH_PLAIN), .team = STR("") } };
	tenant_create_init(&c);
	assert_int_equal(submit(r, &c.change), CHANGE_OK);
	return c.ret_number;
}

static struct str
mark_tenant(struct room *r)
{
	struct tenant_alter a = { .kind = TENANT_MARK, .name = STR("acme"), .purge = true };
	tenant_alter_init(&a);
	assert_int_equal(submit(r, &a.change), CHANGE_OK);
	return a.ret_confirm;
}

static enum change_result
alter_tenant(struct room *r, enum tenant_change_kind kind, const char *name, const char *new_name)
{
	struct tenant_alter a = { .kind = kind, .name = str_from(name), .new_name = str_from(new_name) };
	tenant_alter_init(&a);
	return submit(r, &a.change);
}

static enum change_result
delete_tenant(struct room *r, const char *word)
{
	struct tenant_delete c = { .name = STR("acme"), .confirm = str_from(word) };
	tenant_delete_init(&c);
	return submit(r, &c.change);
}

static const struct image_tenant *
acme(struct room *r, uint32_t number)
{
	return image_tenant(image_of(r), number);
}

/* Closed and open again as often as one likes; each time who logged in before is of another generation. */
static void
a_tenant_is_suspended_and_renamed(void **state)
{
	struct room r;
	struct cred cred;
	(void)state;
	room_make(&r);
	uint32_t number = make_tenant(&r);
	struct name victim = NAME(number, STR("victim")), nobody = NAME(number, STR("nobody"));
	uint64_t generation = acme(&r, number)->generation;
	assert_int_equal(alter_tenant(&r, TENANT_SUSPEND, "acme", NULL), CHANGE_OK);
	assert_false(image_tenant_is_open(image_of(&r), number));
	assert_true(acme(&r, number)->generation > generation);
	image_cred(image_of(&r), victim, 0, &cred);
	assert_true(cred.exists && cred.closed && !cred.locked);
	image_cred(image_of(&r), nobody, 0, &cred);
	assert_true(!cred.exists && cred.closed);
	generation = acme(&r, number)->generation;
	assert_int_equal(alter_tenant(&r, TENANT_SUSPEND, "acme", NULL), CHANGE_OK);
	assert_int_equal(acme(&r, number)->generation, generation);
	assert_int_equal(alter_tenant(&r, TENANT_RENAME, "acme", "acme"), CHANGE_DUPLICATE);
	assert_int_equal(alter_tenant(&r, TENANT_RENAME, "acme", "main"), CHANGE_DUPLICATE);
	assert_int_equal(alter_tenant(&r, TENANT_RENAME, "acme", "No Name"), CHANGE_BAD_REQUEST);
	assert_int_equal(alter_tenant(&r, TENANT_RENAME, "acme", "other"), CHANGE_OK);
	assert_int_equal(acl_tenant_number(acl_image_tenant_named(image_acl(image_of(&r)), STR("other"))), number);
	assert_null(acl_image_tenant_named(image_acl(image_of(&r)), STR("acme")));
	assert_false(image_tenant_is_open(image_of(&r), number));	/* a name is not a state */
	assert_string_equal(acme(&r, number)->owner.p, "victim");
	assert_non_null(acl_tenant_user(tenant_of(&r, number), STR("victim")));
	assert_int_equal(alter_tenant(&r, TENANT_RESUME, "other", NULL), CHANGE_OK);
	assert_true(image_tenant_is_open(image_of(&r), number));
	image_cred(image_of(&r), victim, 0, &cred);
	assert_false(cred.closed);
	for (int kind = TENANT_SUSPEND; kind <= TENANT_MARK; kind++)
		assert_int_equal(alter_tenant(&r, kind, "main", "other2"), CHANGE_BAD_REQUEST);
	assert_int_equal(alter_tenant(&r, TENANT_SUSPEND, "acme", NULL), CHANGE_RESOURCE_NOT_FOUND);
	room_free(&r);
}

/* No word fits but that of the mark that is there. */
static void
a_tenant_is_deleted_in_two_steps(void **state)
{
	struct room r;
	(void)state;
	room_make(&r);
	uint32_t number = make_tenant(&r);
	assert_int_equal(delete_tenant(&r, ""), CHANGE_BAD_REQUEST);
	struct str first = mark_tenant(&r);
	assert_false(image_tenant_is_open(image_of(&r), number));
	assert_true(str_eq(mark_tenant(&r), first));	/* said again */
	assert_int_equal(alter_tenant(&r, TENANT_SUSPEND, "acme", NULL), CHANGE_POLICY);
	assert_int_equal(alter_tenant(&r, TENANT_RESUME, "acme", NULL), CHANGE_OK);
	assert_int_equal(delete_tenant(&r, first.p), CHANGE_BAD_REQUEST);
	struct str second = mark_tenant(&r);
	assert_false(str_eq(first, second));
	assert_int_equal(delete_tenant(&r, "acme"), CHANGE_BAD_REQUEST);
	assert_int_equal(delete_tenant(&r, first.p), CHANGE_BAD_REQUEST);
	assert_int_equal(delete_tenant(&r, second.p), CHANGE_OK);
	assert_null(tenant_of(&r, number));
	room_free(&r);
}

TEST_MAIN(T(a_tenant_is_suspended_and_renamed), T(a_tenant_is_deleted_in_two_steps))
