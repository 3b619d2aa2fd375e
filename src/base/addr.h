/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/str.h"

/* An IP address without a port. IPv4-mapped IPv6 addresses are always held as
 * IPv4, so that rules, limits and log lines see one form. */
struct addr {
	uint8_t family;			/* 4, 6, or 0: none */
	uint8_t b[16];			/* network order; 4 bytes used for IPv4 */
};

/* A block: an address and how many leading bits count. */
struct cidr {
	struct addr base;
	uint8_t bits;
};

/* Several of them. */
struct cidr_list {
	const struct cidr *v;
	size_t n;
};

#define ADDR_TEXT 46

/* From a socket address (AF_INET, AF_INET6); others give family 0. */
struct addr addr_from_sockaddr(const struct sockaddr *sa);
/* Numeric forms only; ERR_INVAL otherwise. */
int addr_parse(struct str s, struct addr *ret);
char *addr_format(const struct addr *a, char out[ADDR_TEXT]);
bool addr_eq(const struct addr *a, const struct addr *b);

/* "10.0.0.0/8" or a lone address (all its bits). ERR_INVAL too where bits
 * beyond the prefix are set. */
int cidr_parse(struct str s, struct cidr *ret);
bool cidr_has(const struct cidr *block, const struct addr *a);
bool cidr_list_has(const struct cidr_list *blocks, const struct addr *a);
