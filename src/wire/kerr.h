/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/* Kafka's error codes, as they go over the wire. Only src/api, the structs of
 * wire/msg.h and the coordinators' answers hold them; inside, errors are
 * negative enum err (base/err.h). */
enum kerr {
#define X(name, number, retriable, text) KERR_##name = (number),
#include "wire/kerr.def"
#undef X
};

/* "TOPIC_AUTHORIZATION_FAILED"; "UNKNOWN" for a number that is no code. */
const char *kerr_name(int code);
/* A sentence for a human; never NULL. */
const char *kerr_text(int code);
/* Whether Kafka's clients try again after it. */
bool kerr_retriable(int code);
