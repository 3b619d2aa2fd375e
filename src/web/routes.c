/* SPDX-License-Identifier: Apache-2.0 */
#include "web/web.h"

struct web *
web_of(const struct http_exchange *x)
{
	return http_arg(x);
}

const struct http_route web_routes[] = {
	{ "/livez", web_livez },
	{ "/readyz", web_readyz },
	{ "/metrics", web_metrics },
	{ NULL, NULL },
};
