/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/request.h"

/* The answer to ApiVersions: what this listener takes, with an error or none. */
void api_versions_fill(struct request *rq, struct api_versions_rsp *out, enum kerr err);
/* "" or what the client calls itself: [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])? (KIP-511) */
bool api_versions_name_fits(struct str s);
