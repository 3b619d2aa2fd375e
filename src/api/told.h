/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/core.h"
#include "api/request.h"

/* Where the client of this request is told to come to: the address that its tenant has on the
 * listener (tenant.advertised); else, by the tenant's server name that it came by, to that
 * name; else the listener's. Views of configuration and connection. */
struct core_endpoint request_told(const struct request *rq);

/* The TLS server name that the session came by; empty: none. */
struct str session_server_name(const struct session *s);
