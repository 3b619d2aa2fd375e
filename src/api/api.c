/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

#define ACL_NONE 0

static const struct api_row rows[API_COUNT] = {
#define API(name, upper, phase, bill, topic, group, txn, cluster, node) \
	[API_ID_##name] = { API_PHASE_##phase, API_BILL_##bill, ACL_##topic, ACL_##group, \
	    ACL_##txn, ACL_##cluster, API_NODE_##node, api_##name },
#define FLAG(api, name, lo, hi)
#include "api/api.def"
#undef API
#undef FLAG
};

static const struct {
	int16_t lo, hi;
} flags[] = {
#define API(name, upper, phase, bill, topic, group, txn, cluster, node)
#define FLAG(api, name, lo, hi) [FLAG_##api##_##name] = { lo, hi },
#include "api/api.def"
#undef API
#undef FLAG
};

const struct api_row *
api_find(int16_t key)
{
	switch (key) {
#define API(name, upper, phase, bill, topic, group, txn, cluster, node) \
	case WIRE_KEY_##upper: return &rows[API_ID_##name];
#define FLAG(api, name, lo, hi)
#include "api/api.def"
#undef API
#undef FLAG
	}
	return NULL;
}

const struct api_row *
api_row(enum api_id id)
{
	return &rows[id];
}

const struct wire_api *
api_wire(enum api_id id)
{
	static const int keys[API_COUNT] = {
#define API(name, upper, phase, bill, topic, group, txn, cluster, node) \
		[API_ID_##name] = WIRE_KEY_##upper,
#define FLAG(api, name, lo, hi)
#include "api/api.def"
#undef API
#undef FLAG
	};
	return wire_api_find(keys[id]);
}

bool
api_flag_holds(enum api_flag flag, int16_t version)
{
	return version >= flags[flag].lo && version <= flags[flag].hi;
}
