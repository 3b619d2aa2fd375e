/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * The header by which a proxy says whose connection it passes on: version 2 of
 * HAProxy's PROXY protocol (proxy-protocol.txt, section 2.2), pure functions over
 * bytes. It is read in exact portions, so that what follows it, TLS most often, is left
 * to whom it is for; what a proxy adds behind the addresses (TLVs) is skipped and not kept.
 * Of a header without an address of IPv4 or IPv6 over a stream the proxy's own counts,
 * as the specification asks.
 */
#define PROXY_HEAD	16
#define PROXY_KEPT	(PROXY_HEAD + 36)	/* with the addresses of IPv6 and their ports */
#define PROXY_MAX	4096			/* of a whole header; more is refused */

/* All zero at first. */
struct proxy_head {
	uint8_t b[PROXY_KEPT];
	size_t got;			/* bytes so far, also those not kept */
	size_t all;			/* of the header; 0: its head is not there yet */
};

/* How many bytes may be read next, and none beyond the header; 0: it is whole. */
size_t proxy_wants(const struct proxy_head *head);
/* Takes n bytes, at most as many as it wants. ERR_AGAIN: good so far; 0: the header is whole;
 * ERR_CORRUPT: it is none that can be taken, and *ret_why says what it is. */
int proxy_take(struct proxy_head *head, const uint8_t *p, size_t n, const char **ret_why);
/* Of a whole header: true, and from where the client came; false: the proxy speaks for itself. */
bool proxy_client(const struct proxy_head *head, struct addr *ret, uint16_t *ret_port);
