/* SPDX-License-Identifier: Apache-2.0 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/err.h"

static struct addr
from_v6(const uint8_t b[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct addr a = { .family = 6 };
	if (memcmp(b, mapped, sizeof(mapped)) == 0) {
		a.family = 4;
		memcpy(a.b, b + 12, 4);
	} else
		memcpy(a.b, b, 16);
	return a;
}

struct addr
addr_from_sockaddr(const struct sockaddr *sa)
{
	struct addr a = { 0 };
	if (sa->sa_family == AF_INET) {
		a.family = 4;
		memcpy(a.b, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		a = from_v6(((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr.s6_addr);
	}
	return a;
}

int
addr_parse(struct str s, struct addr *ret)
{
	char text[ADDR_TEXT];
	uint8_t b[16];
	if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, '\0', s.n) != NULL)
		return ERR_INVAL;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	if (inet_pton(AF_INET, text, b) == 1) {
		*ret = (struct addr){ .family = 4 };
		memcpy(ret->b, b, 4);
		return 0;
	}
	if (inet_pton(AF_INET6, text, b) != 1)
		return ERR_INVAL;
	*ret = from_v6(b);
	return 0;
}

char *
addr_format(const struct addr *a, char out[ADDR_TEXT])
{
	if (a->family == 0 ||
	    inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->b, out, ADDR_TEXT) == NULL)
		memcpy(out, "-", 2);
	return out;
}

bool
addr_eq(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* Whether the first bits of both are equal. */
static bool
same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

int
cidr_parse(struct str s, struct cidr *ret)
{
	struct str text = s, base;
	struct cidr c;
	int64_t bits;
	bool has_bits = str_cut(&text, '/', &base);
	if (addr_parse(base, &c.base) != 0)
		return ERR_INVAL;
	int64_t max = c.base.family == 4 ? 32 : 128;
	/* "::ffff:10.0.0.0/104" counts the bits of the IPv6 form. */
	bool mapped = c.base.family == 4 && memchr(base.p, ':', base.n) != NULL;
	bits = max;
	if (has_bits && str_to_i64(text, mapped ? 96 : 0, mapped ? 128 : max, &bits) != 0)
		return ERR_INVAL;
	c.bits = (uint8_t)(mapped && has_bits ? bits - 96 : bits);
	for (unsigned i = c.bits; i < (unsigned)max; i++)
		if (c.base.b[i / 8] & (0x80u >> (i % 8)))
			return ERR_INVAL;
	*ret = c;
	return 0;
}

bool
cidr_has(const struct cidr *block, const struct addr *a)
{
	return block->base.family == a->family && same_bits(block->base.b, a->b, block->bits);
}

bool
cidr_list_has(const struct cidr_list *blocks, const struct addr *a)
{
	for (size_t i = 0; i < blocks->n; i++)
		if (cidr_has(&blocks->v[i], a))
			return true;
	return false;
}
