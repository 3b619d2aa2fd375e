/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What many partitions cost: makes N of them, appends one batch to each, stops and
 * starts again. Prints the times and the resident memory.
 *
 * usage: logstart DIR N
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "log/head.h"
#include "log/store.h"

static double
resident_mib(void)
{
	unsigned long size = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (f == NULL || fscanf(f, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	if (f != NULL)
		fclose(f);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1048576;
}

static void
say(const char *what, uint64_t *since)
{
	uint64_t now = clock_mono_ns();
	printf("%-24s %7.3f s  %.1f MiB resident\n", what, (double)(now - *since) / 1e9, resident_mib());
	fflush(stdout);
	*since = clock_mono_ns();
}

int
main(int argc, char **argv)
{
	struct log_sink sink = { 2, 0, LOG_LVL_NOTICE };
	struct event root;
	struct why why;
	struct store *s;
	uint8_t b[200] = { 0 };
	if (argc < 3)
		return 2;
	int32_t n = (int32_t)strtol(argv[2], NULL, 10);
	struct store_config sc = store_config_default;
	struct store_topic t = { uuid_make(), NAME(0, STR("many")), false, log_config_default };
	event_root(&root, &sink);
	be_put(b + 8, sizeof(b) - HEAD_PREFIX, 4);
	b[16] = 2;
	be_put(b + 43, UINT64_MAX, 8);
	be_put(b + 17, crc32c(0, b + HEAD_CRC_FROM, sizeof(b) - HEAD_CRC_FROM), 4);
	uint64_t since = clock_mono_ns();
	if (store_open(argv[1], &sc, &root, &s, &why) != 0)
		return 1;
	say("open, empty", &since);
	if (store_create_partitions(s, &t, 0, n, &why) != 0)
		return 1;
	say("create", &since);
	for (int32_t i = 0; i < n; i++) {
		struct append_result r;
		struct partition *p = store_find(s, &t.id, i);
		struct append in = { b, sizeof(b), -1, NULL };
		while (partition_append(p, &in, &r) == ERR_AGAIN)
			sched_yield();
		partition_put(&p);
	}
	say("append to each", &since);
	store_checkpoint(s);
	say("checkpoint", &since);
	store_close(&s);
	say("clean stop", &since);
	for (int i = 0; i < 2; i++) {
		if (store_open(argv[1], &sc, &root, &s, &why) != 0)
			return 1;
		say(store_was_clean(s) ? "start, clean" : "start after a crash", &since);
		for (int32_t k = 0; k < n; k++) {
			struct append_result r;
			struct partition *p = store_find(s, &t.id, k);
			struct append in = { b, sizeof(b), -1, NULL };
			while (partition_append(p, &in, &r) == ERR_AGAIN)
				sched_yield();
			partition_put(&p);
		}
		say("append to each", &since);
		if (i == 0) {
			store_close(&s);
			say("clean stop", &since);
			char path[4096];	/* the next start thinks of a crash */
			snprintf(path, sizeof(path), "%s/clean-stop", argv[1]);
			unlink(path);
		}
	}
	_exit(0);
}
