/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The whole command line of schlossd(8). Returns the exit status: 0, 1 when
 * something failed (said on standard error), 2 when it was called wrongly. */
int commands_main(int argc, char **argv);
