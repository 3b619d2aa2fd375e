/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Quotas: nested token buckets tenant -> user -> client id. Every level must
 * admit; which user or client entity's limit counts follows Kafka's precedence
 * (design of Kafka, "Quotas"; KIP-13, 55, 124, 219, 599). The limits are an
 * immutable image; the buckets are shared by all loops and connections.
 *
 * How to use it, so that rates hold with any number of connections: ask
 * quota_admit() before a request is processed and, while it is not 0, keep the
 * connection muted that long and ask again; then process and quota_charge()
 * (what is refused is charged as well), announce the delay that it gives, mute
 * for it, and ask again at the end, for others of the same entity may have used
 * the room meanwhile. What is charged long after it was admitted, as it waits in between,
 * is known to the others only if quota_hold() said so.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/str.h"

enum quota_key {
#define X(name, text, on_user, greatest, what) QUOTA_##name,
#include "tenant/quota.def"
#undef X
	QUOTA_KEYS
};
#define QUOTA_RATES (QUOTA_CONNECT + 1)	/* the keys before this one are rates, the others amounts */

/* Kafka's name of a key, and back; ERR_NOTFOUND. */
const char *quota_key_name(enum quota_key key);
int quota_key_parse(struct str s, enum quota_key *ret);
/* Whether the key can have this value. */
bool quota_key_takes(enum quota_key key, double value);

/*
 * Whose limit: the tenant's own (nothing set), a user's, a client id's, both, or
 * an address's (tenant 0, alone). A part that is set with a null string is
 * Kafka's default entity: everybody who has no entry of his own. An address is
 * written as addr_format() does.
 */
struct quota_entity {
	uint32_t tenant;
	bool has_user, has_client, has_ip;
	struct str user, client, ip;
};

/* A value of 0 means that there is no limit of that key. */
struct quota_values {
	double v[QUOTA_KEYS];
};

/* Immutable, counted, NULL is the empty one; as base/pmap.h. */
struct quota_image;

struct quota_image *quota_image_ref(struct quota_image *image);
void quota_image_unref(struct quota_image **image);
/* A new version with these values of the entity (all 0: without it). */
struct quota_image *quota_image_set(struct quota_image *image, const struct quota_entity *entity,
    const struct quota_values *values);
/* False where the entity has no entry. */
bool quota_image_get(const struct quota_image *image, const struct quota_entity *entity,
    struct quota_values *ret);
/* Walks all entries of all tenants: *pos = STR("") to begin; views of the image. */
bool quota_image_next(const struct quota_image *image, struct str *pos,
    struct quota_entity *ret, struct quota_values *ret_values);
#define QUOTA_CLIENT_MAX 1024		/* bytes of a client id that count */
/* ERR_INVAL with a reason: empty names, client ids that are too long, an address that is none or combined
 * with others, a key that the entity cannot have, a value that is not > 0. */
int quota_entity_check(const struct quota_entity *entity, enum quota_key key, double value,
    struct why *why);

struct quota_config {
	uint64_t window_ns;		/* longest delay that one charge can cause */
	uint64_t burst_ns;		/* what the rate gives in this time may come at once */
	unsigned clients_per_user;	/* buckets for ids without an entry of their own */
};
/* 10 s, 0.5 s, 32 */
extern const struct quota_config quota_config_default;

/* The buckets of a broker. Thread-safe. */
struct quota;
struct quota *quota_create(const struct quota_config *config);
/* Every link must have been closed, every promise kept. */
void quota_destroy(struct quota **quota);
/* New limits, for everybody from the next charge on; takes its own reference.
 * Debts stay, measured in time. */
void quota_publish(struct quota *quota, struct quota_image *image);
/* Forgets idle buckets; once a minute. */
void quota_reap(struct quota *quota, uint64_t now_ns);

/* One more connection from an address: false where connection_creation_rate of the address, or
 * of all that have none of their own, does not admit it. A window's worth may come at once. */
bool quota_connect(struct quota *quota, const struct addr *from, uint64_t now_ns);

/* A connection's way to its buckets: one thread at a time. The names are copied. */
struct quota_link;
struct quota_link *quota_open(struct quota *quota, struct name user);
/* The limit of an amount that something does not fit under. */
struct quota_bound {
	bool of_user;			/* his, not his tenant's */
	double used, limit;
	bool tell;			/* nobody has been told of it for a minute */
};
/* The same, within the limits of connections of the user and of the tenant; NULL: not. */
struct quota_link *quota_open_within(struct quota *quota, struct name user, uint64_t now_ns,
    struct quota_bound *ret);
void quota_close(struct quota_link **link);
/* The client id of the request at hand; cheap where it is the same as before. */
void quota_client(struct quota_link *link, struct str client_id);
/* The one of the last request; a view until the next. */
struct str quota_client_now(const struct quota_link *link);

/*
 * Charges amount (bytes; nanoseconds of request time; partitions) on all levels
 * and gives the delay in ns to announce and to mute for: 0 where none, at most
 * the window. Never refuses: what is larger than the burst goes into debt.
 */
uint64_t quota_charge(struct quota_link *link, enum quota_key key, double amount, uint64_t now_ns);
/* What a request will be charged; an amount below 0 where that is not known, then as much as
 * the last one. */
struct quota_ask {
	enum quota_key key;
	double amount;
};
/*
 * Whether a request may go now, all that it asks for: 0; else how long to wait before asking the
 * same again, which keeps a place: those who came before have their turn first. Of two keys comes
 * first the one that fewer requests need.
 */
uint64_t quota_admit(struct quota_link *link, const struct quota_ask *asks, unsigned n, uint64_t now_ns);
/* Gives up its places: it will not ask again for long, and others wait for it. */
void quota_step_aside(struct quota_link *link);
/* The delay that the debt asks for at this moment, charging nothing. */
uint64_t quota_delay(struct quota_link *link, enum quota_key key, uint64_t now_ns);
/*
 * A promise: what will come counts at once, so that others see it, until it is either released
 * (what came is charged then) or settled: what came is charged by this very call, and to who
 * promised it, for the link may be gone. NULL where nothing limits; both take that, too. Any thread.
 */
struct quota_held;
struct quota_held *quota_hold(struct quota_link *link, enum quota_key key, double amount);
void quota_release(struct quota_held **held);
void quota_settle(struct quota_held **held, double amount, uint64_t now_ns);
/* What the strictest level's burst holds: as much as a fetch should carry (but
 * at least a batch). UINT64_MAX where nothing limits. */
uint64_t quota_most(struct quota_link *link, enum quota_key key);

/*
 * Amounts. What there is of them is counted elsewhere, now and then, and reported: quota_recount()
 * begins a count, quota_report() gives what a user (null string: the tenant) has, and whoever is not
 * reported in a count has nothing. Between two counts what is admitted is added. Any thread.
 */
void quota_recount(struct quota *quota);
void quota_report(struct quota *quota, struct name user, enum quota_key key, double used);
/* Whether as much more fits under the limits of the user and of his tenant. */
bool quota_fits(struct quota *quota, struct name user, enum quota_key key, double more, uint64_t now_ns,
    struct quota_bound *ret);
/* As much more has been admitted, of the user and of his tenant (null string: of the tenant alone). */
void quota_add(struct quota *quota, struct name user, enum quota_key key, double more);
/* Whether a refusal by the limit of such a user or tenant is to be logged: once a minute. For limits that
 * are held elsewhere. */
bool quota_tells(struct quota *quota, struct name user, enum quota_key key, uint64_t now_ns);
/* Of the link's tenant alone, and without a lock where it has no limit. */
bool quota_link_fits(struct quota_link *link, enum quota_key key, double more);
void quota_link_add(struct quota_link *link, enum quota_key key, double more);
/* Whether the user or his tenant has a limit of it. */
bool quota_link_limits(struct quota_link *link, enum quota_key key);
/* The limit itself of a user (his own, or the default user's) or a tenant; 0: none. Pure. */
double quota_image_limit(const struct quota_image *image, struct name user, enum quota_key key);

/* The levels, from the outermost. */
enum quota_level {
	QUOTA_TENANT,
	QUOTA_USER,
	QUOTA_CLIENT,			/* of this user */
	QUOTA_CLIENT_ALL,		/* of all users: an entry for a client id alone */
	QUOTA_LEVELS
};

struct quota_usage {
	double rate[QUOTA_RATES];	/* a second, over the last 10 to 20 s */
	double limit[QUOTA_KEYS];	/* 0: none */
	uint64_t delay_ns[QUOTA_RATES];	/* debt now */
	unsigned connections;
	double requests;		/* a second, as rate */
};
/* What a tenant (user with null string) or a user uses. False: not seen lately. */
bool quota_usage(struct quota *quota, struct name user, uint64_t now_ns, struct quota_usage *ret);
