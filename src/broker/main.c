/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>

#include "broker/commands.h"

int
main(int argc, char **argv)
{
	/* Chunks of the log's tail come and go by the megabyte: kept by the allocator, not
	 * given back and fetched again as pages that must be cleared. */
	(void)mallopt(M_MMAP_THRESHOLD, 8 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 64 << 20);
	return commands_main(argc, argv);
}
