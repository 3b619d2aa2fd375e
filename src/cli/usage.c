/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/usage.h"

#include <math.h>

int
usage_ask(struct cli *cli, struct str tenant, struct str user, struct tenant_usage_rsp *ret)
{
	struct tenant_usage_req in;
	wire_defaults(&tenant_usage_req_msg, &in);
	in.tenant = tenant;
	in.user = user;
	return cli_call(cli, WIRE_KEY_TENANT_USAGE, &in, ret);
}

const struct tenant_usage_rsp_row *
usage_row(const struct tenant_usage_rsp *usage, struct str what)
{
	for (int32_t i = 0; usage->tenants.n > 0 && i < usage->tenants.v[0].rows.n; i++)
		if (str_eq(usage->tenants.v[0].rows.v[i].what, what))
			return &usage->tenants.v[0].rows.v[i];
	return NULL;
}

struct str
usage_number(struct cli *cli, double v)
{
	return v == floor(v) ? arena_printf(cli->arena, "%.0f", v) : arena_printf(cli->arena, "%.2f", v);
}
