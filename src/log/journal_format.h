/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* The journal's bytes: shared by the writer and the reader. All numbers are
 * little-endian; groups begin on a block. */
#define JOURNAL_BLOCK		4096u

/* Whole blocks that n bytes take, in bytes. */
static inline uint64_t
journal_blocks(uint64_t n)
{
	return (n + JOURNAL_BLOCK - 1) & ~(uint64_t)(JOURNAL_BLOCK - 1);
}

#define JOURNAL_FILE_MAGIC	UINT32_C(0x31464a53)	/* "SJF1" */
#define JOURNAL_GROUP_MAGIC	UINT32_C(0x31474a53)	/* "SJG1" */
#define JOURNAL_FILE_MAX	(UINT64_C(1) << 31)
/* Of a batch, what its own CRC does not cover, and that CRC. */
#define JOURNAL_COVERED		21u

struct journal_file_head {
	uint32_t magic;
	uint32_t crc;			/* of what follows in this struct */
	uint64_t file;			/* number of this use of the file, rising by one */
	uint64_t first_group;
	uint32_t version;		/* 1 */
	uint32_t zero;
};

struct journal_group_head {
	uint32_t magic;
	uint32_t crc;			/* of the rest of this struct, then for each entry
					 * its head and JOURNAL_COVERED bytes of its batch */
	uint64_t file;			/* as in the file head: stale groups differ */
	uint64_t group;			/* rising by one, over all files */
	uint32_t bytes;			/* of head and entries, without the last padding */
	uint32_t count;
};

struct journal_entry_head {
	uint8_t topic[16];
	uint32_t partition;
	uint32_t generation;
	uint32_t bytes;			/* of the batch; the next entry begins 8-aligned */
	uint32_t pad;			/* zeros between this head and the batch */
};
