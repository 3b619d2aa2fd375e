/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "broker/conf.h"

/*
 * The running daemon: the order in which its parts start, reload and stop.
 * Takes the caller's reference to conf, runs until SIGTERM or SIGINT, and gives
 * the exit status. SIGHUP reads the configuration again.
 */
int broker_run(struct conf *conf);
