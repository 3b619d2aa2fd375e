/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes become images: each kind of node, spoilt in each way that matters, is an
 * error that names the reason and leaves the image as it was. */
#include "../test.h"

#include <string.h>

#include "meta/image.h"

static struct image *
put(struct image *im, const char *path, const char *lines)
{
	char text[512] = "v1\n";
	struct why why = { "" };
	strncat(text, lines, sizeof(text) - 4);
	if (image_apply(&im, str_from(path), str_from(text), &why) != 0)
		fail_msg("%s: %s", path, why.text);
	return im;
}

#define USER "generation=7\nmechanism=SCRAM-SHA-256\nteam=staff\n"

static struct image *
furnished(void)
{
	struct image *im = image_create(NULL);
	im = put(im, "/tenants/0", "name=main\nowner=admin\ncluster.id=AAAAAAAAAAAAAAAAAAAAAA\n");
	im = put(im, "/tenants/0/users/anna", USER);
	im = put(im, "/tenants/0/topics/orders",
	    "id=AAAAAAAAAAAAAAAAAAAAAQ\npartitions=3\nmode=416\nowner=anna\nconfig.retention.ms=5000\n");
	return im;
}

static void
nodes_become_what_they_stand_for(void **state)
{
	struct image *im = furnished();
	struct cred cred;
	(void)state;
	const struct image_topic *t = image_topic(im, NAME(0, STR("orders")));
	assert_non_null(t);
	assert_int_equal(t->partitions, 3);
	assert_string_equal(t->set.v[TOPIC_RETENTION_MS], "5000");
	assert_ptr_equal(image_topic_by_id(im, &t->id), t);
	assert_int_equal(image_tenant(im, 0)->partitions, 3);
	image_cred(im, NAME(0, STR("anna")), 0, &cred);
	assert_true(cred.exists);
	assert_int_equal(cred.generation, 7);
	assert_int_equal(image_next_generation(im), 8);
	image_unref(&im);
}

#define TOPIC "v1\nid=AAAAAAAAAAAAAAAAAAAAAQ\npartitions=3\nmode=416\n"

static void
leader_epochs_are_counted_in_eras(void **state)
{
	struct image *im = furnished();
	struct why why;
	(void)state;
	/* A node that says nothing of eras is older than they are. */
	image_raise_era(&im, 4);
	assert_int_equal(image_leader_epoch(im, image_topic(im, NAME(0, STR("orders"))), 2), 4);
	assert_ok(image_apply(&im, STR("/tenants/0/topics/orders"), STR(TOPIC "era=0:1\nera=1:3\nera=2:4\n"), &why));
	const struct image_topic *t = image_topic(im, NAME(0, STR("orders")));
	for (int32_t i = 0; i < 3; i++)
		assert_int_equal(image_leader_epoch(im, t, i), ((int[]){ 3, 1, 0 })[i]);
	image_raise_era(&im, 6);
	image_raise_era(&im, 5);
	for (int32_t i = 0; i < 3; i++)
		assert_int_equal(image_leader_epoch(im, t, i), ((int[]){ 5, 3, 2 })[i]);
	/* They are kept where topics are made anew for a default. */
	assert_ok(image_apply(&im, STR("/broker/log.retention.ms"), STR("v1\nvalue=5\n"), &why));
	assert_int_equal(image_leader_epoch(im, image_topic(im, NAME(0, STR("orders"))), 1), 3);
	image_unref(&im);
}

static void
what_cannot_be_read_is_refused(void **state)
{
	static const struct { const char *path, *value; int err; } bad[] = {
		{ "/tenants/0/users/anna", "v2\n" USER, ERR_UNSUPPORTED },
		{ "/tenants/0/users/anna", "v1\ngeneration=x\n", ERR_CORRUPT },
		{ "/tenants/0/users/anna", "v1\n" USER "scram-sha-256=4096:00:00:00\n", ERR_CORRUPT },
		{ "/tenants/0/topics/orders", "v1\npartitions=3\nmode=416\n", ERR_CORRUPT },
		{ "/tenants/0/topics/orders", "v1\nid=AAAAAAAAAAAAAAAAAAAAAQ\npartitions=0\nmode=416\n", ERR_CORRUPT },
		{ "/tenants/0/topics/orders", "v1\nid=AAAAAAAAAAAAAAAAAAAAAQ\npartitions=3\nmode=1000\n", ERR_CORRUPT },
		{ "/tenants/0/topics/orders",
		    "v1\nid=AAAAAAAAAAAAAAAAAAAAAQ\npartitions=3\nmode=416\nconfig.retention.ms=soon\n", ERR_CORRUPT },
		{ "/tenants/0/topics/orders",
		    "v1\nid=AAAAAAAAAAAAAAAAAAAAAQ\npartitions=3\nmode=416\nconfig.no.such=1\n", ERR_CORRUPT },
		{ "/tenants/0/topics/orders", TOPIC "era=0\n", ERR_CORRUPT },
		{ "/tenants/0/topics/orders", TOPIC "era=1:0\n", ERR_CORRUPT },
		{ "/tenants/0/topics/orders", TOPIC "era=0:0\nera=0:1\n", ERR_CORRUPT },
		{ "/tenants/0/topics/orders", TOPIC "era=0:0\nera=3:1\n", ERR_CORRUPT },
		{ "/tenants/0/topics/orders", TOPIC "era=0:-1\n", ERR_CORRUPT },
		{ "/tenants/0/topics/orders", TOPIC "era=0:2147483647\n", ERR_CORRUPT },
		{ "/tenants/0/dirs/topics", "v1\nowner=anna\n", ERR_CORRUPT },
		{ "/tenants/0/dirs/cellar", "v1\nmode=448\n", ERR_CORRUPT },
		{ "/tenants/0/rules/2", "v1\n", ERR_CORRUPT },
		{ "/tenants/0/rules/2", "v3\n", ERR_UNSUPPORTED },
		{ "/tenants/0/topics/orders", "v2\n", ERR_UNSUPPORTED },
		{ "/tenants/0/quotas/uanna", "v1\nproducer_byte_rate=many\n", ERR_CORRUPT },
		{ "/tenants/0/quotas/uanna", "v1\nproducer_byte_rate=-1\n", ERR_CORRUPT },
		{ "/tenants/0/attic/x", "v1\n", ERR_UNSUPPORTED },
		{ "/tenants/0", "v1\nname=main\n", ERR_CORRUPT },
		{ "/tenants/9/users/anna", "v1\n" USER, ERR_NOTFOUND },
		{ "/next", "v1\ntenant=many\n", ERR_CORRUPT },
		{ "next", "v1\n", ERR_CORRUPT },
		{ "/a/b/c/d/e", "v1\n", ERR_CORRUPT },
		{ "/next", "", ERR_CORRUPT },
	};
	struct image *im = furnished(), *before = im;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct why why = { "" };
		int err = image_apply(&im, str_from(bad[i].path), str_from(bad[i].value), &why);
		if (err != bad[i].err)
			fail_msg("%s %s: %d, not %d", bad[i].path, bad[i].value, err, bad[i].err);
		assert_ptr_equal(im, before);
		assert_non_null(image_topic(im, NAME(0, STR("orders"))));
	}
	image_unref(&im);
}

static void
older_images_stay_as_they_were(void **state)
{
	struct image *im = furnished(), *old = image_ref(im);
	struct why why;
	(void)state;
	im = put(im, "/tenants/0/topics/orders",
	    "id=AAAAAAAAAAAAAAAAAAAAAQ\npartitions=5\nmode=416\nowner=bert\n");
	assert_ok(image_apply(&im, STR("/tenants/0/users/anna"), STR_NULL, &why));
	assert_int_equal(image_topic(im, NAME(0, STR("orders")))->partitions, 5);
	assert_int_equal(image_tenant(im, 0)->partitions, 5);
	assert_null(acl_tenant_user(acl_image_tenant(image_acl(im), 0), STR("anna")));
	assert_int_equal(image_topic(old, NAME(0, STR("orders")))->partitions, 3);
	assert_int_equal(image_tenant(old, 0)->partitions, 3);
	assert_non_null(acl_tenant_user(acl_image_tenant(image_acl(old), 0), STR("anna")));
	image_unref(&im);
	image_unref(&old);
}

TEST_MAIN(T(nodes_become_what_they_stand_for), T(leader_epochs_are_counted_in_eras),
    T(what_cannot_be_read_is_refused),
    T(older_images_stay_as_they_were))
