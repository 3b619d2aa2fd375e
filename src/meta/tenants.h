/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/array.h"
#include "meta/controller.h"
#include "meta/topics.h"

/*
 * What happens to a tenant between tenant_create (users.h) and its end; form and duties as in
 * topics.h. Each that shuts somebody out gives the tenant a new generation, so that connections
 * that logged in before it are closed (api/session.c). main is none of this: operators are
 * its users, and nobody could take it back.
 */
enum tenant_change_kind {
	TENANT_SUSPEND,
	TENANT_RESUME,			/* also takes the mark away */
	TENANT_RENAME,
	TENANT_MARK,			/* the first step of a deletion */
};

struct tenant_alter {
	struct change change;
	enum tenant_change_kind kind;
	struct str name;
	struct str new_name;		/* RENAME */
	bool purge;			/* MARK: also one that has topics */
	struct str ret_confirm;		/* MARK: the word that tenant_delete wants; in change.arena */
};
void tenant_alter_init(struct tenant_alter *c);

/* The second step: everything goes, but for what the audit log says of it. */
struct tenant_delete {
	struct change change;
	struct str name;
	struct str confirm;		/* the word of the mark that is there */
	uint32_t ret_number;
	ARRAY(struct topic_gone) topics;	/* private */
};
void tenant_delete_init(struct tenant_delete *c);
