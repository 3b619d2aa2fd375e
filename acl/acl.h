/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * May this user do that to this object? A pure function over an immutable
 * image: no clock (the time is part of who asks), no lock, no allocation, no side effect. The broker, the
 * audit log and `schlossctl why` call the same functions and print the same
 * answer. schloss-acl(5) explains the rules to administrators.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/principal.h"
#include "base/str.h"

struct acl_image;
struct acl_tenant;
struct acl_user;
struct acl_rule;

/* Numbers are Kafka's wire codes (KIP-140). ACL_OP_ANY stands in filters only. */
enum acl_op {
	ACL_OP_ANY = 1,
#define X(name, code, text) ACL_##name = (code),
#include "acl/ops.def"
#undef X
	ACL_OP_LAST = ACL_DESCRIBE_TOKENS
};

/* Numbers up to 7 are Kafka's codes of resource types; the rest is ours. What
 * Kafka calls the cluster is the tenant. */
enum acl_type {
	ACL_TYPE_ANY = 1,
	ACL_TOPIC = 2,
	ACL_GROUP = 3,
	ACL_TENANT = 4,
	ACL_TXN = 5,
	ACL_TOKEN = 6,
	ACL_USER = 7,
	ACL_ROOT = 100,			/* "/": the installation */
	ACL_TOPICS = 102,		/* the directory /T/topics */
	ACL_GROUPS = 103,
	ACL_TXNS = 105,
};

/* Which of the nine mode bits count for a user. */
enum acl_class {
	ACL_CLASS_OWNER,
	ACL_CLASS_TEAM,
	ACL_CLASS_OTHER,
};

/* Bits of one class; a mode is three of them, as chmod(1) writes it. */
enum acl_bits {
	ACL_X = 1,
	ACL_W = 2,
	ACL_R = 4,
};

/* How a decision ended. */
enum acl_step {
#define X(name, allows, text) ACL_STEP_##name,
#include "acl/steps.def"
#undef X
};

/*
 * The permissions of one node of the tree. Strings are views: of the image for
 * nodes that live in it, of the caller's state for those passed in.
 */
struct acl_node {
	struct str owner;		/* a user of the node's tenant; empty: nobody */
	struct str team;		/* empty: none */
	uint16_t mode;			/* 0..0777 */
	uint16_t create_mode;		/* of a directory: the mode of what is made in it */
};

/*
 * Who asks: a principal as the current image sees it. Made anew for each
 * image (model: no decision is kept across images); views of both.
 */
struct acl_who {
	struct name user;
	struct addr host;		/* family 0: not known; host rules do not match */
	const struct acl_user *record;	/* NULL: none */
	bool anonymous;			/* class other, and nothing else */
	bool is_operator;
	bool gone;			/* deleted, locked, expired or re-keyed: may nothing */
	int64_t now_ms;			/* wall clock, that ends of rules are held against; 0: none has ended by it */
};

/* What is asked about. For ACL_TENANT, ACL_ROOT and the directories the string
 * of the name is ignored. */
struct acl_object {
	enum acl_type type;
	struct name name;
	/* A group's or transactional id's that was made by use, whose node lies
	 * beside its state. A node in the image goes before it. NULL: look only
	 * in the image, where every topic's is. */
	const struct acl_node *node;
};

/* What a decision passes before it ends, as bits: acl_explain_steps() tells them. */
enum acl_passed {
	ACL_PASSED_WHO = 1,		/* a user who may log in, of the object's tenant and no operator */
	ACL_PASSED_MAKING = 2,		/* no rule denies to make the name, which there is not yet */
	ACL_PASSED_RULES = 4,		/* no rule on the object decides */
	ACL_PASSED_TENANT = 8,		/* nor one on the tenant, for a topic that is to be made */
	ACL_PASSED_NODE = 16,		/* the mode of the node gives nothing */
};

struct acl_answer {
	bool allow;
	uint8_t passed;			/* bits of enum acl_passed */
	enum acl_step step;
	enum acl_op op;			/* what was asked */
	struct acl_object object;
	const struct acl_rule *rule;	/* of DENY_RULE and ALLOW_RULE */
	/* Of a denial that no deny rule made: an allow rule that would have decided, had it not ended; or NULL. */
	const struct acl_rule *ended;
	/* Of MODE, DIRECTORY, OWNER, ADMIN, NOTHING: the node that was looked at
	 * last (NULL: none there), whose it is, the class of the user on it, and
	 * the bits of which one is needed. */
	const struct acl_node *node;
	enum acl_type node_type;
	enum acl_class cls;
	uint8_t need;
};

/* The principal of a connection in this image. now_ms: wall clock, against
 * which the record's expiry and the ends of rules are held; 0: they are not asked. A record whose
 * generation differs from the one that logged in counts as gone. */
void acl_who_of(const struct acl_image *image, const struct principal *p, int64_t now_ms,
    struct acl_who *ret);

/* A user by name, for `why` about others; an unknown one has no teams. now_ms: as above. */
void acl_who_named(const struct acl_image *image, struct name user, struct addr host,
    int64_t now_ms, struct acl_who *ret);

/*
 * The decision, in the order of model section 4: operator; deny rule; allow
 * rule with Kafka's implied operations; mode; deny. ACL_CREATE on a topic,
 * group or transactional id is acl_check_create(). ret may be NULL. Returns
 * ret->allow. Anything unknown (a tenant, a type, an operation that the type
 * does not have) is denied to everybody.
 */
bool acl_check(const struct acl_image *image, const struct acl_who *who, enum acl_op op,
    const struct acl_object *object, struct acl_answer *ret);

/* May who make this name? Deny rules on the new name come before every allow,
 * the directory's bits included (Kafka asks cluster CREATE first and so misses
 * them). For topics an allow rule CREATE on the tenant counts too. */
bool acl_check_create(const struct acl_image *image, const struct acl_who *who,
    const struct acl_object *object, struct acl_answer *ret);

/* Whether the object exists for who: DESCRIBE, without an audit line. */
bool acl_visible(const struct acl_image *image, const struct acl_who *who,
    const struct acl_object *object);

/* The authorized_operations field (KIP-430): bit 1 << code of each allowed
 * operation that Kafka has for the type; 0 for types that Kafka does not have. */
int32_t acl_operations(const struct acl_image *image, const struct acl_who *who,
    const struct acl_object *object);

/* The node of an object made now by who: owner, primary team, the directory's
 * create mode. Views of image and who. An operator of another tenant makes it
 * for the tenant's owner. type: ACL_TOPIC, ACL_GROUP, ACL_TXN. */
struct acl_node acl_new_node(const struct acl_image *image, const struct acl_who *who,
    enum acl_type type, uint32_t tenant);

/* Which bits of this node count for who. A user of another tenant is other. */
enum acl_class acl_class(const struct acl_who *who, const struct acl_node *node, uint32_t tenant);

/* Names of the broker's own topics: operators read them, nobody writes. */
bool acl_is_internal(struct name topic);

/* Whether the operation exists on the type: Kafka's or, with ours, ours too. */
bool acl_op_valid(enum acl_type type, enum acl_op op);
bool acl_op_kafka(enum acl_type type, enum acl_op op);

/* Names for humans: "read", "topic", "deny-rule"; never NULL. */
const char *acl_op_name(enum acl_op op);
const char *acl_type_name(enum acl_type type);
const char *acl_step_name(enum acl_step step);
const char *acl_class_name(enum acl_class cls);

/* Kafka's and our words for operations, any case, '_' or '-'; also the short
 * forms r w x (read, write, alter). ERR_INVAL. */
int acl_op_parse(struct str s, enum acl_op *ret);
