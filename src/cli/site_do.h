/* SPDX-License-Identifier: Apache-2.0
 * Private to the files that make a plan so. */
#pragma once

#include "cli/site.h"

/* The changes of one tenant, plan->changes.v[from..to): they are neighbours. The connection has entered it. */
struct site_work {
	struct site_plan *plan;
	struct str tenant;		/* "": the installation */
	int32_t from, to;
	bool only_ask;			/* whether it would be taken; nothing is changed */
	bool elsewhere;			/* asked in another tenant, as this one is not there yet */
	bool self;			/* of users, the caller alone; else all but him */
};

struct str site_work_tenant(const struct site_plan *p, int32_t at, int32_t *ret_end);
bool site_prunes(const struct site_plan *p, struct str tenant);
struct str site_first_user(const struct site_plan *p, struct str tenant);
/* The facts of a thing that the file has: *ret_at to *ret_end of want->facts. */
void site_want_thing(const struct site_plan *p, const struct site_fact *f, int32_t *ret_at, int32_t *ret_end);
/* Whether the i-th change makes the thing that it is of: its other facts follow. */
bool site_makes(const struct site_change *c);
bool site_ends(const struct site_change *c);

/* One result of a request: says what was refused. */
int site_result(const struct site_work *w, const struct site_fact *f, int kerr, struct str message);
/* Of the user_alter and tenant_alter requests. */
void site_take_mechanisms(const struct site_plan *p, const struct site_fact *user, bool with_have,
    struct user_alter_req_change *to);

/* Its keys; changed_only: those that the broker has not. */
void site_take_keys(const struct site_plan *p, const struct site_fact *user, bool changed_only,
    struct user_alter_req_change *to);

/* Whether he is made with a lock or an expiry. */
bool site_is_barred(const struct site_plan *p, const struct site_fact *user);

/* Each: CLI_OK, or what was refused was said. */
int site_do_teams(struct site_work *w);
int site_do_users(struct site_work *w);
int site_do_memberships(struct site_work *w);
int site_do_alterations(struct site_work *w);
int site_do_topics(struct site_work *w);
int site_do_growth(struct site_work *w);
int site_do_settings(struct site_work *w);
int site_do_nodes(struct site_work *w);
int site_do_rules(struct site_work *w);
int site_do_quotas(struct site_work *w);
int site_end_rules(struct site_work *w);
int site_end_memberships(struct site_work *w);
int site_end_users(struct site_work *w);
int site_end_groups(struct site_work *w);
int site_end_teams(struct site_work *w);
int site_end_topics(struct site_work *w);
