/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "acl/acl.h"
#include "base/err.h"

/* The paths of audit.allows: what is allowed on them, and on all below them, is told of. Immutable. */
struct audit_paths;

/* NULL where there are none. ERR_INVAL names the one that is no path. */
int audit_paths_parse(const char *const *texts, size_t n, struct audit_paths **ret, struct why *why);
void audit_paths_free(void *paths);
bool audit_paths_have(const struct audit_paths *paths, const struct acl_image *image, const struct acl_object *object);
