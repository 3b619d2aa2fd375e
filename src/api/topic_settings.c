/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of values behind a topic's setting: the topic's own, the broker's
 * (set at run time or in the file), the table's. */
#include "api/topic_settings.h"

#include "meta/image.h"

int
topic_setting_sources(struct request *rq, enum topic_key key, const struct topic_overrides *set,
    struct setting_source ret[3])
{
	const struct topic_key_info *info = &topic_keys[key];
	const char *broker = image_defaults(rq->image)->v[key];
	struct str synonym = str_from(info->synonym);
	int n = 0;
	if (set->v[key] != NULL)
		ret[n++] = (struct setting_source){ str_from(info->name), str_from(set->v[key]), CONFIG_TOPIC };
	if (broker != NULL && synonym.n > 0)
		ret[n++] = (struct setting_source){ synonym, str_from(broker),
			image_broker_option(rq->image, synonym).p != NULL ? CONFIG_DYNAMIC_BROKER
			    : CONFIG_STATIC_BROKER };
	ret[n++] = (struct setting_source){ synonym.n > 0 ? synonym : str_from(info->name),
		str_from(info->dflt), CONFIG_DEFAULT };
	return n;
}

enum config_type
topic_setting_type(enum topic_key key)
{
	switch (topic_keys[key].kind) {
	case TOPIC_KIND_INT:	return CONFIG_LONG;
	case TOPIC_KIND_INT32:	return CONFIG_INT;
	case TOPIC_KIND_REAL:	return CONFIG_DOUBLE;
	case TOPIC_KIND_BOOL:	return CONFIG_BOOLEAN;
	case TOPIC_KIND_LIST:	return CONFIG_LIST;
	case TOPIC_KIND_ENUM:
	case TOPIC_KIND_TEXT:
		break;
	}
	return CONFIG_STRING;
}
