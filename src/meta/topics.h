/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/array.h"
#include "meta/controller.h"

/*
 * Changes of topics. Each struct begins with its change; fill it, submit it, and
 * read the results when it is done. Strings are the caller's and must stay. Who
 * may do it is asked before, by src/api.
 */
struct topic_setting {
	struct str name, value;		/* value null: not set */
};

struct topic_assignment {
	int32_t partition;
	const int32_t *brokers;
	int32_t brokers_n;
};

/* One topic to be made; the answer stands beside it, as a request has many. */
struct topic_new {
	struct name name;
	struct uuid id;			/* zero: one is made; set when done */
	int32_t partitions;		/* -1: the broker's default; set when done */
	int16_t replication;		/* -1: the default */
	ARRAY(struct topic_assignment) assignments;
	ARRAY(struct topic_setting) settings;
	struct str owner, team;		/* of the node */
	uint16_t mode;
	bool internal, keep_node;	/* keep_node: lives until it is deleted by hand */
	enum change_result result;	/* set before: an answer already, is left alone */
	struct why why;
};

/* How many partitions the topics of one owner have, counted once for a request that asks it of each of its topics. */
struct topics_owned {
	bool known;
	struct str owner;
	uint64_t partitions;
};

struct topics_create {
	struct change change;
	struct topic_new *topics;
	int32_t n;
	bool validate_only, limited;	/* limited: limits.topic.* hold (no operator asks) */
	const struct limits *limits;
	uint64_t made;			/* private: partitions so far */
	struct topics_owned owned;	/* private */
};
void topics_create_init(struct topics_create *c);

struct topic_gone {
	struct name name;
	struct uuid id;			/* found by it where the name is empty, else as in topic_grow; set when done */
	enum change_result result;
	int32_t partitions;		/* private */
};

struct topics_delete {
	struct change change;
	struct topic_gone *topics;
	int32_t n;
};
void topics_delete_init(struct topics_delete *c);

struct topic_grow {
	struct name name;
	struct uuid id;			/* which topic of that name is meant; zero: any */
	int32_t count;			/* partitions in all */
	ARRAY(struct topic_assignment) assignments;	/* of the new ones; n < 0: none given */
	enum change_result result;
	struct why why;
};

struct topics_grow {
	struct change change;
	struct topic_grow *topics;
	int32_t n;
	bool validate_only, limited;
	const struct limits *limits;
	uint64_t made;			/* private: partitions so far */
	struct topics_owned owned;	/* private */
};
void topics_grow_init(struct topics_grow *c);

enum topic_alter_op { TOPIC_SET, TOPIC_UNSET, TOPIC_APPEND, TOPIC_SUBTRACT };

struct topic_alteration {
	struct str name, value;
	enum topic_alter_op op;
};

struct topic_alter {
	struct name name;
	struct uuid id;			/* as in topic_grow */
	bool replace;			/* AlterConfigs: what is not named is unset */
	ARRAY(struct topic_alteration) settings;
	enum change_result result;
	struct why why;
};

struct topics_alter {
	struct change change;
	struct topic_alter *topics;
	int32_t n;
	bool validate_only, limited;
	const struct limits *limits;
};
void topics_alter_init(struct topics_alter *c);

#define TOPIC_NAME_MAX 249
/* Whether it may name a topic: [a-zA-Z0-9._-]{1,TOPIC_NAME_MAX}, not "." or "..". */
int topic_name_check(struct str name, struct why *why);
