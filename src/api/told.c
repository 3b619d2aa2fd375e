/* SPDX-License-Identifier: Apache-2.0 */
/* A client that looked up a tenant's own name must not be sent away from it: what is behind that name,
 * a proxy or a firewall, may know no other, and by another name it would be in no tenant, or in another. */
#include "api/told.h"

#include "api/session.h"
#include "security/binds.h"
#include "security/tls.h"

struct str
session_server_name(const struct session *s)
{
	return s->listener->tls ? tls_server_name(conn_transport(s->conn)) : STR_NULL;
}

struct core_endpoint
request_told(const struct request *rq)
{
	const struct session *s = rq->session;
	const struct core_listener *l = s->listener;
	if (l->told_by_tenant_n == 0 && l->login.binds == NULL)
		return l->told;
	const struct acl_tenant *t = acl_image_tenant(image_acl(rq->image), s->principal.user.tenant);
	struct str mine = t == NULL ? STR_NULL : acl_tenant_name(t), name = session_server_name(s), whose;
	for (size_t i = 0; i < l->told_by_tenant_n; i++)
		if (str_eq(l->told_by_tenant[i].tenant, mine))
			return l->told_by_tenant[i].at;
	if (binds_server_name(l->login.binds, name, &whose) && str_eq(whose, mine))
		return (struct core_endpoint){ name, l->told.port };
	return l->told;
}
