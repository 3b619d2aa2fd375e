/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modes as allow bindings. Each class of a node becomes one principal (its
 * owner, its team, everybody), each bit the operations that it gives, named as
 * Kafka has them and no more than needed beside Kafka's implied ones. Because
 * chmod keeps other <= team <= owner, "everybody" is true. What a directory gives
 * on names that have no node yet has no form in Kafka and is left out.
 */
#include "acl/describe.h"

#include <stdio.h>

#include "acl/text.h"

#define BIT(op) (1u << ACL_##op)
#define SEE (BIT(DESCRIBE) | BIT(DESCRIBE_CONFIGS))
#define PRINCIPAL_MAX 256

/* What the bits of a class give, as bindings on (type, name). */
struct grant {
	enum acl_type type;
	struct str name;
	uint32_t r, w, x;
};

/* The grants of a node: two for the directory of topics, else one. */
static size_t
grants_of(enum acl_type type, struct str name, struct grant ret[2])
{
	switch ((int)type) {
	case ACL_TOPIC:
	case ACL_GROUP:
	case ACL_TXN:
		ret[0] = (struct grant){ type, name, BIT(READ), BIT(WRITE),
		    BIT(ALTER) | BIT(ALTER_CONFIGS) | BIT(DELETE) };
		return 1;
	case ACL_TENANT:
		ret[0] = (struct grant){ type, STR(ACL_CLUSTER_NAME), SEE, 0,
		    BIT(ALTER) | BIT(ALTER_CONFIGS) };
		return 1;
	case ACL_TOPICS:
		ret[0] = (struct grant){ ACL_TENANT, STR(ACL_CLUSTER_NAME), 0, BIT(CREATE), 0 };
		ret[1] = (struct grant){ ACL_TOPIC, STR("*"), SEE, 0, 0 };
		return 2;
	case ACL_GROUPS:
		ret[0] = (struct grant){ ACL_GROUP, STR("*"), SEE, 0, 0 };
		return 1;
	case ACL_TXNS:
		ret[0] = (struct grant){ ACL_TXN, STR("*"), SEE, 0, 0 };
		return 1;
	default:
		return 0;
	}
}

static bool
named(enum acl_type type)
{
	return type == ACL_TOPIC || type == ACL_GROUP || type == ACL_TXN;
}

/* Operations that this class has of the grant. sees: even without a bit. */
static uint32_t
ops_of(const struct grant *g, bool any_bit_sees, unsigned bits, bool sees)
{
	uint32_t ops = 0, kafka = 0;
	for (int op = ACL_ALL + 1; op <= ACL_OP_LAST; op++)
		if (acl_op_kafka(g->type, (enum acl_op)op))
			kafka |= 1u << op;
	ops |= (bits & ACL_R) != 0 ? g->r : 0;
	ops |= (bits & ACL_W) != 0 ? g->w : 0;
	ops |= (bits & ACL_X) != 0 ? g->x : 0;
	ops &= kafka;
	if (sees || (any_bit_sees && bits != 0))
		ops |= SEE & kafka;
	if ((ops & (BIT(READ) | BIT(WRITE) | BIT(DELETE) | BIT(ALTER))) != 0)
		ops &= ~BIT(DESCRIBE);
	if ((ops & BIT(ALTER_CONFIGS)) != 0)
		ops &= ~BIT(DESCRIBE_CONFIGS);
	return ops;
}

static int
emit(const struct grant *g, struct str principal, uint32_t ops,
    int (*each)(const struct acl_binding *b, void *arg), void *arg)
{
	for (int op = ACL_ALL + 1; op <= ACL_OP_LAST; op++) {
		struct acl_binding b = {
			.type = (int8_t)g->type, .pattern = ACL_LITERAL, .op = (int8_t)op,
			.permission = ACL_ALLOW, .name = g->name, .principal = principal,
			.host = STR("*"),
		};
		int err = (ops >> op & 1) != 0 ? each(&b, arg) : 0;
		if (err != 0)
			return err;
	}
	return 0;
}

/* "User:anna" in the caller's buffer; a null string where the class is empty. */
static struct str
principal_of(const struct acl_node *node, enum acl_class cls, char buf[PRINCIPAL_MAX])
{
	struct str name = cls == ACL_CLASS_OWNER ? node->owner : node->team;
	if (cls == ACL_CLASS_OTHER)
		return STR("User:*");
	if (name.n == 0)
		return STR_NULL;
	int n = snprintf(buf, PRINCIPAL_MAX, "%s:%.*s",
	    cls == ACL_CLASS_OWNER ? "User" : "Team", STR_ARG(name));
	return (struct str){ buf, n < PRINCIPAL_MAX ? (size_t)n : PRINCIPAL_MAX - 1 };
}

int
acl_describe_node(enum acl_type type, struct str name, const struct acl_node *node,
    int (*each)(const struct acl_binding *b, void *arg), void *arg)
{
	struct grant grants[2];
	char buf[PRINCIPAL_MAX];
	/* A group that is really called "*": in a binding that means all of them. */
	size_t n = named(type) && str_is(name, "*") ? 0 : grants_of(type, name, grants);
	for (int cls = ACL_CLASS_OWNER; cls <= ACL_CLASS_OTHER; cls++) {
		struct str principal = principal_of(node, (enum acl_class)cls, buf);
		bool sees = cls == ACL_CLASS_OWNER && (named(type) || type == ACL_TENANT);
		for (size_t i = 0; principal.p != NULL && i < n; i++) {
			unsigned bits = node->mode >> (6 - 3 * cls) & 7u;
			int err = emit(&grants[i], principal,
			    ops_of(&grants[i], named(type), bits, sees), each, arg);
			if (err != 0)
				return err;
		}
	}
	return 0;
}

struct filtered {
	const struct acl_binding *filter;
	int (*each)(const struct acl_binding *b, void *arg);
	void *arg;
};

static int
pass_on(const struct acl_binding *b, void *arg)
{
	struct filtered *f = arg;
	return f->filter == NULL || acl_filter_match(f->filter, b) ? f->each(b, f->arg) : 0;
}

int
acl_describe_modes(const struct acl_tenant *tenant, const struct acl_binding *filter,
    int (*each)(const struct acl_binding *b, void *arg), void *arg)
{
	static const enum acl_type dirs[] = { ACL_TENANT, ACL_TOPICS, ACL_GROUPS, ACL_TXNS };
	static const enum acl_type kinds[] = { ACL_TOPIC, ACL_GROUP, ACL_TXN };
	struct filtered f = { filter, each, arg };
	int err = 0;
	for (size_t i = 0; err == 0 && i < 4; i++)
		err = acl_describe_node(dirs[i], STR(""),
		    acl_tenant_node(tenant, dirs[i], STR("")), pass_on, &f);
	for (size_t i = 0; err == 0 && i < 3; i++) {
		struct str name = STR("");
		const struct acl_node *node;
		if (filter != NULL && filter->type != ACL_TYPE_ANY && filter->type != (int8_t)kinds[i])
			continue;
		while (err == 0 &&
		    (node = acl_tenant_next_node(tenant, kinds[i], name, &name)) != NULL)
			err = acl_describe_node(kinds[i], name, node, pass_on, &f);
	}
	return err;
}

/* ---- which chmod takes a binding away ---- */

static int
found(const struct acl_binding *b, void *arg)
{
	(void)b;
	*(bool *)arg = true;
	return 1;
}

/* Whether this node's mode makes the binding. */
static bool
makes(enum acl_type type, struct str name, const struct acl_node *node,
    const struct acl_binding *filter)
{
	bool yes = false;
	struct filtered f = { filter, found, &yes };
	if (node != NULL)
		acl_describe_node(type, name, node, pass_on, &f);
	return yes;
}

/* The letters of chmod that give the operation on this type of node. */
static const char *
letters_of(enum acl_type type, enum acl_op op)
{
	if (op == ACL_DESCRIBE || op == ACL_DESCRIBE_CONFIGS)
		return named(type) ? "rwx" : "r";
	return op == ACL_READ ? "r" : op == ACL_WRITE || op == ACL_CREATE ? "w" : "x";
}

static char
class_letter(const struct acl_binding *filter)
{
	if (str_is(filter->principal, "User:*"))
		return 'o';
	return str_starts(filter->principal, STR("Team:")) ? 'g' : 'u';
}

bool
acl_describe_chmod(const struct acl_tenant *tenant, const struct acl_binding *filter,
    const struct acl_node *by_use, char *out, size_t size)
{
	static const enum acl_type dirs[] = { ACL_TENANT, ACL_TOPICS, ACL_GROUPS, ACL_TXNS };
	enum acl_type type = (enum acl_type)filter->type;
	const struct acl_node *node = named(type) ?
	    acl_tenant_node(tenant, type, filter->name) : NULL;
	if (!acl_filter_exact(filter))
		return false;
	bool yes = named(type) && makes(type, filter->name, node != NULL ? node : by_use, filter);
	for (size_t i = 0; !yes && i < 4; i++) {
		type = dirs[i];
		yes = makes(type, STR(""), acl_tenant_node(tenant, type, STR("")), filter);
	}
	if (!yes)
		return false;
	struct buf path;
	buf_init(&path, 8192);
	acl_path_format(&path, type, acl_tenant_name(tenant), filter->name);
	snprintf(out, size, "schlossctl chmod %c-%s %.*s", class_letter(filter),
	    letters_of(type, (enum acl_op)filter->op), STR_ARG(buf_str(&path)));
	buf_free(&path);
	return true;
}
