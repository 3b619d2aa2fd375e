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
	return s->payer != NULL && s->promised == 0 && !is_low(s, PAYER_HELD) && room(s, PAYER_HELD) < 0;
}

bool
holding_is_scarce(const struct holding *s, enum payer_for what)
{
	return s->payer != NULL && !is_low(s, what) && ration_used(payer_part(s->payer, what)) > room(s, what);
}

size_t
holding_room(const struct holding *s)
{
	int64_t left = s->payer == NULL ? INT64_MAX : room(s, PAYER_HELD);
	return left <= 0 ? 0 : (size_t)left / 8;
}
