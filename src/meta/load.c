/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes come in the order of their paths and are applied one by one, by the same
 * code that applies a change. On the way each is held against the operations
 * that are in question: they have happened if every path that was put last has
 * its value, and no path that was deleted last is there.
 */
#include "meta/load.h"

struct load {
	struct image *image;
	const struct meta_op *ops;
	int n;
	int found;			/* puts whose value stands there */
	bool differs;			/* a node that should be gone, or has another value */
	struct why *why;
};

/* The operation that has the last word on a path; NULL: none. */
static const struct meta_op *
last_word(const struct load *l, struct str path)
{
	for (int i = l->n - 1; i >= 0; i--)
		if (l->ops[i].kind != META_CHECK && str_eq(l->ops[i].path, path))
			return &l->ops[i];
	return NULL;
}

static void
compare(struct load *l, struct str path, struct str value)
{
	const struct meta_op *op = last_word(l, path);
	if (op == NULL)
		return;
	if (op->kind == META_PUT && str_eq(op->value, value))
		l->found++;
	else
		l->differs = true;
}

/* A deny rule, a mode or a setting that is not understood must not be left out:
 * what remains would allow more, or delete sooner. */
static int
load_node(struct str path, struct str value, int64_t version, void *arg)
{
	struct load *l = arg;
	struct why why = { "" };
	(void)version;
	compare(l, path, value);
	int err = image_apply(&l->image, path, value, &why);
	if (err == 0 || err == ERR_NOTFOUND) /* of a tenant that is gone: means nothing */
		return 0;
	return why_set(l->why, err, "metadata: %.*s cannot be read: %s; restore the metadata from a backup "
	    "(BACKUP AND RESTORE in schlossd(8))", STR_ARG(path), why.text[0] != '\0' ? why.text : err_text(err));
}

int
load_image(struct meta *meta, const struct topic_overrides *defaults, const struct meta_op *ops,
    int n, struct image **ret, bool *ret_happened, struct why *why)
{
	struct load l = { .image = image_create(defaults), .ops = ops, .n = n, .why = why };
	int err = meta_walk(meta, load_node, &l, why), puts = 0;
	if (err != 0) {
		image_unref(&l.image);
		return err;
	}
	for (int i = 0; i < n; i++)
		puts += ops[i].kind == META_PUT && last_word(&l, ops[i].path) == &ops[i];
	*ret = l.image;
	*ret_happened = !l.differs && l.found == puts;
	return 0;
}
