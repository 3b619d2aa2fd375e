/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/ration.h"
#include "base/str.h"

/*
 * Who holds memory, of those who are logged in: users and their tenants, and what each holds for what. Any thread; the
 * lock PAYERS is taken when one comes and when he goes.
 */
enum payer_for {
	PAYER_FRAMES,		/* requests that are being received */
	PAYER_HELD,		/* what else connections hold */
	PAYER_KINDS
};

struct payers;
struct payer;

/* max: bytes for each. */
struct payers *payers_create(const int64_t max[PAYER_KINDS]);
/* Every payer must have gone, and have given back all that he took. */
void payers_destroy(struct payers **payers);

/* A reference, the same payer for the same user; the name is copied. payer_put() gives it back. */
struct payer *payer_get(struct payers *payers, struct name user);
void payer_put(struct payer **payer);

/* What a user or, by a null string, a tenant holds now, and what it may hold, as things stand. */
void payers_usage(struct payers *payers, struct name user, enum payer_for what, int64_t *ret_used, int64_t *ret_most);
/* Bytes that all of them hold. */
int64_t payers_hold(const struct payers *payers, enum payer_for what);

/* The two are for ration_*(). */
struct ration *payer_ration(const struct payer *payer, enum payer_for what);
struct ration_payer *payer_part(struct payer *payer, enum payer_for what);
