/* SPDX-License-Identifier: Apache-2.0
 * Kafka's error codes as one table, indexed by code; the codes are dense, so a
 * number outside the table is no code and has a text that says so. */
#include "wire/kerr.h"

#include <stddef.h>
#include <stdint.h>

static const struct {
	const char *name, *text;
	bool retriable;
} codes[] = {
#define X(id, number, again, words) [(number) + 1] = { #id, (words), (again) },
#include "wire/kerr.def"
#undef X
};

static size_t
kerr_index(int code)
{
	size_t i = (size_t)((int64_t)code + 1);
	return code >= -1 && i < sizeof(codes) / sizeof(codes[0]) && codes[i].name != NULL ? i : SIZE_MAX;
}

const char *
kerr_name(int code)
{
	size_t i = kerr_index(code);
	return i == SIZE_MAX ? "UNKNOWN" : codes[i].name;
}

const char *
kerr_text(int code)
{
	size_t i = kerr_index(code);
	return i == SIZE_MAX ? "an unknown error" : codes[i].text;
}

bool
kerr_retriable(int code)
{
	size_t i = kerr_index(code);
	return i != SIZE_MAX && codes[i].retriable;
}
