/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delegation tokens: what the options say of them, and the end of those that have expired. An expired token lets
 * nobody in whether it is still there or not, so the sweep has no hurry.
 */
#include "base/clock.h"
#include "broker/parts.h"

static void
take(struct broker *b, const struct conf *c)
{
	struct core_tokens *t = &b->core.tokens;
	atomic_store(&t->max_lifetime_ms, c->token_max_lifetime_ms);
	atomic_store(&t->expiry_ms, c->token_expiry_ms);
	atomic_store(&t->per_user, (int32_t)c->limits_tokens_user_max);
}

static void
swept(struct change *change)
{
	struct broker *b = change->arg;
	if (change->result != CHANGE_OK)
		ev_warn(&b->ev, "expired delegation tokens could not be deleted, and let nobody in: %s", change->why.text);
	else if (b->token_sweep.ret_gone > 0)
		ev_info(&b->ev, "%zu delegation tokens have expired and are gone", b->token_sweep.ret_gone);
	atomic_store(&b->token_sweeping, false);
}

void
parts_tick_tokens(struct broker *b, uint64_t now_ns, int64_t wall_ms)
{
	if (now_ns < b->next_token_sweep || b->controller == NULL || atomic_exchange(&b->token_sweeping, true))
		return;
	b->next_token_sweep = now_ns + (uint64_t)b->conf->token_check_ms * NS_PER_MS;
	b->token_sweep = (struct tokens_sweep){ .now_ms = wall_ms };
	tokens_sweep_init(&b->token_sweep);
	b->token_sweep.change.arg = b;
	b->token_sweep.change.done = swept;
	controller_submit(b->controller, &b->token_sweep.change);
}

int
part_tokens_start(struct broker *b, struct why *why)
{
	(void)why;
	take(b, b->conf);
	return 0;
}

int
part_tokens_reload(struct broker *b, const struct conf *conf, struct why *why)
{
	(void)why;
	take(b, conf);
	b->next_token_sweep = 0; /* what was set by the old interval */
	return 0;
}
