/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Within src/web: one scrape, and the values that its metrics have. */

#include "api/tally.h"
#include "audit/audit.h"
#include "base/arena.h"
#include "base/array.h"
#include "web/text.h"
#include "web/web.h"

enum metric_id {
#define METRIC(id, type, family, of, labels, help, when) METRIC_##id,
#include "web/metrics.def"
	METRICS
};

enum metric_of {
	OF_ALL, OF_BROKER, OF_LIST,
	OF_TENANT, OF_QUOTA,
	OF_TOPIC, OF_PARTITION,
	OF_GROUP, OF_GROUP_TOPIC, OF_GROUP_PARTITION,
};

struct metric {
	enum metric_type type;
	enum metric_of of;
	const char *family, *help;
};
extern const struct metric metrics[METRICS];

/* One committed offset, of the group at hand. */
struct scrape_offset {
	struct str topic;
	int32_t partition;
	int64_t offset;
};

#define SCRAPE_TOPIC_MAX 256		/* bytes of a topic's name */
#define SCRAPE_NAMES_MAX (4u << 20)	/* bytes of the names of groups */
#define SCRAPE_OFFSETS_MAX (8u << 20)	/* of the offsets of one group */

struct scrape {
	struct web *web;
	struct http_exchange *x;
	const struct principal *principal;
	bool open, all;			/* all: an operator's */
	uint32_t slot;			/* whose scrape it counts as */

	/* Of this part: nothing of an image is kept from one to the next. */
	const struct image *image;
	struct acl_who who;
	struct buf *out;

	/* Where it is. */
	int metric;
	bool begun, within;		/* the family's head is written; a tenant is at hand */
	uint32_t tenant;
	char topic[SCRAPE_TOPIC_MAX];	/* the last one that is done; empty: none */
	size_t topic_n;
	int32_t partition;		/* the next one of the topic behind it */
	int32_t group, offset;		/* the next ones */

	struct arena *names;
	ARRAY(struct name) groups;
	bool gathered;
	int64_t left_out;
	struct arena *offsets;		/* of the group at hand */
	ARRAY(struct scrape_offset) committed;

	/* As it was when the scrape began. */
	struct web_figures figures;
	struct store_stats log;
	struct audit_status audit;
	uint64_t disk_free, disk_size;
};

/* values.c */
void values_look(struct scrape *s);
/* NAN: there is none. */
double value_of_broker(const struct scrape *s, enum metric_id id);
double value_of_tenant(const struct scrape *s, enum metric_id id, uint32_t tenant);
/* A partition that is not there has none. */
bool value_of_partition(const struct scrape *s, enum metric_id id, const struct image_topic *topic, int32_t partition, int64_t *ret);
int64_t value_of_topic(const struct scrape *s, enum metric_id id, const struct image_topic *topic);
/* lists.c: all samples of a LIST, or of a tenant's quotas. */
void list_of_broker(struct scrape *s, enum metric_id id);
void list_of_quotas(struct scrape *s, enum metric_id id, uint32_t tenant, struct str name);
