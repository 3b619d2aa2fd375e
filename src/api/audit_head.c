/* SPDX-License-Identifier: Apache-2.0 */
/* AuditHead: the end of the chain, as the writer and the metadata know it. */
#include "api/authorize.h"
#include "audit/audit.h"

static struct bytes
hash_of(struct request *rq, const struct audit_head *head)
{
	struct str s = arena_str(rq->arena, (struct str){ (const char *)head->hash, AUDIT_HASH });
	return (struct bytes){ (const uint8_t *)s.p, s.n };
}

enum api_turn
api_audit_head(struct request *rq, const void *vin, void *vout)
{
	struct audit_head_rsp *out = vout;
	struct audit_status s;
	(void)vin;
	out->error_code = (int16_t)may_cluster(rq);
	if (out->error_code != 0)
		return API_ANSWER;
	if (rq->core->audit == NULL) {
		out->error_code = KERR_RESOURCE_NOT_FOUND;
		out->error_message = STR("there is no audit log: audit.file is not set");
		return API_ANSWER;
	}
	audit_status(rq->core->audit, &s);
	out->file = str_from(audit_path(rq->core->audit));
	out->written = (int64_t)s.written.seq;
	out->written_hash = hash_of(rq, &s.written);
	out->kept = (int64_t)s.kept.head.seq;
	out->kept_hash = hash_of(rq, &s.kept.head);
	out->lost = (int64_t)s.lost;
	out->failing = s.failing;
	out->refuse = s.refuse;
	return API_ANSWER;
}
