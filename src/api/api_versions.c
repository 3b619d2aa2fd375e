/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ApiVersions: the rows of api.def with the schema's versions. Own APIs are left
 * out. Sent before the login too, so it tells nothing that depends on who asks;
 * no finalized features, because there are none. Who asks in a version of another time is told
 * its own range only, as Kafka does, and asks again (KIP-511).
 */
#include "api/api_versions.h"

#include "api/session.h"

void
api_versions_fill(struct request *rq, struct api_versions_rsp *out, enum kerr err)
{
	out->error_code = (int16_t)err;
	for (int id = 0; id < API_COUNT; id++) {
		const struct wire_api *w = api_wire((enum api_id)id);
		if (w == NULL || w->own || (err == KERR_UNSUPPORTED_VERSION && w->key != WIRE_KEY_API_VERSIONS))
			continue;
		struct api_versions_rsp_api *a = WIRE_ADD(rq->arena, out->api_keys, api_versions_rsp_api);
		a->api_key = w->key;
		a->min_version = w->lo;
		a->max_version = w->hi;
	}
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool
api_versions_name_fits(struct str s)
{
	if (s.n == 0 || !is_word(s.p[0]) || !is_word(s.p[s.n - 1]))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_word(s.p[i]) && s.p[i] != '-' && s.p[i] != '.')
			return false;
	return true;
}

enum api_turn
api_api_versions(struct request *rq, const void *vin, void *vout)
{
	const struct api_versions_req *in = vin;
	enum kerr err = KERR_NONE;
	if (request_flag(rq, FLAG_api_versions_names_client) &&
	    (!api_versions_name_fits(in->client_software_name) ||
	    !api_versions_name_fits(in->client_software_version)))
		err = KERR_INVALID_REQUEST;
	else if (request_flag(rq, FLAG_api_versions_names_client))
		session_names_client(rq->session, in->client_software_name, in->client_software_version);
	api_versions_fill(rq, vout, err);
	return API_ANSWER;
}
