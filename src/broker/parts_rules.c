/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ends of rules. Each request is held against the clock by itself; what is done here is for those that are
 * parked or whose group has to be told, and for a clock that is set back (meta/rule_ends.c).
 */
#include "base/clock.h"
#include "broker/parts.h"

#define REST 20				/* looks; so a disk that is full fills no log */

static void
ended(struct change *change)
{
	struct broker *b = change->arg;
	const struct rules_end *e = &b->rules_end;
	if (change->result != CHANGE_OK) {
		ev_warn(&b->ev, "the end of rules could not be written, and they give nothing: %s", change->why.text);
		atomic_store(&b->rules_end_rest, REST);
	} else if (e->ret_ended > 0 || e->ret_gone > 0)
		ev_info(&b->ev, "%zu rules have ended, %zu that had are deleted", e->ret_ended, e->ret_gone);
	atomic_store(&b->rules_ending, false);
}

static bool
any_due(struct broker *b, int64_t wall_ms)
{
	struct rcu_reader *reader = rcu_join(b->rcu);
	rcu_enter(b->rcu, reader);
	bool due = rules_are_due(rcu_read(b->image), wall_ms);
	rcu_leave(b->rcu, reader);
	rcu_part(b->rcu, &reader);
	return due;
}

void
parts_tick_rules(struct broker *b, int64_t wall_ms)
{
	if (atomic_load(&b->rules_end_rest) > 0) {
		atomic_fetch_sub(&b->rules_end_rest, 1);
		return;
	}
	if (b->controller == NULL || atomic_load(&b->rules_ending) || !any_due(b, wall_ms))
		return;
	atomic_store(&b->rules_ending, true);
	b->rules_end = (struct rules_end){ .now_ms = wall_ms };
	rules_end_init(&b->rules_end);
	b->rules_end.change.arg = b;
	b->rules_end.change.done = ended;
	controller_submit(b->controller, &b->rules_end.change);
}
