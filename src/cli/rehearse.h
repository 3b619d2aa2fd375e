/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/cli.h"

/* cli_call() of a dry run: the broker answers as if the calls before it had been meant, and changes nothing. Same
 * statuses; also CLI_REFUSED, after saying so, where there is no dry run of that. The connection is open. */
int rehearse_call(struct cli *cli, int key, const void *in, void *ret);

/* Behind a verb that was done: whose access would be another. 0 or a status, after saying why. */
int rehearse_tell(struct cli *cli);
