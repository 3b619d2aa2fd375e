/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys are made here, so that no password goes further down. A tenant's number
 * is found by reading the whole tree once: this runs by hand, rarely. */
#include "broker/bootstrap.h"

#include <linux/limits.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/mem.h"
#include "meta/controller.h"
#include "meta/meta_sqlite.h"
#include "security/scram_keys.h"

#define META_FILE "meta.db"

static int
file_in(const char *data_dir, char out[PATH_MAX], struct why *why)
{
	int n = snprintf(out, PATH_MAX, "%s/" META_FILE, data_dir);
	return n < PATH_MAX ? 0 : why_set(why, ERR_LIMIT, "the path %s is too long", data_dir);
}

static int
make_keys(struct str password, struct scram_key ret[SCRAM_HASHES], struct why *why)
{
	for (int i = 0; i < SCRAM_HASHES; i++) {
		int err = scram_key_make((enum scram_hash)i, password, SCRAM_ITERATIONS_DEFAULT, &ret[i]);
		if (err != 0)
			return why_set(why, err, "that cannot be a password: 1 to %d bytes of UTF-8", PASSWORD_MAX);
	}
	return 0;
}

int
bootstrap_metadata(const char *data_dir, struct str admin, struct str password, struct why *why)
{
	char file[PATH_MAX];
	struct meta_first_user user = { .name = admin, .mechanisms = MECH_BIT(MECH_SCRAM_SHA_256) |
	    MECH_BIT(MECH_SCRAM_SHA_512) | MECH_BIT(MECH_PLAIN) };
	int err = file_in(data_dir, file, why);
	if (err == 0)
		err = make_keys(password, user.scram, why);
	if (err == 0)
		err = meta_init(file, &user, why);
	mem_cleanse(&user, sizeof(user));
	return err;
}

struct search {
	struct image *image;
};

static int
read_node(struct str path, struct str value, int64_t version, void *arg)
{
	struct search *s = arg;
	(void)version;
	(void)image_apply(&s->image, path, value, NULL); /* one that cannot be read is not it */
	return 0;
}

static const struct image_tenant *
tenant_named(struct image *image, struct str name)
{
	const struct image_tenant *t = NULL;
	do {
		t = image_next_tenant(image, t);
	} while (t != NULL && !str_eq(t->name, name));
	return t;
}

static int
tenant_number(const char *file, struct str name, uint32_t *ret, struct why *why)
{
	struct search s = { image_create(NULL) };
	struct meta *meta;
	int err = fs_exists(file) ? meta_sqlite_open(file, &meta, why) :
	    why_set(why, ERR_NOTFOUND, "%s is not there", file);
	if (err == 0) {
		err = meta_walk(meta, read_node, &s, why);
		meta_close(&meta);
	}
	if (err == 0) {
		const struct image_tenant *t = tenant_named(s.image, name);
		if (t == NULL)
			err = why_set(why, ERR_NOTFOUND, "there is no tenant '%.*s'", STR_ARG(name));
		else
			*ret = t->number;
	}
	image_unref(&s.image);
	return err;
}

int
bootstrap_look(const char *file, const struct conf *conf, struct why *why)
{
	struct search s = { image_create(NULL) };
	int err = meta_sqlite_look(file, read_node, &s, why);
	/* A tree that is still to be upgraded shows none of them. */
	bool shown = image_next_tenant(s.image, NULL) != NULL;
	for (size_t i = 0; i < conf->listener_count && err == 0 && shown; i++) {
		const struct conf_listener *l = &conf->listeners[i];
		if (!l->tenant_from_login && tenant_named(s.image, str_from(l->home)) == NULL)
			err = why_set(why, ERR_NOTFOUND, "listener %s: there is no tenant '%s'", l->name, l->home);
	}
	image_unref(&s.image);
	return err;
}

int
bootstrap_password(const char *data_dir, struct str tenant, struct str user,
    struct str password, struct why *why)
{
	char file[PATH_MAX];
	struct scram_key keys[SCRAM_HASHES];
	uint32_t number = 0;
	int err = file_in(data_dir, file, why);
	if (err == 0)
		err = tenant_number(file, tenant, &number, why);
	if (err == 0)
		err = make_keys(password, keys, why);
	if (err == 0)
		err = meta_set_keys(file, NAME(number, user), keys, why);
	mem_cleanse(keys, sizeof(keys));
	return err;
}
