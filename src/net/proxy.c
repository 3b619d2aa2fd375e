/* SPDX-License-Identifier: Apache-2.0 */
/* The signature is compared as far as it has come, so that whoever sends anything else is
 * told so at his first byte and not at a deadline. */
#include "net/proxy.h"

#include <netinet/in.h>
#include <string.h>

#include "base/be.h"
#include "base/err.h"

#define SIGNATURE_N	12
static const uint8_t signature[SIGNATURE_N] = "\r\n\r\n\0\r\nQUIT\n";

enum { AT_COMMAND = 12, AT_FAMILY = 13, AT_LENGTH = 14 };
enum { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21 };	/* with the version above them */
enum { OVER_UNSPEC = 0x00, OVER_TCP4 = 0x11, OVER_TCP6 = 0x21 };
enum { FAMILY_MAX = 3, TRANSPORT_MAX = 2 };		/* the greatest that there are */

size_t
proxy_wants(const struct proxy_head *h)
{
	return h->all == 0 ? PROXY_HEAD - h->got : h->all - h->got;
}

/* What addresses of that family take, both ends and their ports. */
static size_t
addresses_of(uint8_t family)
{
	static const size_t sizes[FAMILY_MAX + 1] = { 0, 12, 36, 216 };
	return sizes[family >> 4];
}

/* The 16 bytes that every header begins with. */
static const char *
check_head(const uint8_t *b)
{
	if (b[AT_COMMAND] != COMMAND_LOCAL && b[AT_COMMAND] != COMMAND_PROXY)
		return "a PROXY header of another version than 2, or with an unknown command";
	if (b[AT_FAMILY] >> 4 > FAMILY_MAX || (b[AT_FAMILY] & 0xf) > TRANSPORT_MAX)
		return "a PROXY header with an unknown kind of address";
	size_t behind = be_get(b + AT_LENGTH, 2);
	if (behind > PROXY_MAX - PROXY_HEAD)
		return "a PROXY header that is too long";
	if (b[AT_COMMAND] == COMMAND_PROXY && behind < addresses_of(b[AT_FAMILY]))
		return "a PROXY header that is too short for its addresses";
	return NULL;
}

static const char *
check_signature(const struct proxy_head *h)
{
	size_t n = h->got < SIGNATURE_N ? h->got : SIGNATURE_N;
	if (memcmp(h->b, signature, n) == 0)
		return NULL;
	if (memcmp(h->b, "PROXY ", n < 6 ? n : 6) == 0)
		return "version 1 of the PROXY header: version 2 is taken (send-proxy-v2 in HAProxy, proxy_protocol_v2 elsewhere)";
	return "no PROXY header (is the proxy set to send one, and is it the proxy?)";
}

int
proxy_take(struct proxy_head *h, const uint8_t *p, size_t n, const char **ret_why)
{
	size_t room = h->got < PROXY_KEPT ? PROXY_KEPT - h->got : 0, keep = n < room ? n : room;
	if (keep > 0)
		memcpy(h->b + h->got, p, keep);
	h->got += n;
	const char *why = check_signature(h);
	if (why == NULL && h->all == 0 && h->got == PROXY_HEAD) {
		why = check_head(h->b);
		h->all = PROXY_HEAD + be_get(h->b + AT_LENGTH, 2);
	}
	if (why != NULL) {
		*ret_why = why;
		return ERR_CORRUPT;
	}
	return h->all == 0 || h->got < h->all ? ERR_AGAIN : 0;
}

bool
proxy_client(const struct proxy_head *h, struct addr *ret, uint16_t *ret_port)
{
	const uint8_t *at = h->b + PROXY_HEAD; /* source, destination, ports in the same order */
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	if (h->b[AT_COMMAND] != COMMAND_PROXY)
		return false;
	switch (h->b[AT_FAMILY]) {
	case OVER_TCP4:
		memcpy(&v4.sin_addr, at, 4);
		*ret = addr_from_sockaddr((const struct sockaddr *)&v4);
		*ret_port = (uint16_t)be_get(at + 8, 2);
		return true;
	case OVER_TCP6:
		memcpy(&v6.sin6_addr, at, 16);
		*ret = addr_from_sockaddr((const struct sockaddr *)&v6);
		*ret_port = (uint16_t)be_get(at + 32, 2);
		return true;
	case OVER_UNSPEC:
	default:
		return false;
	}
}
