/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"
#include "security/jwks.h"

/*
 * One GET over HTTPS, by libcurl: TLS verified, no other protocol and no redirect, 10
 * seconds and JWKS_BYTES_MAX bytes at most. For one thread, which it blocks.
 */
struct jwks_fetcher;

/* *stop ends a fetch within a second or so. ERR_UNSUPPORTED: libcurl does not start. */
int jwks_fetcher_create(const atomic_bool *stop, struct jwks_fetcher **ret, struct why *why);
void jwks_fetcher_destroy(struct jwks_fetcher **fetcher);

/* ca: a PEM file of authorities; NULL: the system's. ERR_IO, or jwks_parse()'s. */
int jwks_fetch(struct jwks_fetcher *fetcher, const char *url, const char *ca, struct jwks **ret, struct why *why);
