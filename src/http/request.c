/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes are copied to the request's own buffer and parsed there, so that a header that comes in pieces is
 * one piece when it is complete: the parser tells of each piece, and two that lie side by side are one. */
#include "http/request.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/mem.h"
#include "security/base64.h"

#define REQUEST(parser) ((struct http_request *)(parser)->data)

/* For callbacks: the parser stops at what is not 0. */
static int
refuse(struct http_request *r, unsigned status)
{
	if (r->status == 0)
		r->status = status;
	return 1;
}

/* False: it does not lie behind what there is. */
static bool
extend(struct str *s, const char *at, size_t n)
{
	if (s->p != NULL && s->p + s->n != at)
		return false;
	if (s->p == NULL)
		s->p = at;
	s->n += n;
	return true;
}

static int
on_url(http_parser *p, const char *at, size_t n)
{
	return extend(&REQUEST(p)->target, at, n) ? 0 : refuse(REQUEST(p), 400);
}

static bool
is(struct str s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

/* The header at hand is complete. */
static int
take_header(struct http_request *r)
{
	static const struct {
		const char *name;
		size_t offset;
	} wanted[] = {
		{ "authorization", offsetof(struct http_request, authorization) },
		{ "accept", offsetof(struct http_request, accept) },
		{ "user-agent", offsetof(struct http_request, agent) },
	};
	struct str value = str_trim(r->value.p == NULL ? STR("") : r->value);
	if (r->name.p == NULL)
		return 0;
	if (++r->headers > HTTP_HEADERS_MAX)
		return refuse(r, 431);
	if (is(r->name, "host")) {
		if (r->has_host)
			return refuse(r, 400);
		r->has_host = true;
	}
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct str *to = (struct str *)(void *)((char *)r + wanted[i].offset);
		if (!is(r->name, wanted[i].name))
			continue;
		if (to->p != NULL)
			return refuse(r, 400);
		*to = value;
	}
	r->name = r->value = STR_NULL;
	return 0;
}

static int
on_name(http_parser *p, const char *at, size_t n)
{
	struct http_request *r = REQUEST(p);
	if (r->in_value && take_header(r) != 0)
		return 1;
	r->in_value = false;
	return extend(&r->name, at, n) ? 0 : refuse(r, 400);
}

static int
on_value(http_parser *p, const char *at, size_t n)
{
	struct http_request *r = REQUEST(p);
	r->in_value = true;
	return extend(&r->value, at, n) ? 0 : refuse(r, 400); /* folded */
}

static int
on_headers(http_parser *p)
{
	struct http_request *r = REQUEST(p);
	if (take_header(r) != 0)
		return 1;
	if (p->http_major != 1 || p->http_minor > 1)
		return refuse(r, 505);
	if ((p->flags & F_CHUNKED) != 0 || (p->content_length != 0 && p->content_length != ULLONG_MAX))
		return refuse(r, 413);
	if (p->http_minor == 1 && !r->has_host)
		return refuse(r, 400);
	r->get = p->method == HTTP_GET;
	r->head_only = p->method == HTTP_HEAD;
	r->v1_1 = p->http_minor == 1;
	r->keep_alive = http_should_keep_alive(p) && !p->upgrade;
	return 1; /* there is no body, whatever is announced */
}

static int
on_end(http_parser *p)
{
	REQUEST(p)->whole = true;
	http_parser_pause(p, 1);
	return 0;
}

void
http_request_begin(struct http_request *r)
{
	memset(r, 0, offsetof(struct http_request, head));
	http_parser_init(&r->parser, HTTP_REQUEST);
	r->parser.data = r;
}

void
http_request_clean(struct http_request *r)
{
	mem_cleanse(r->head, r->n);
	http_request_begin(r);
}

/* /path?query; of an absolute form (RFC 9112 section 3.2.2) what is behind the authority. */
static bool
split_target(struct http_request *r)
{
	struct http_parser_url url;
	http_parser_url_init(&url);
	if (r->target.n > UINT16_MAX || http_parser_parse_url(r->target.p, r->target.n, 0, &url) != 0 ||
	    (url.field_set & 1u << UF_PATH) == 0)
		return false;
	r->path = (struct str){ r->target.p + url.field_data[UF_PATH].off, url.field_data[UF_PATH].len };
	if (r->path.p[0] != '/') /* "*" */
		return false;
	if ((url.field_set & 1u << UF_QUERY) != 0)
		r->query = (struct str){ r->target.p + url.field_data[UF_QUERY].off, url.field_data[UF_QUERY].len };
	return true;
}

static unsigned
status_of(enum http_errno err)
{
	switch ((int)err) {
	case HPE_INVALID_METHOD: return 501;
	case HPE_INVALID_VERSION: return 505;
	case HPE_HEADER_OVERFLOW: return 431;
	default: return 400;
	}
}

/* What the parser made of the bytes. */
static enum http_read
judge(struct http_request *r)
{
	enum http_errno err = HTTP_PARSER_ERRNO(&r->parser);
	if (r->status == 0 && err != HPE_OK && err != HPE_PAUSED)
		refuse(r, status_of(err));
	if (r->status == 0 && r->whole && !split_target(r))
		refuse(r, 400);
	if (r->status != 0)
		return HTTP_BAD;
	return r->whole ? HTTP_WHOLE : HTTP_MORE;
}

enum http_read
http_request_read(struct http_request *r, const uint8_t *p, size_t n, size_t *ret_used)
{
	static const http_parser_settings calls = {
		.on_url = on_url, .on_header_field = on_name, .on_header_value = on_value,
		.on_headers_complete = on_headers, .on_message_complete = on_end,
	};
	size_t room = HTTP_HEAD_MAX - r->n, take = n < room ? n : room;
	char *at = r->head + r->n;
	*ret_used = 0;
	if (r->status != 0 || room == 0) {
		refuse(r, 431);
		return HTTP_BAD;
	}
	memcpy(at, p, take);
	size_t used = http_parser_execute(&r->parser, &calls, at, take);
	if (!r->whole)
		used = take;
	mem_cleanse(at + used, take - used);
	r->n += used;
	*ret_used = used;
	if (!r->whole && take < n)
		refuse(r, 431);
	return judge(r);
}

/* ---- who somebody says to be ---- */

/* What follows the scheme, whose case is free. */
static int
credentials(struct str header, const char *scheme, struct str *ret)
{
	struct str word, rest = header;
	if (header.p == NULL || !str_cut(&rest, ' ', &word) || !is(word, scheme))
		return ERR_INVAL;
	*ret = str_trim(rest);
	return ret->n > 0 ? 0 : ERR_INVAL;
}

int
http_basic(struct str authorization, char *out, size_t size, struct str *ret_user, struct str *ret_password)
{
	struct str token, user, all = { out, 0 };
	if (credentials(authorization, "basic", &token) != 0 || base64_decode(token, (uint8_t *)out, size, &all.n) != 0 ||
	    !str_cut(&all, ':', &user))
		return ERR_INVAL;
	*ret_user = user;
	*ret_password = all;
	return 0;
}

int
http_bearer(struct str authorization, struct str *ret_token)
{
	struct str token;
	if (credentials(authorization, "bearer", &token) != 0)
		return ERR_INVAL;
	for (size_t i = 0; i < token.n; i++)
		if (token.p[i] <= ' ' || token.p[i] > '~')
			return ERR_INVAL;
	*ret_token = token;
	return 0;
}

/* q of "type;q=0.5": 0.000 to 1.000, and 1 without one. */
static double
weight(struct str params)
{
	struct str one;
	while (params.p != NULL) {
		str_cut(&params, ';', &one);
		one = str_trim(one);
		if (one.n < 3 || strncasecmp(one.p, "q=", 2) != 0)
			continue;
		double q = one.p[2] == '1' ? 1 : 0, digit = 0.1;
		for (size_t i = 4; q < 1 && i < one.n && i < 7 && one.p[i] >= '0' && one.p[i] <= '9'; i++, digit /= 10)
			q += (one.p[i] - '0') * digit;
		return q;
	}
	return 1;
}

double
http_accepts(struct str accept, struct str type)
{
	struct str range, name;
	while (accept.p != NULL) {
		str_cut(&accept, ',', &range);
		str_cut(&range, ';', &name);
		name = str_trim(name);
		if (name.n == type.n && strncasecmp(name.p, type.p, type.n) == 0)
			return weight(range);
	}
	return 0;
}
