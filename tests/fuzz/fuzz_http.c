/* SPDX-License-Identifier: Apache-2.0
 * What strangers send to an HTTP listener: any bytes, in pieces of any size. However they are cut, the same comes of them; what is read
 * lies within what was sent; and what Authorization and Accept hold is taken apart without a step outside. */
#include <stdlib.h>
#include <string.h>

#include "http/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) do { if (!(x)) abort(); } while (0)

static enum http_read
feed(struct http_request *r, const uint8_t *p, size_t n, size_t step, size_t *ret_at)
{
	enum http_read got = HTTP_MORE;
	size_t at = 0, used;
	http_request_begin(r);
	while (at < n && got == HTTP_MORE) {
		size_t take = n - at < step ? n - at : step;
		got = http_request_read(r, p + at, take, &used);
		MUST(used <= take && (got != HTTP_MORE || used == take));
		at += used;
	}
	*ret_at = at;
	return got;
}

static void
within(const struct http_request *r, struct str s)
{
	MUST(s.p == NULL || (s.p >= r->head && s.p + s.n <= r->head + r->n));
}

static void
same(struct str a, struct str b)
{
	MUST((a.p == NULL) == (b.p == NULL) && str_eq(a, b));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_request a, b;
	static char out[HTTP_HEAD_MAX];
	struct str user, password, token;
	size_t at, other;
	if (size == 0)
		return 0;
	enum http_read whole = feed(&a, data + 1, size - 1, size, &at);
	enum http_read cut = feed(&b, data + 1, size - 1, 1 + data[0] % 64, &other);
	MUST(whole == cut);
	MUST((whole == HTTP_BAD) == (a.status != 0));
	if (whole != HTTP_WHOLE)
		return 0;
	MUST(at == other && a.path.p != NULL && a.path.n > 0 && a.path.p[0] == '/');
	struct str views[] = { a.target, a.path, a.query, a.authorization, a.accept, a.agent };
	struct str cuts[] = { b.target, b.path, b.query, b.authorization, b.accept, b.agent };
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		within(&a, views[i]);
		within(&b, cuts[i]);
		same(views[i], cuts[i]);
	}
	if (http_basic(a.authorization, out, sizeof(out), &user, &password) == 0)
		MUST(user.p == out && password.p == out + user.n + 1 && user.n + password.n + 1 <= sizeof(out));
	if (http_bearer(a.authorization, &token) == 0)
		within(&a, token);
	double q = http_accepts(a.accept, STR("text/plain"));
	MUST(q >= 0 && q <= 1);
	http_request_clean(&a);
	return 0;
}
