/* SPDX-License-Identifier: Apache-2.0 */
#include "net/holding.h"

void
holding_count(struct holding *s, size_t n)
{
	if (n <= HOLDING_SMALL)
		n = 0;
	if (n == s->counted || s->held == NULL)
		return;
	ration_add(s->held, s->payer, (int64_t)n - (int64_t)s->counted);
	s->counted = n;
}

bool
holding_promise(struct holding *s, size_t n)
{
	if (s->frames == NULL || s->promised > 0 || n <= HOLDING_SMALL)
		return true;
	if (!ration_take(s->frames, s->payer, (int64_t)n))
		return false;
	s->promised = n;
	return true;
}

void
holding_give_back(struct holding *s)
{
	if (s->promised > 0)
		ration_add(s->frames, s->payer, -(int64_t)s->promised);
	s->promised = 0;
}

bool
holding_is_full(const struct holding *s)
{
	return s->held != NULL && s->promised == 0 && ration_room(s->held, s->payer) < 0;
}

bool
holding_is_scarce(const struct holding *s, const struct ration *of)
{
	return of != NULL && ration_room(of, s->payer) < (int64_t)(of->max / 4);
}

size_t
holding_room(const struct holding *s)
{
	int64_t room = s->held == NULL ? INT64_MAX : ration_room(s->held, s->payer);
	return room <= 0 ? 0 : (size_t)room / 8;
}
