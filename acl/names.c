/* SPDX-License-Identifier: Apache-2.0 */
/* What exists: operations of each type, and the words for them. Const tables;
 * whatever they do not name does not exist and is denied. */
#include <strings.h>

#include "acl/acl.h"
#include "base/err.h"

#define BIT(op) (1u << ACL_##op)
#define ADMINISTER (BIT(DELETE) | BIT(ALTER) | BIT(ALTER_CONFIGS))
#define SEE (BIT(DESCRIBE) | BIT(DESCRIBE_CONFIGS))
#define NODE (BIT(CREATE) | ADMINISTER | SEE)
#define DIRECTORY (BIT(READ) | BIT(WRITE) | BIT(CREATE) | BIT(DESCRIBE) | BIT(ALTER))

/* ours: what the model knows (section 3); kafka: what authorized_operations of
 * that type can show (Kafka's AclEntry.supportedOperations). */
static const struct {
	enum acl_type type;
	const char *name;
	uint32_t ours, kafka;
} types[] = {
	{ ACL_TOPIC, "topic", NODE | BIT(READ) | BIT(WRITE), NODE | BIT(READ) | BIT(WRITE) },
	{ ACL_GROUP, "group", NODE | BIT(READ), BIT(READ) | BIT(DELETE) | BIT(ALTER_CONFIGS) | SEE },
	{ ACL_TXN, "transactional id", NODE | BIT(WRITE), BIT(DESCRIBE) | BIT(WRITE) },
	{ ACL_TENANT, "cluster", NODE | BIT(CLUSTER_ACTION) | BIT(IDEMPOTENT_WRITE),
	    BIT(CREATE) | BIT(CLUSTER_ACTION) | BIT(ALTER) | BIT(ALTER_CONFIGS) | SEE |
	    BIT(IDEMPOTENT_WRITE) },
	{ ACL_TOKEN, "delegation token", 0, BIT(DESCRIBE) },
	{ ACL_USER, "user", 0, BIT(CREATE_TOKENS) | BIT(DESCRIBE_TOKENS) },
	{ ACL_ROOT, "installation", NODE | BIT(READ) | BIT(WRITE), 0 },
	{ ACL_TOPICS, "topics", DIRECTORY, 0 },
	{ ACL_GROUPS, "groups", DIRECTORY, 0 },
	{ ACL_TXNS, "txns", DIRECTORY, 0 },
};

static const struct {
	enum acl_op op;
	const char *name;
} ops[] = {
#define X(name, code, text) { ACL_##name, text },
#include "acl/ops.def"
#undef X
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool
in(uint32_t mask, enum acl_op op)
{
	return (unsigned)op <= ACL_OP_LAST && (mask >> op & 1) != 0;
}

bool
acl_op_valid(enum acl_type type, enum acl_op op)
{
	for (size_t i = 0; i < COUNT(types); i++)
		if (types[i].type == type)
			return in(types[i].ours, op);
	return false;
}

bool
acl_op_kafka(enum acl_type type, enum acl_op op)
{
	for (size_t i = 0; i < COUNT(types); i++)
		if (types[i].type == type)
			return in(types[i].kafka, op);
	return false;
}

const char *
acl_op_name(enum acl_op op)
{
	for (size_t i = 0; i < COUNT(ops); i++)
		if (ops[i].op == op)
			return ops[i].name;
	return op == ACL_OP_ANY ? "any" : "unknown";
}

const char *
acl_type_name(enum acl_type type)
{
	for (size_t i = 0; i < COUNT(types); i++)
		if (types[i].type == type)
			return types[i].name;
	return type == ACL_TYPE_ANY ? "any" : "unknown";
}

const char *
acl_step_name(enum acl_step step)
{
	static const char *const names[] = {
#define X(name, allows, text) text,
#include "acl/steps.def"
#undef X
	};
	return (size_t)step < COUNT(names) ? names[step] : "unknown";
}

const char *
acl_class_name(enum acl_class cls)
{
	static const char *const names[] = { "owner", "team", "other" };
	return (size_t)cls < COUNT(names) ? names[cls] : "unknown";
}

/* Equal but for case, and '_' for '-'. */
static bool
same_word(struct str s, const char *word)
{
	if (s.n != strlen(word))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i] == '_' ? '-' : s.p[i];
		if (strncasecmp(&c, &word[i], 1) != 0)
			return false;
	}
	return true;
}

int
acl_op_parse(struct str s, enum acl_op *ret)
{
	static const struct {
		const char *word;
		enum acl_op op;
	} more[] = {
		{ "r", ACL_READ }, { "w", ACL_WRITE }, { "x", ACL_ALTER },
		{ "describeconfigs", ACL_DESCRIBE_CONFIGS }, { "alterconfigs", ACL_ALTER_CONFIGS },
		{ "idempotentwrite", ACL_IDEMPOTENT_WRITE }, { "clusteraction", ACL_CLUSTER_ACTION },
	};
	for (size_t i = 0; i < COUNT(ops); i++)
		if (same_word(s, ops[i].name)) {
			*ret = ops[i].op;
			return 0;
		}
	for (size_t i = 0; i < COUNT(more); i++)
		if (same_word(s, more[i].word)) {
			*ret = more[i].op;
			return 0;
		}
	return ERR_INVAL;
}
