/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "meta/image.h"
#include "meta/meta.h"

/*
 * The whole stored tree as a new image, the caller's. May block. Fails, naming
 * the node, where one cannot be read, and as the engine's walk does.
 *
 * ops (n of them; may be none) are what a multi was to do: ret_happened says
 * whether the tree is as they would leave it.
 */
int load_image(struct meta *meta, const struct topic_overrides *defaults, const struct meta_op *ops,
    int n, struct image **ret, bool *ret_happened, struct why *why);
