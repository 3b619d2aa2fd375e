/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct session;

/* A frame after SaslHandshake v0: a token of the mechanism, as it is. */
void login_raw_token(struct session *s, const uint8_t *p, size_t n);
