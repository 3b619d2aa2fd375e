/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Limits for the tests of quotas, on virtual time. */
#include "../test.h"

#include "tenant/quota.h"

#define SEC UINT64_C(1000000000)
#define MS UINT64_C(1000000)
#define RUN (20 * SEC)

static struct str
s(const char *text)
{
	return str_from(text);
}

/* Sets one value; text NULL: no such part, "": the default entity. */
static void
limit(struct quota_image **image, uint32_t tenant, const char *user, const char *client,
    enum quota_key key, double value)
{
	struct quota_entity e = {
		.tenant = tenant, .has_user = user != NULL, .has_client = client != NULL,
		.user = user == NULL || *user == '\0' ? STR_NULL : s(user),
		.client = client == NULL || *client == '\0' ? STR_NULL : s(client),
	};
	struct quota_values v = { 0 };
	quota_image_get(*image, &e, &v);
	v.v[key] = value;
	struct quota_image *next = quota_image_set(*image, &e, &v);
	quota_image_unref(image);
	*image = next;
}

static inline void
within_ten_percent(double got, double want)
{
	if (got < want * 0.9 || got > want * 1.1)
		fail_msg("%.0f came through, %.0f should have", got, want);
}
