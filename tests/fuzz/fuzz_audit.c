/* SPDX-License-Identifier: Apache-2.0 */
/* F12: files of the audit log as a hand may have changed them. The first byte says in what pieces they come: the verdict
 * is the same in any, and memory is bounded. What is read back of a head is what was written. */
#include <stdlib.h>
#include <string.h>

#include "audit/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) do { if (!(x)) abort(); } while (0)

static void
run(struct verify *v, const uint8_t *p, size_t n, size_t piece)
{
	struct audit_head head = { .seq = 3 };
	char text[512];
	verify_begin(v);
	MUST(verify_expect(v, &head) == 0);
	verify_file(v);
	for (size_t at = 0; at < n; at += piece)
		if (!verify_feed(v, p + at, n - at < piece ? n - at : piece))
			break;
	if (verify_file_end(v))
		(void)verify_end(v);
	MUST(v->rest.cap <= 2 * AUDIT_LINE_MAX);
	verify_text(v, text, sizeof(text));
	MUST(v->fault == VERIFY_FINE || text[0] != '\0');
	MUST(v->fault != VERIFY_FINE || v->first > 3); /* no chain has a line whose hash is all zeros */
	verify_free(v);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct verify a, b;
	struct audit_head head, again;
	char text[AUDIT_HEAD_TEXT];
	if (size == 0)
		return 0;
	run(&a, data + 1, size - 1, size);
	run(&b, data + 1, size - 1, (size_t)data[0] + 1);
	MUST(a.fault == b.fault && a.fault_line == b.fault_line && a.lines == b.lines);
	MUST(memcmp(&a.at, &b.at, sizeof(a.at)) == 0);
	if (chain_head_parse((struct str){ (const char *)data, size }, &head) == 0) {
		MUST(chain_head_parse(str_from(chain_head_text(&head, text)), &again) == 0);
		MUST(head.seq == again.seq && memcmp(head.hash, again.hash, AUDIT_HASH) == 0);
	}
	return 0;
}
