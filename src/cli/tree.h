/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/cli.h"

/* A change to one node, or a tree of them, by our own API. NULL leaves alone. */
struct tree_change {
	struct str path;
	const char *owner, *team, *mode;
	bool recursive, force;
};

/* Sends the change; says what was refused. */
int tree_change(struct cli *cli, const struct tree_change *change);

/* 0, or CLI_USAGE after saying why this is no mode; needs no broker. */
int tree_mode_check(const char *mode);

/* "/TENANT/DIRECTORY/NAME" with odd bytes written %XX. */
int tree_path_of(struct cli *cli, const char *directory, const char *name, struct str *ret);

/* Checks a path and makes it whole: a relative one (topics/orders) gets the
 * tenant in front. */
int tree_path(struct cli *cli, const char *text, struct str *ret);
/* The same for what has an owner, a mode or rules: not the path of a user, for which it says where he is. */
int tree_node_path(struct cli *cli, const char *text, struct str *ret);
