/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"

/* A client file in librdkafka's notation: where the broker is and how to log
 * in. Keys that are no concern of ours are passed over, as they are for other
 * programs. */
struct props {
	const char *file;
	const char *bootstrap;		/* bootstrap.servers: HOST:PORT[,HOST:PORT] */
	bool tls, sasl;			/* security.protocol */
	const char *mechanism;		/* sasl.mechanisms; NULL without SASL */
	const char *user, *password;	/* may be NULL: GSSAPI */
	const char *service;		/* sasl.kerberos.service.name */
	const char *ca, *cert, *key, *key_password;	/* PEM files; NULL: none */
	bool any_host;			/* ssl.endpoint.identification.algorithm=none */
};

/* Reads and checks the file. Strings live in the arena. On failure the reason
 * names file and line. May block. */
int props_load(const char *file, struct arena *arena, struct props *ret, struct why *why);

/* The file that is meant where none was named: $SCHLOSSCTL_CONF, or
 * ~/.config/schloss/admin.conf; NULL where there is no home. */
const char *props_default(struct arena *arena);
