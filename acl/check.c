/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision. Each question passes the same gates in the same order: is there
 * such a user, such an operation; operator; tenant; deny rules; allow rules;
 * what the table says that the operation needs in the tree. Every path ends in
 * end(), which fills the answer; whatever no line allows is denied by the last.
 * Nothing is allocated, nothing is kept, nothing can fail.
 */
#include "acl/acl.h"

#include "acl/image.h"

#define ANY_BIT (ACL_R | ACL_W | ACL_X)

struct ask {
	const struct acl_tenant *tenant;
	const struct acl_who *who;
	struct acl_answer a;
};

static bool
end(struct ask *ask, enum acl_step step)
{
	static const bool allows[] = {
#define X(name, allow, text) allow,
#include "acl/steps.def"
#undef X
	};
	ask->a.step = step;
	ask->a.allow = allows[step];
	return ask->a.allow;
}

/* ---- who ---- */

static bool
has_expired(const struct acl_user *u, int64_t now_ms)
{
	return u->expires_ms != 0 && now_ms != 0 && now_ms >= u->expires_ms;
}

/* Whether the record that logged in is still there and may still log in. */
static bool
still_there(const struct principal *p, const struct acl_user *u, int64_t now_ms)
{
	if (u == NULL)
		return p->unknown_ok && p->user_generation == 0;
	return u->generation == p->user_generation && !u->locked && !has_expired(u, now_ms);
}

void
acl_who_of(const struct acl_image *image, const struct principal *p, int64_t now_ms,
    struct acl_who *ret)
{
	const struct acl_tenant *t = acl_image_tenant(image, p->user.tenant);
	struct acl_who who = { .user = p->user, .host = p->host, .anonymous = p->anonymous, .now_ms = now_ms };

	who.gone = t == NULL;
	if (t != NULL && !p->anonymous) {
		who.record = acl_tenant_user(t, p->user.s);
		who.gone = !still_there(p, who.record, now_ms);
		/* A token never carries an operator's rights: it is its owner without the flag. */
		who.is_operator = !who.gone && who.record != NULL && who.record->is_operator &&
		    p->user.tenant == 0 && uuid_is_zero(&p->token);
	}
	*ret = who;
}

void
acl_who_named(const struct acl_image *image, struct name user, struct addr host,
    int64_t now_ms, struct acl_who *ret)
{
	const struct acl_tenant *t = acl_image_tenant(image, user.tenant);
	struct acl_who who = { .user = user, .host = host, .now_ms = now_ms };

	who.anonymous = str_is(user.s, "ANONYMOUS");
	who.record = t == NULL || who.anonymous ? NULL : acl_tenant_user(t, user.s);
	who.gone = t == NULL || (who.record != NULL && (who.record->locked || has_expired(who.record, now_ms)));
	who.is_operator = !who.gone && who.record != NULL && who.record->is_operator &&
	    user.tenant == 0;
	*ret = who;
}

/* ---- the tree ---- */

enum acl_class
acl_class(const struct acl_who *who, const struct acl_node *node, uint32_t tenant)
{
	if (who->anonymous || who->user.tenant != tenant)
		return ACL_CLASS_OTHER;
	if (node->owner.n > 0 && str_eq(node->owner, who->user.s))
		return ACL_CLASS_OWNER;
	return acl_user_in(who->record, node->team) ? ACL_CLASS_TEAM : ACL_CLASS_OTHER;
}

/* Looks at a node and notes it in the answer: has the user one of these bits? */
static bool
has_bits(struct ask *ask, enum acl_type type, const struct acl_node *node, unsigned need)
{
	ask->a.node = node;
	ask->a.node_type = type;
	ask->a.need = (uint8_t)need;
	ask->a.cls = acl_class(ask->who, node, acl_tenant_number(ask->tenant));
	return (node->mode >> (6 - 3 * ask->a.cls) & need) != 0;
}

static bool
dir_has(struct ask *ask, enum acl_type dir, unsigned need)
{
	return has_bits(ask, dir, acl_tenant_node(ask->tenant, dir, STR("")), need);
}

/* What the end of the way says: allowed by this step, or by nothing. */
static bool
end_if(struct ask *ask, bool allowed, enum acl_step step)
{
	return end(ask, allowed ? step : ACL_STEP_NOTHING);
}

static enum acl_type
directory_of(enum acl_type type)
{
	return type == ACL_TOPIC ? ACL_TOPICS : type == ACL_GROUP ? ACL_GROUPS : ACL_TXNS;
}

static unsigned
bits_of(enum acl_op op)
{
	switch ((int)op) {
	case ACL_READ: return ACL_R;
	case ACL_WRITE: return ACL_W;
	case ACL_DELETE: case ACL_ALTER: case ACL_ALTER_CONFIGS: return ACL_X;
	case ACL_DESCRIBE: case ACL_DESCRIBE_CONFIGS: return ANY_BIT;
	default: return 0;
	}
}

/* A topic, group or transactional id that has a node. */
static bool
ask_node(struct ask *ask, const struct acl_node *node)
{
	enum acl_type type = ask->a.object.type;
	unsigned need = bits_of(ask->a.op);
	if (has_bits(ask, type, node, need))
		return end(ask, ACL_STEP_MODE);
	ask->a.passed |= ACL_PASSED_NODE;
	if (need != ANY_BIT)
		return end(ask, ACL_STEP_NOTHING);
	if (ask->a.cls == ACL_CLASS_OWNER)
		return end(ask, ACL_STEP_OWNER);
	if (dir_has(ask, directory_of(type), ACL_R))
		return end(ask, ACL_STEP_DIRECTORY);
	has_bits(ask, type, node, need);	/* the answer names the node */
	return end(ask, ACL_STEP_NOTHING);
}

/* A name without a node: what the directory gives. */
static bool
ask_name(struct ask *ask)
{
	enum acl_type type = ask->a.object.type;
	enum acl_op op = ask->a.op;
	unsigned need = 0;
	if (op == ACL_DESCRIBE || op == ACL_DESCRIBE_CONFIGS)
		need = ACL_R | ACL_W;
	else if ((type == ACL_GROUP && op == ACL_READ) || (type == ACL_TXN && op == ACL_WRITE))
		need = ACL_W;
	return end_if(ask, dir_has(ask, directory_of(type), need), ACL_STEP_DIRECTORY);
}

static bool
ask_tenant(struct ask *ask)
{
	switch ((int)ask->a.op) {
	case ACL_IDEMPOTENT_WRITE:
		return end(ask, ACL_STEP_LOGIN);
	case ACL_CREATE:
		return end_if(ask, dir_has(ask, ACL_TOPICS, ACL_W), ACL_STEP_DIRECTORY);
	case ACL_DESCRIBE:
	case ACL_DESCRIBE_CONFIGS:
		if (dir_has(ask, ACL_TENANT, ACL_R))
			return end(ask, ACL_STEP_MODE);
		return end_if(ask, ask->a.cls == ACL_CLASS_OWNER, ACL_STEP_OWNER);
	default:
		return end_if(ask, dir_has(ask, ACL_TENANT, ACL_X), ACL_STEP_MODE);
	}
}

/* The directories themselves: no rules stand on them. */
static bool
ask_directory(struct ask *ask)
{
	enum acl_type type = ask->a.object.type;
	switch ((int)ask->a.op) {
	case ACL_READ:
		return end_if(ask, dir_has(ask, type, ACL_R), ACL_STEP_MODE);
	case ACL_DESCRIBE:
		return end_if(ask, dir_has(ask, type, ANY_BIT), ACL_STEP_MODE);
	case ACL_ALTER:
		return end_if(ask, dir_has(ask, ACL_TENANT, ACL_X), ACL_STEP_ADMIN);
	default:
		return end_if(ask, dir_has(ask, type, ACL_W), ACL_STEP_MODE);
	}
}

/* ---- rules ---- */

/* True where the question has ended at a rule on this object. Anonymous users have no allow
 * rules: the class other, and nothing else. */
static bool
rules_end(struct ask *ask, enum acl_type type, struct str name)
{
	struct acl_found found = acl_tenant_find_rules(ask->tenant, ask->who, ask->a.op, type, name, NULL);
	if (ask->who->anonymous)
		found.allow = found.ended = NULL;
	if (ask->a.ended == NULL)
		ask->a.ended = found.ended;
	ask->a.rule = found.deny != NULL ? found.deny : found.allow;
	if (ask->a.rule != NULL)
		end(ask, found.deny != NULL ? ACL_STEP_DENY_RULE : ACL_STEP_ALLOW_RULE);
	else
		ask->a.passed |= type == ask->a.object.type ? ACL_PASSED_RULES : ACL_PASSED_TENANT;
	return ask->a.rule != NULL;
}

/* ---- the order ---- */

bool
acl_is_internal(struct name topic)
{
	static const char *const names[] = { "__consumer_offsets", "__transaction_state",
		"__share_group_state", "__cluster_metadata", "__audit" };
	for (size_t i = 0; topic.tenant == 0 && i < sizeof(names) / sizeof(names[0]); i++)
		if (str_is(topic.s, names[i]))
			return true;
	return false;
}

/* Internal topics belong to the installation: read by operators, written by nobody. */
static bool
ask_internal(struct ask *ask)
{
	enum acl_op op = ask->a.op;
	if (op != ACL_READ && op != ACL_DESCRIBE && op != ACL_DESCRIBE_CONFIGS)
		return end(ask, ACL_STEP_NEVER);
	return end(ask, ask->who->is_operator ? ACL_STEP_OPERATOR : ACL_STEP_OPERATORS_ONLY);
}

/* The gates before any rule. True where the question has ended. */
static bool
gates_end(struct ask *ask)
{
	const struct acl_object *o = &ask->a.object;
	if (ask->who->gone)
		end(ask, ACL_STEP_GONE);
	else if (!acl_op_valid(o->type, ask->a.op))
		end(ask, ACL_STEP_NO_SUCH);
	else if (ask->a.op == ACL_CLUSTER_ACTION)
		end(ask, ACL_STEP_NEVER);
	else if (o->type == ACL_TOPIC && acl_is_internal(o->name))
		ask_internal(ask);
	else if (o->type != ACL_ROOT && ask->tenant == NULL)
		end(ask, ACL_STEP_FOREIGN);
	else if (ask->who->is_operator)
		end(ask, ACL_STEP_OPERATOR);
	else if (o->type == ACL_ROOT)
		end(ask, ACL_STEP_OPERATORS_ONLY);
	else if (ask->who->user.tenant != o->name.tenant)
		end(ask, ACL_STEP_FOREIGN);
	if (ask->a.step == ACL_STEP_UNASKED)
		ask->a.passed = ACL_PASSED_WHO;
	return ask->a.step != ACL_STEP_UNASKED;
}

/* Making a name: its own rules, then for topics those of the tenant, then the
 * directory's w. */
static bool
ask_create(struct ask *ask)
{
	const struct acl_object *o = &ask->a.object;
	enum acl_type dir = directory_of(o->type);
	if (rules_end(ask, o->type, o->name.s))
		return ask->a.allow;
	if (o->type == ACL_TOPIC && rules_end(ask, ACL_TENANT, STR("kafka-cluster")))
		return ask->a.allow;
	return end_if(ask, dir_has(ask, dir, ACL_W), ACL_STEP_DIRECTORY);
}

/* Whether a rule denies to make the name, where this operation would. */
static bool
may_not_be_made(struct ask *ask)
{
	const struct acl_object *o = &ask->a.object;
	if (!(o->type == ACL_GROUP && ask->a.op == ACL_READ) &&
	    !(o->type == ACL_TXN && ask->a.op == ACL_WRITE))
		return false;
	ask->a.rule = acl_tenant_find_rules(ask->tenant, ask->who, ACL_CREATE, o->type, o->name.s, NULL).deny;
	ask->a.passed |= ask->a.rule == NULL ? ACL_PASSED_MAKING : 0;
	return ask->a.rule != NULL;
}

static bool
ask_named(struct ask *ask)
{
	const struct acl_object *o = &ask->a.object;
	if (ask->a.op == ACL_CREATE)
		return ask_create(ask);
	const struct acl_node *node = acl_tenant_node(ask->tenant, o->type, o->name.s);
	if (node == NULL)
		node = o->node;
	if (node == NULL && may_not_be_made(ask))
		return end(ask, ACL_STEP_DENY_RULE);
	if (rules_end(ask, o->type, o->name.s))
		return ask->a.allow;
	return node == NULL ? ask_name(ask) : ask_node(ask, node);
}

bool
acl_check(const struct acl_image *image, const struct acl_who *who, enum acl_op op,
    const struct acl_object *object, struct acl_answer *ret)
{
	struct ask ask = {
		.who = who,
		.tenant = acl_image_tenant(image, object->name.tenant),
		.a = { .op = op, .object = *object, .step = ACL_STEP_UNASKED },
	};
	if (!gates_end(&ask)) {
		if (object->type == ACL_TENANT) {
			if (!rules_end(&ask, ACL_TENANT, STR("kafka-cluster")))
				ask_tenant(&ask);
		} else if (object->type == ACL_TOPIC || object->type == ACL_GROUP ||
		    object->type == ACL_TXN)
			ask_named(&ask);
		else
			ask_directory(&ask);
	}
	if (ask.a.allow || ask.a.step == ACL_STEP_DENY_RULE)
		ask.a.ended = NULL;
	if (ret != NULL)
		*ret = ask.a;
	return ask.a.allow;
}

bool
acl_check_create(const struct acl_image *image, const struct acl_who *who,
    const struct acl_object *object, struct acl_answer *ret)
{
	return acl_check(image, who, ACL_CREATE, object, ret);
}

bool
acl_visible(const struct acl_image *image, const struct acl_who *who,
    const struct acl_object *object)
{
	return acl_check(image, who, ACL_DESCRIBE, object, NULL);
}

int32_t
acl_operations(const struct acl_image *image, const struct acl_who *who,
    const struct acl_object *object)
{
	uint32_t bits = 0;
	for (int op = ACL_ALL + 1; op <= ACL_OP_LAST; op++)
		if (acl_op_kafka(object->type, (enum acl_op)op) &&
		    acl_check(image, who, (enum acl_op)op, object, NULL))
			bits |= 1u << op;
	return (int32_t)bits;
}

struct acl_node
acl_new_node(const struct acl_image *image, const struct acl_who *who, enum acl_type type,
    uint32_t tenant)
{
	const struct acl_tenant *t = acl_image_tenant(image, tenant);
	struct acl_node node = { .owner = who->user.s, .mode = 0740 };
	if (t == NULL)
		return node;
	node.mode = acl_tenant_node(t, directory_of(type), STR(""))->create_mode;
	if (who->user.tenant != tenant) {
		node.owner = acl_tenant_node(t, ACL_TENANT, STR(""))->owner;
		return node;
	}
	if (who->anonymous)
		node.owner = STR("");
	else if (who->record != NULL)
		node.team = who->record->team;
	return node;
}
