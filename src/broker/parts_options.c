/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of the file as DescribeConfigs shows them. Requests read the
 * configuration while a reload replaces it, so it is published like an image.
 */
#include "broker/conf.h"
#include "broker/options.h"
#include "broker/parts.h"

/* Kafka's numbers of types. */
static int
type_of(const struct conf_option *o)
{
	if (o->flags & OPTION_SECRET)
		return 9;
	switch (o->type) {
	case OPTION_INT:	return 5;
	case OPTION_BOOL:	return 1;
	case OPTION_LIST:	return 7;
	case OPTION_REAL:	return 6;
	case OPTION_TEXT:
	case OPTION_PATH:
	case OPTION_ENUM:
		break;
	}
	return 2;
}

bool
parts_option(const struct broker_core *core, size_t i, struct arena *arena, struct core_option *ret)
{
	const struct broker *b = CONTAINER_OF(core, const struct broker, core);
	const struct conf *conf = rcu_read(b->shown);
	if (i >= conf_option_count || conf == NULL)
		return false;
	const struct conf_option *o = &conf_options[i];
	bool secret = (o->flags & OPTION_SECRET) != 0;
	*ret = (struct core_option){
		.name = str_from(o->name),
		.value = secret ? STR_NULL : arena_str(arena, str_from(option_text(o, conf, arena))),
		.def = str_from(o->def[0] == '\0' ? NULL : o->def),
		.doc = str_from(o->help),
		.type = type_of(o),
		.is_public = (o->flags & OPTION_PUB) != 0,
		.sensitive = secret,
	};
	return true;
}

static void
release(void *object)
{
	struct conf *conf = object;
	conf_unref(&conf);
}

void
parts_show_options(struct broker *b, struct conf *conf)
{
	struct conf *old = rcu_publish(b->shown, conf == NULL ? NULL : conf_ref(conf));
	if (old != NULL)
		rcu_retire(b->rcu, release, old);
}
