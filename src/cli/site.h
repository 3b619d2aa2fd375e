/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "acl/rule.h"
#include "base/buf.h"
#include "cli/cli.h"

/*
 * A site as facts: what there is besides records, each as one small statement ("of the user anna of acme, the
 * mechanism TLS"). Facts have one order, so that an export is the same each time, and two sites are
 * compared in one pass, wherever they come from: a file or the broker.
 *
 * A fact is (tenant, kind, name, attribute) with a value. The empty attribute says that the thing is there. Of an
 * attribute that has several values or names ("teams", "settings"), "attribute/NAME" is one.
 */
enum site_kind {
	SITE_TENANT,			/* the tenant itself; its name stands in the fact */
	SITE_TEAM,
	SITE_USER,
	SITE_TOPIC,
	SITE_NODE,			/* name: "/", "topics", "topics/orders", as under the tenant's path */
	SITE_RULE,			/* name: such a path, with '*' for a prefix; attribute: a rule of one operation */
	SITE_OWN_RULE,			/* the same, set by the node's owner: it ends with the node */
	SITE_QUOTA,			/* name: whose (site_quota_name); attribute: which */
	SITE_KINDS
};

enum site_form { FORM_TEXT, FORM_NUMBER, FORM_FLAG, FORM_MODE, FORM_TIME, FORM_LIST, FORM_MAP };

/* What may stand in a thing of the file; dflt: what holds where the broker tells of none, NULL: it always does. */
struct site_attr {
	enum site_kind kind;
	const char *name;
	enum site_form form;
	const char *dflt;
};
const struct site_attr *site_attr(enum site_kind kind, struct str name);

struct site_fact {
	struct str tenant;		/* "": the installation */
	enum site_kind kind;
	struct str name, attr, value;
	unsigned line, column;		/* in the file; 0: from the broker */
};

struct site {
	struct arena *arena;
	ARRAY(struct site_fact) facts;
	const char *file;		/* NULL: the broker */
	bool keys;			/* has some; of the broker: they were asked for */
};

#define SITE_VERSION "1"
#define KEYS "keys/"			/* attributes of users that are secret begin so */

struct site_fact *site_add(struct site *s, struct str tenant, enum site_kind kind, struct str name, struct str attr,
    struct str value);
void site_sort(struct site *s);
int site_compare(const struct site_fact *a, const struct site_fact *b);
/* Of a sorted site; NULL: it does not say so. */
const struct site_fact *site_find(const struct site *s, struct str tenant, enum site_kind kind, struct str name,
    struct str attr);
bool site_has(const struct site *s, struct str tenant, enum site_kind kind, struct str name);

static inline bool
site_is_rule(const struct site_fact *f)
{
	return f->kind == SITE_RULE || f->kind == SITE_OWN_RULE;
}

/* "acme user anna: mechanisms TLS", escaped, without secrets. */
const char *site_fact_text(struct cli *cli, const struct site_fact *f);

/* How two facts, or a fact and nothing, differ. want or have may be NULL. */
struct site_change {
	const struct site_fact *have, *want;
};
typedef ARRAY(struct site_change) site_changes;
/* have, and what should be there instead. Both sorted. Keys that want does not have are no difference where
 * keep_keys; nor is a default that is not written out. */
void site_diff(struct arena *arena, const struct site *have, const struct site *want, bool keep_keys, site_changes *ret);
/* "+ ...", "- ...", "~ ... -> ..."; in JSON a table named name. */
void site_print_changes(struct cli *cli, const char *name, const site_changes *changes);

/* ---- files ---- */

/* As one YAML document. ERR_LIMIT; ERR_INVAL for a name that YAML cannot hold. */
int site_write(const struct site *s, struct buf *out);
/* Reads a document, checks what can be checked without a broker, sorts. The reason names line and column. */
int site_read(const char *file, struct arena *arena, struct site *ret, struct why *why);

/* ---- the broker ---- */

/* What it has of one tenant (null: the whole site), sorted. keys: with keys. */
int site_ask(struct cli *cli, struct str tenant, bool keys, struct site *ret);
/* tenants of want that are there, with the installation's where want has some. */
int site_ask_like(struct cli *cli, const struct site *want, struct site *ret);

struct site_plan {
	struct cli *cli;
	const struct site *want;
	struct id_rsp self;		/* who does it */
	struct site have;
	bool prune;
	ARRAY(struct str) made;		/* tenants that this run has made: what is not in the file goes */
	site_changes changes;		/* what is to be done */
	int32_t left;			/* what is there and not in the file, and stays */
};
/* Looks, compares, and checks all that can be checked before anything is changed: CLI_OK, or what is wrong was said. */
int site_plan_make(struct site_plan *p);
/* Asks the broker whether it would take topics, settings and quotas. */
int site_plan_try(struct site_plan *p);
/* Makes it so. */
int site_plan_run(struct site_plan *p);
/* Tenants that are to be made, first. */
int site_make_tenants(struct site_plan *p);

/* ---- between facts and requests ---- */

/* "/acme/topics/orders" of "topics/orders". */
struct str site_path(struct arena *arena, struct str tenant, struct str name);
/* A rule's value: "until 2027-03-31T18:00:00Z", or empty; and back, 0: it has no end. */
struct str site_rule_end(struct arena *arena, int64_t until_ms);
int64_t site_rule_until(const struct site_fact *f);
/* A rule of a SITE_RULE or SITE_OWN_RULE. */
int site_rule(struct arena *arena, const struct site_fact *f, struct acl_binding *ret, struct why *why);

/* Whose quotas: "tenant", "users/anna", "users/anna/clients/app", "clients/app", "addresses/192.0.2.7"; "*" for those that have
 * none of their own, and in names '%', '/' and a lone '*' as %XX. Parts that are not there are null; dflt: "*". */
struct site_whose {
	bool tenant;
	struct {
		bool there, dflt;
		struct str name;
	} user, client, ip;
};
struct str site_whose_text(struct arena *arena, const struct site_whose *w);
int site_whose_parse(struct arena *arena, struct str text, struct site_whose *ret);

/* "8192 SALT STORED SERVER", in base 64. */
struct site_key {
	int32_t iterations;
	struct bytes salt, stored, server;
};
struct str site_key_text(struct arena *arena, const struct site_key *key);
int site_key_parse(struct arena *arena, struct str text, struct site_key *ret);

/* "never" (0), or a time in UTC; wall ms. */
struct str site_time(struct arena *arena, int64_t ms);
int site_time_parse(struct str text, int64_t *ret);

struct str site_number(struct arena *arena, double value);
