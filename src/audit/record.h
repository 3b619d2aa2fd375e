/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "acl/acl.h"
#include "audit/chain.h"

/*
 * The body of a line: members of a JSON object, in the order in which they are added. Strings that a client
 * chose are escaped as in the log (base/str.h) and cut; a body that grows too long leaves members
 * out and says how many. A secret is never handed to these functions.
 */
enum audit_what {
#define X(name, word, text) AUDIT_##name,
#include "audit/audit.def"
#undef X
	AUDIT_WHATS
};

/* Who did it, from where. Strings that are null are left out. */
struct audit_by {
	struct str tenant, user;	/* names; null: the broker itself */
	struct str mechanism;
	struct str from;		/* "ADDRESS:PORT" */
	struct str listener;
	uint64_t connection;		/* counted from the start of the broker; 0: none */
	struct str client;		/* the client id of the request */
	struct str api;			/* of the request */
};

struct record_out {
	struct buf b;
	unsigned left_out;
	unsigned depth;			/* objects that are open */
};

void out_begin(struct record_out *r, enum audit_what what);
void out_by(struct record_out *r, const struct audit_by *by);
/* The body; it lives until out_free(). Nothing may be added after it. */
struct str out_end(struct record_out *r);
void out_free(struct record_out *r);

/* A null string is JSON's null. */
void out_str(struct record_out *r, const char *key, struct str value);
void out_text(struct record_out *r, const char *key, const char *value);
void out_int(struct record_out *r, const char *key, int64_t value);
void out_bool(struct record_out *r, const char *key, bool value);
/* Objects and arrays of strings; key NULL: an element of the array that is open. */
void out_open(struct record_out *r, const char *key, char bracket);
void out_close(struct record_out *r, char bracket);

/* What was asked and how it was decided: object, operation, step, and the rule, or the class and bits of
 * which node. The same struct that the log and `schlossctl why` print. */
void out_answer(struct record_out *r, const struct acl_image *image, const struct acl_answer *a);
