/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/*
 * One request of HTTP/1.0 or 1.1 (RFC 9112), read as it comes into a buffer of a fixed
 * size: nothing is allocated, whatever the peer sends. libhttp-parser knows the syntax; what is
 * stricter here than there: a request has no body, no header is folded, those that mean something come
 * once, and 1.1 has a Host.
 */
#define HTTP_HEAD_MAX	8192	/* request line and headers, all of it */
#define HTTP_HEADERS_MAX 64

enum http_read {
	HTTP_MORE,		/* the head is not complete */
	HTTP_WHOLE,
	HTTP_BAD,		/* `status` says how; nothing may be read after it */
};

struct http_request {
	/* Views of `head`; null where there is none. */
	struct str target, authorization, accept, agent;
	struct str path, query;		/* of the target; valid when WHOLE */
	bool get, head_only;		/* GET or HEAD; neither: another method */
	bool keep_alive;		/* the peer can and will send another one */
	bool v1_1;			/* it knows chunks */
	unsigned status;		/* of BAD */

	/* Private. */
	http_parser parser;
	struct str name, value;		/* of the header at hand */
	bool in_value, has_host, whole;
	unsigned headers;
	size_t n;			/* bytes of head that are used */
	char head[HTTP_HEAD_MAX];
};

void http_request_begin(struct http_request *r);
/* Takes what belongs to the request; *ret_used bytes of it. */
enum http_read http_request_read(struct http_request *r, const uint8_t *p, size_t n, size_t *ret_used);
/* Overwrites what may be a password. */
void http_request_clean(struct http_request *r);

/* "Basic USER:PASSWORD" (RFC 7617): the user and the password in out, which has room for all of the header.
 * ERR_INVAL: it is not of that form. */
int http_basic(struct str authorization, char *out, size_t size, struct str *ret_user, struct str *ret_password);
/* "Bearer TOKEN" (RFC 6750): a view of the token, or ERR_INVAL. */
int http_bearer(struct str authorization, struct str *ret_token);
/* The weight that Accept ("text/plain;q=0.5, ...") gives to exactly this type, 0 to 1; 0 where it does not name it.
 * Parameters but q are ignored. */
double http_accepts(struct str accept, struct str type);
