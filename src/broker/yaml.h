/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/*
 * A YAML file as a tree in which every node knows its place. What YAML has
 * beyond maps, lists and scalars (anchors, aliases, tags, several documents)
 * is refused, duplicate keys too, and depth and size are bounded: a file of
 * settings needs none of it, and each has surprised somebody.
 */

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_node {
	enum yaml_kind kind;
	const char *file;		/* as given to yaml_load() */
	unsigned line, column;		/* from 1 */
	struct str key;			/* in a map: the key; the place is the key's */
	unsigned value_line, value_column;
	struct str text;		/* YAML_TEXT, terminated */
	bool plain;			/* text: written without quotes */
	struct yaml_node *child;	/* of YAML_LIST and YAML_MAP */
	struct yaml_node *next;
};

#define YAML_MAX_BYTES (1024 * 1024)
#define YAML_MAX_DEPTH 8
#define YAML_MAX_NODES 20000

struct yaml_limits {
	size_t bytes;
	unsigned nodes;
};

/* Reads a file whose top is a map (an empty file is an empty map) into the
 * arena. On failure the reason begins with FILE:LINE:COLUMN. May block. */
int yaml_load(const char *file, struct arena *arena, struct yaml_node **ret, struct why *why);

/* The same with other bounds than those above. */
int yaml_load_within(const char *file, const struct yaml_limits *limits, struct arena *arena,
    struct yaml_node **ret, struct why *why);

/* Sets the reason "FILE:LINE:COLUMN: ..." for the node's key (or its value, for
 * yaml_blame_value) and returns ERR_INVAL. */
int yaml_blame(const struct yaml_node *node, struct why *why, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int yaml_blame_value(const struct yaml_node *node, struct why *why, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The child of a map with that key, or NULL. */
struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
