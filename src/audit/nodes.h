/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "acl/acl.h"
#include "audit/record.h"

/*
 * A change of a metadata node as a line: which thing it is, what stood there, what stands there now. What may
 * be shown of a node is a list; whatever is not on it, keys above all, is shown as "*".
 */

/* Begins and fills *ret, which out_free() frees, where the node is one that is told of; false, and nothing to
 * free, for those that say nothing (counters). before, after: a node's text, null: there is none.
 * image, next: without and with the change, where tenants have their names. */
bool node_record(const struct acl_image *image, const struct acl_image *next, struct str path, struct str before, struct str after,
    const struct audit_by *by, struct record_out *ret);
