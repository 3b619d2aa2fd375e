/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "broker/conf.h"

/* What is done to the metadata while no broker runs. All may block. */

/* New metadata in an empty data directory, with one operator in it who may log
 * in by SCRAM and PLAIN. */
int bootstrap_metadata(const char *data_dir, struct str admin, struct str password,
    struct why *why);

/* A new password for a user who exists, keys for both hashes. The tenant by its
 * name. ERR_NOTFOUND where there is no such user or tenant. */
int bootstrap_password(const char *data_dir, struct str tenant, struct str user,
    struct str password, struct why *why);

/* Whether a start would take the metadata in the file, and it has the tenants that listeners
 * are of. Writes nothing; a broker may run. */
int bootstrap_look(const char *file, const struct conf *conf, struct why *why);
