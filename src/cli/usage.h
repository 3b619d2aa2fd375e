/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/cli.h"

/* What is used, beside what may be: of tenants, or of one user. */

/* tenant, user: as in TenantUsage. 0 also where the broker refused: out->error_code. */
int usage_ask(struct cli *cli, struct str tenant, struct str user, struct tenant_usage_rsp *ret);
/* The row of that name; NULL: there is none. */
const struct tenant_usage_rsp_row *usage_row(const struct tenant_usage_rsp *usage, struct str what);
/* A rate or an amount as a cell: two digits behind the point, where it is none of the whole. */
struct str usage_number(struct cli *cli, double v);
