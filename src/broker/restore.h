/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "broker/conf.h"

struct restored {
	char cluster[64], broker[64];	/* as the manifest has them */
	int64_t begun_ms, files, bytes;
};

/*
 * schlossd restore: a backup becomes the data of a broker that is stopped and has none (nothing but .lock and
 * lost+found in log.dirs, which is made where it is not there). Each file is compared with the manifest while it is copied.
 * meta.db, without which no broker starts, comes last, when all else is on the disk; where anything fails all is
 * removed again. Started as root, files are made as conf->user. Blocks. progress may be NULL.
 */
int restore_run(const struct conf *conf, const char *dir, void (*progress)(uint64_t done, uint64_t total),
    struct restored *ret, struct why *why);
