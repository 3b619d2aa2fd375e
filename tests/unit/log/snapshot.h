/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buf.h"
#include "log/producers.h"

/* A snapshot in one go, added to out. */
static inline int
encode_producers(struct producers *ps, uint64_t since_ns, struct buf *out)
{
	struct producers_saving s;
	producers_save_begin(ps, since_ns, &s);
	for (bool more = true; more;) {
		more = producers_save_take(ps, &s);
		producers_save_put(&s);
	}
	int err = producers_save_finish(&s);
	if (err == 0)
		err = buf_add(out, s.out.p, s.out.n);
	producers_save_free(&s);
	return err;
}
