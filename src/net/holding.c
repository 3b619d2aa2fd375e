/* SPDX-License-Identifier: Apache-2.0 */
#include "net/holding.h"

static void
add(const struct holding *s, enum payer_for what, int64_t n)
{
	ration_add(payer_ration(s->payer, what), payer_part(s->payer, what), n);
}

static int64_t
room(const struct holding *s, enum payer_for what)
{
	return ration_room(payer_ration(s->payer, what), payer_part(s->payer, what));
}

static bool
is_low(const struct holding *s, enum payer_for what)
{
	return ration_is_low(payer_ration(s->payer, what));
}

/* Under the payer's own limits; INT64_MAX where there is none. */
static int64_t
room_of_limits(const struct holding *s)
{
	struct payer_bound which;
	return payer_is_bounded(s->payer) ? payer_room(s->payer, &which) : INT64_MAX;
}

void
holding_count(struct holding *s, size_t n)
{
	if (n <= HOLDING_SMALL)
		n = 0;
	if (n == s->counted || s->payer == NULL)
		return;
	add(s, PAYER_HELD, (int64_t)n - (int64_t)s->counted);
	s->counted = n;
}

bool
holding_promise(struct holding *s, size_t n)
{
	if (s->payer == NULL || s->promised > 0 || n <= HOLDING_SMALL)
		return true;
	if (!ration_take(payer_ration(s->payer, PAYER_FRAMES), payer_part(s->payer, PAYER_FRAMES), (int64_t)n))
		return false;
	if (payer_is_bounded(s->payer) && !payer_takes_frame(s->payer, (int64_t)n)) {
		add(s, PAYER_FRAMES, -(int64_t)n);
		return false;
	}
	s->promised = n;
	return true;
}

void
holding_give_back(struct holding *s)
{
	if (s->promised > 0)
		add(s, PAYER_FRAMES, -(int64_t)s->promised);
	s->promised = 0;
}

void
holding_end(struct holding *s)
{
	holding_give_back(s);
	holding_count(s, 0);
	payer_put(&s->payer);
}

bool
holding_is_full(const struct holding *s)
{
	if (s->payer == NULL || s->promised > 0)
		return false;
	return room_of_limits(s) < 0 || (!is_low(s, PAYER_HELD) && room(s, PAYER_HELD) < 0);
}

bool
holding_exceeds(const struct holding *s, size_t n, struct payer_bound *ret)
{
	return s->payer != NULL && payer_is_bounded(s->payer) && n > HOLDING_SMALL && n > (size_t)payer_largest(s->payer, ret);
}

bool
holding_tells(const struct holding *s, size_t n, uint64_t now_ns, struct payer_bound *ret)
{
	return s->payer != NULL && payer_is_bounded(s->payer) && payer_room(s->payer, ret) < (int64_t)n &&
	    payer_tells(s->payer, now_ns);
}

bool
holding_is_scarce(const struct holding *s, enum payer_for what)
{
	if (s->payer == NULL)
		return false;
	int64_t used = ration_used(payer_part(s->payer, what));
	return used > room_of_limits(s) || (!is_low(s, what) && used > room(s, what));
}

size_t
holding_room(const struct holding *s)
{
	int64_t left = INT64_MAX;
	if (s->payer != NULL) {
		int64_t own = room_of_limits(s);
		left = room(s, PAYER_HELD);
		left = left < own ? left : own;
	}
	return left <= 0 ? 0 : (size_t)left / 8;
}
