/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "acl/image.h"
#include "base/pmap.h"
#include "base/ref.h"
#include "base/uuid.h"
#include "meta/topic_config.h"
#include "security/cred.h"
#include "tenant/quota.h"
#include "tenant/tenant.h"

/*
 * All metadata as every thread sees it: immutable, counted, published through
 * rcu by the controller. A new version shares what did not change, so topic
 * 100,000 costs to make what topic 1,000 did. Readers take no lock and hold no
 * reference: they are inside rcu for as long as they look.
 */
struct image;

/* Partitions from `first` on, up to the next entry's, were made in this era. */
struct topic_era {
	int32_t first, era;
};

struct image_topic {
	struct ref ref;
	struct str key;			/* private: tenant and name, the order of the map */
	struct name name;
	struct uuid id;
	int32_t partitions;
	struct topic_era *eras;		/* at least one; the first begins at partition 0 */
	int32_t eras_n;
	bool internal;
	struct topic_overrides set;	/* what was set on it, as text */
	struct topic_config config;	/* what holds */
};

struct image_tenant {
	struct ref ref;
	struct str key;			/* private */
	uint32_t number;
	struct str name;
	struct str owner;		/* the first administrator, when it was made */
	char cluster_id[UUID_TEXT];
	enum tenant_state state;
	uint64_t generation;		/* another one than at the login means: log in again */
	uint32_t topics;		/* how many, for limits */
	uint64_t partitions;
};

/* An empty installation; defaults (copied) are the broker's for all topics. */
struct image *image_create(const struct topic_overrides *defaults);
struct image *image_ref(const struct image *image);
void image_unref(struct image **image);
/* Counts publications. */
uint64_t image_generation(const struct image *image);

const struct acl_image *image_acl(const struct image *image);
struct quota_image *image_quotas(const struct image *image);

/* Borrowed; NULL where there is none. */
const struct image_topic *image_topic(const struct image *image, struct name name);
const struct image_topic *image_topic_by_id(const struct image *image, const struct uuid *id);
/* The next of a tenant's topics in bytewise order; begin with STR_NULL. */
const struct image_topic *image_next_topic(const struct image *image, uint32_t tenant, struct str after);
size_t image_topic_count(const struct image *image);

/*
 * A partition's leader epoch is how many eras there were since the one that it was made in:
 * 0 at first, one more after each unclean start, and no node is written for that. The era
 * is the data directory's (log/store.h); the controller sees to it that it is late enough.
 */
int32_t image_leader_epoch(const struct image *image, const struct image_topic *topic, int32_t partition);
int32_t image_era(const struct image *image);
/* A new version where the era is later, else the same. Takes over and gives back the reference. */
void image_raise_era(struct image **image, int32_t era);

const struct image_tenant *image_tenant(const struct image *image, uint32_t number);
/* Whether it exists and its users are let in. */
bool image_tenant_is_open(const struct image *image, uint32_t number);
const struct image_tenant *image_next_tenant(const struct image *image, const struct image_tenant *after);

/* The keys and flags of a user, for logins: exists is false where there is none, closed is set
 * whoever it is where his tenant is not open. */
void image_cred(const struct image *image, struct name user, int64_t wall_ms, struct cred *ret);

/* The broker's defaults for topics, settings changed at run time included. */
const struct topic_overrides *image_defaults(const struct image *image);
/* Options of the broker that were set at run time; STR_NULL: not. */
struct str image_broker_option(const struct image *image, struct str name);
struct str image_next_broker_option(const struct image *image, struct str after, struct str *ret_value);

/* Numbers that are given out once: of tenants, of users' generations, and the first
 * producer id that is free. */
uint32_t image_next_tenant_number(const struct image *image);
uint64_t image_next_generation(const struct image *image);
int64_t image_next_producer_id(const struct image *image);

/*
 * A new version with one node put (value set) or deleted (value null): the only
 * way an image changes, at run time as when loading, so that a reload cannot
 * differ from what was published. Takes over the reference to image and always
 * gives one back. ERR_CORRUPT, ERR_UNSUPPORTED: the node cannot be read;
 * ERR_NOTFOUND: it belongs to a tenant that is gone. The image is then as it was.
 */
int image_apply(struct image **image, struct str path, struct str value, struct why *why);
/* One more publication. Takes over and gives back the reference. */
void image_set_generation(struct image *image, uint64_t generation);
/* For an image that was loaded while another was in use: users' generations that
 * were given out are not given out again, or a login of a deleted user would hold
 * for the next one of his name. */
void image_keep_generations(struct image *image, const struct image *older);
