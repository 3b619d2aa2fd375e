/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

/* Tells the service manager about us (sd_notify(3)): "READY=1", "STOPPING=1",
 * "RELOADING=1", "STATUS=text". Where nobody listens, nothing happens. */
void notify_manager(const char *state);

/* READY=1 again after a reload needs the time at which it began (systemd 253). */
void notify_reloading(void);
