/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verbs.h"

#include <string.h>

static const struct verb *const tables[] = {
	topic_verbs, group_verbs, lag_verbs, user_verbs, team_verbs, quota_verbs, tenant_verbs, token_verbs, tree_verbs, facl_verbs,
	who_verbs, tail_verbs, connection_verbs, top_verbs, audit_verbs, site_verbs, backup_verbs,
};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

const struct verb *
verbs_next(const struct verb *verb)
{
	if (verb == NULL)
		return tables[0];
	if (verb[1].name != NULL)
		return verb + 1;
	for (size_t i = 0; i + 1 < TABLES; i++)
		for (const struct verb *v = tables[i]; v->name != NULL; v++)
			if (v == verb)
				return tables[i + 1];
	return NULL;
}

const struct verb *
verbs_find(char **argv, int argc, int *ret_words)
{
	for (const struct verb *v = verbs_next(NULL); v != NULL; v = verbs_next(v)) {
		bool alone = v->noun == NULL;
		if (alone ? strcmp(v->name, argv[0]) != 0 :
		    argc < 2 || strcmp(v->noun, argv[0]) != 0 || strcmp(v->name, argv[1]) != 0)
			continue;
		*ret_words = alone ? 1 : 2;
		return v;
	}
	return NULL;
}
