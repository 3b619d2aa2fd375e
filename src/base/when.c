/* SPDX-License-Identifier: Apache-2.0 */
#include "base/when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

char *
when_format(int64_t ms, char out[WHEN_TEXT])
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	size_t n = 0;
	if (ms >= 0 && gmtime_r(&t, &tm) != NULL && tm.tm_year <= 9999 - 1900)
		n = strftime(out, WHEN_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	if (n == 0)
		snprintf(out, WHEN_TEXT, "%lld", (long long)ms);
	else if (ms % 1000 == 0)
		snprintf(out + n, WHEN_TEXT - n, "Z");
	else
		snprintf(out + n, WHEN_TEXT - n, ".%03dZ", (int)(ms % 1000));
	return out;
}

/* ".5" and "": the milliseconds, and where the text goes on. NULL: no fraction. */
static const char *
parse_fraction(const char *at, int64_t *ret_ms)
{
	int64_t ms = 0;
	int digits = 0;
	if (*at != '.') {
		*ret_ms = 0;
		return at;
	}
	for (at++; *at >= '0' && *at <= '9'; at++, digits++)
		if (digits < 3)
			ms = ms * 10 + (*at - '0');
	for (int i = digits; i < 3; i++)
		ms *= 10;
	*ret_ms = ms;
	return digits == 0 ? NULL : at;
}

/* "Z" or "+02:00", to the end: seconds ahead of UTC. */
static int
parse_offset(const char *at, int64_t *ret_s)
{
	struct str s = str_from(at);
	int64_t hours, minutes;
	*ret_s = 0;
	if (str_is(s, "Z"))
		return 0;
	if (s.n != 6 || (*at != '+' && *at != '-') || at[3] != ':' ||
	    str_to_i64((struct str){ at + 1, 2 }, 0, 23, &hours) != 0 || str_to_i64((struct str){ at + 4, 2 }, 0, 59, &minutes) != 0)
		return ERR_INVAL;
	*ret_s = (*at == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	return 0;
}

int
when_parse(struct str text, int64_t *ret_ms)
{
	char copy[WHEN_TEXT];
	struct tm tm = { 0 };
	int64_t ms = 0, ahead = 0;
	if (text.n >= sizeof(copy) || memchr(text.p, '\0', text.n) != NULL)
		return ERR_INVAL;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	const char *at = strptime(copy, "%Y-%m-%dT%H:%M:%S", &tm);
	if (at != NULL)
		at = parse_fraction(at, &ms);
	if (at == NULL || parse_offset(at, &ahead) != 0)
		return ERR_INVAL;
	struct tm same = tm;
	int64_t since = ((int64_t)timegm(&same) - ahead) * 1000 + ms;
	if (since <= 0 || same.tm_mday != tm.tm_mday) /* the 31st of February is none */
		return ERR_INVAL;
	*ret_ms = since;
	return 0;
}
