/* SPDX-License-Identifier: Apache-2.0 */
/* Depth is counted in a pass of its own, outside of strings; a text that is no
 * JSON may be counted wrongly, and is refused by the parser then. */
#include "security/jsondoc.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rand.h"

void
jsondoc_init(void)
{
	size_t seed;
	rand_bytes(&seed, sizeof(seed));
	json_object_seed(seed | 1);
}

static bool
too_deep(struct str text, unsigned depth_max)
{
	unsigned depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '[') && ++depth > depth_max)
			return true;
		else if (!quoted && (c == '}' || c == ']') && depth > 0)
			depth--;
	}
	return false;
}

int
jsondoc_parse(struct str text, unsigned depth_max, json_t **ret)
{
	json_error_t error;
	if (too_deep(text, depth_max))
		return ERR_LIMIT;
	json_t *doc = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(doc)) {
		json_decref(doc);
		return ERR_INVAL;
	}
	*ret = doc;
	return 0;
}

struct str
jsondoc_text(const json_t *object, const char *name)
{
	const json_t *v = json_object_get(object, name);
	if (!json_is_string(v))
		return STR_NULL;
	return (struct str){ json_string_value(v), json_string_length(v) };
}
