/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Modes as Kafka's tools see them (model section 8): allow bindings made from
 * owner, team and other, so that DescribeAcls tells the truth.
 */

#include "acl/image.h"
#include "acl/rule.h"

/* Calls each(binding, arg) for each allow binding that stands for the bits of
 * this node; the strings are valid during the call only. Stops at the first
 * nonzero, which is returned. */
int acl_describe_node(enum acl_type type, struct str name, const struct acl_node *node,
    int (*each)(const struct acl_binding *b, void *arg), void *arg);

/* The same for every node of the tenant that the filter matches. */
int acl_describe_modes(const struct acl_tenant *tenant, const struct acl_binding *filter,
    int (*each)(const struct acl_binding *b, void *arg), void *arg);

/* Whether the filter names a synthesized binding in full; out is then the
 * command that would take it away ("schlossctl chmod g-r /main/topics/orders").
 * by_use: the node of a group or transactional id made by use, or NULL. */
bool acl_describe_chmod(const struct acl_tenant *tenant, const struct acl_binding *filter,
    const struct acl_node *by_use, char *out, size_t size);
