/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session;

/* At the START: whether a frame is the first token of a ticket that comes without SaslHandshake, as clients sent it before Kafka 0.10 and
 * Go's do; if so, it and those that follow are for login_raw_token(). */
bool login_bare_ticket(struct session *s, const uint8_t *p, size_t n);

/* A frame after SaslHandshake v0: a token of the mechanism, as it is. */
void login_raw_token(struct session *s, const uint8_t *p, size_t n);
