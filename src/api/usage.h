/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/core.h"

/*
 * What a tenant has of what is kept: counted by walking its topics and groups. A user has the topics and groups
 * that he owns.
 */
struct usage {
	uint64_t topics, partitions, groups;
	uint64_t stored_bytes;		/* of all segments */
	uint64_t producers;		/* idempotent ones that are known */
};

/* of.s null: the whole tenant. Inside rcu; any thread. A group whose shard is being loaded is not counted. */
void usage_count(const struct broker_core *core, const struct image *image, struct name of, struct usage *ret);

/* Counts what is held against limits of amounts (tenant/quota.h), in the tenants that have any. Once a second. */
void usage_recount(const struct broker_core *core, const struct image *image);
