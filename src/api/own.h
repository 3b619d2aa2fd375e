/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/request.h"
#include "meta/controller.h"

/* What the own APIs (keys from 20000) have in common: they name their tenant
 * themselves, and most end in a change of the metadata. */

/* The tenant that the field names; null: the connection's. Another than the
 * caller's own is for operators: to others it does not exist. */
enum kerr own_tenant(struct request *rq, struct str field, uint32_t *ret);

#define OWN_USERS_MAX 500	/* that a request may name, of each of which the tenant's users are compared with */

/* The path of a node, in the request's arena; star: of all that begin so. Also on a worker that has the request. */
struct str own_path(struct request *rq, const struct acl_tenant *tenant, enum acl_type type, struct str name, bool star);

/* A denial by acl/change.h, logged like any other; KERR_CLUSTER_AUTHORIZATION_FAILED. */
enum kerr own_denied(struct request *rq, const struct acl_who *w, const struct acl_answer *a);

/* Whether keys of users may go out by this connection, to who has the right: over TLS, to who has proved who he is by more
 * than a token. */
bool own_may_have_keys(const struct session *session);

/* Makes a tenant with its first administrator; the gate was passed. */
enum api_turn own_make_tenant(struct request *rq, const struct tenant_alter_req *in, struct tenant_alter_rsp *out);

/* The code of a change's end; *ret_message its sentence, in the request's arena. */
enum kerr own_result(struct request *rq, enum change_result result, const struct why *why,
    struct str *ret_message);
