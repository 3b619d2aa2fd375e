/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/event.h"
#include "base/str.h"
#include "security/jwks.h"

/*
 * Where the keys of tokens come from: a file, read when it is opened and at each
 * reload that names it, or an HTTPS address, fetched by a thread of its own: at the start, at each
 * reload, every refresh_ms, and early when a token names a key that is not there.
 * Whatever fails, the keys that there are stay, and a line says why. Listeners with
 * the same address share a source. One that nobody has open, or that the configuration names no
 * more, rests: neither a check nor a reload reads it, no time fetches it; who came by it before keeps
 * the keys of then. Thread-safe (LOCK_JWKS).
 */
struct jwks_sources;
struct jwks_source;

/* What a configuration names: views. */
struct jwks_place {
	const char *url, *ca;
};

/* ev must outlive it. */
struct jwks_sources *jwks_sources_create(const struct event *ev);
/* Nobody may look at a source of it any more; one that is still open is freed when it is closed. Ends a fetch that is
 * under way. */
void jwks_sources_destroy(struct jwks_sources **sources);

/* Whether there can be such a source: file:///PATH, or https:// with a host and without a
 * user. ERR_INVAL. */
int jwks_source_check(struct str url, struct why *why);
/* The path of a file:// address, else NULL; a view of it. */
const char *jwks_source_path(const char *url);

/* What a start needs of it: a file's keys, counted for the caller; NULL of an address, of whose ca there must be a
 * file that can be read. Blocks. */
int jwks_source_begin(const char *url, const char *ca, struct jwks **ret_keys, struct why *why);

/*
 * A file must be there and have a key; of an https address the first keys come later,
 * and until then no token is good. ca: a PEM file with the authorities of that host;
 * NULL: the system's. From one thread, as all that follows but keys and missed.
 */
int jwks_source_open(struct jwks_sources *sources, const char *url, const char *ca, int64_t refresh_ms,
    struct jwks_source **ret, struct why *why);
/* Once for each open. NULL: nothing. */
void jwks_source_close(struct jwks_source **source);

/* Whether the files of those that are open and named can be read again, with keys in them; changes nothing. */
int jwks_sources_check(struct jwks_sources *sources, const struct jwks_place *named, size_t n, struct why *why);

/* From now on these are named: reads their files again and has their addresses fetched; the others rest. The last error
 * of a file. */
int jwks_sources_reload(struct jwks_sources *sources, const struct jwks_place *named, size_t n, struct why *why);

/* The keys of now, counted for the caller; NULL: none have come yet. */
struct jwks *jwks_source_keys(struct jwks_source *source);
/* A token named a key that is not there: of an address it is fetched early, at most once a
 * minute whoever sends such tokens. */
void jwks_source_missed(struct jwks_source *source);
