/* SPDX-License-Identifier: Apache-2.0
 *
 * Where numbers come from: most are kept by somebody anyway, and are asked for when a scrape comes to them. */
#include <math.h>
#include <stdio.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "coord/coord.h"
#include "web/scrape.h"

void
values_look(struct scrape *s)
{
	const struct broker_core *core = s->web->core;
	store_stats(core->store, &s->log);
	if (store_space(core->store, &s->disk_free, &s->disk_size) != 0)
		s->disk_free = s->disk_size = 0;
	if (core->audit != NULL)
		audit_status(core->audit, &s->audit);
	s->web->figures(s->web->arg, &s->figures);
}

/* ---- the process ---- */

static double
cpu_seconds(void)
{
	struct rusage u;
	if (getrusage(RUSAGE_SELF, &u) != 0)
		return NAN;
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double
resident(void)
{
	unsigned long all, pages;
	FILE *f = fopen("/proc/self/statm", "re");
	int n = f == NULL ? 0 : fscanf(f, "%lu %lu", &all, &pages);
	if (f != NULL)
		fclose(f);
	return n == 2 ? (double)pages * (double)sysconf(_SC_PAGESIZE) : NAN;
}

static double
open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	double n = -3; /* ".", "..", and this one */
	if (d == NULL)
		return NAN;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static double
max_fds(void)
{
	struct rlimit r;
	return getrlimit(RLIMIT_NOFILE, &r) == 0 ? (double)r.rlim_cur : NAN;
}

/* ---- the broker ---- */

static double
value_of_log(const struct scrape *s, enum metric_id id)
{
	const struct store_stats *l = &s->log;
	switch ((int)id) {
	case METRIC_PARTITIONS: case METRIC_ALL_PARTITIONS: return l->partitions;
	case METRIC_LEADERS: return l->partitions - l->offline;
	case METRIC_UNDER: case METRIC_OFFLINE_REPLICAS: case METRIC_OFFLINE: return l->offline;
	case METRIC_APPENDED: return (double)l->appended_bytes;
	case METRIC_WRITTEN: return (double)l->written_bytes;
	case METRIC_JOURNAL_BYTES: return (double)l->journal_bytes;
	case METRIC_COMMITS: return (double)l->journal_commits;
	case METRIC_ENTRIES: return (double)l->journal_entries;
	case METRIC_SYNCS: return (double)l->segment_syncs;
	case METRIC_UNWRITTEN: return (double)l->dirty;
	case METRIC_TAIL: return (double)l->tail;
	case METRIC_OPEN_FILES: return (double)l->open_files;
	case METRIC_DISK_FREE: return (double)s->disk_free;
	case METRIC_DISK_SIZE: return (double)s->disk_size;
	case METRIC_DISK_FULL: return l->full;
	default: return NAN;
	}
}

static double
value_of_audit(const struct scrape *s, enum metric_id id)
{
	if (s->web->core->audit == NULL)
		return NAN;
	switch ((int)id) {
	case METRIC_AUDIT_LINES: return (double)s->audit.written.seq;
	case METRIC_AUDIT_LOST: return (double)s->audit.lost;
	case METRIC_AUDIT_FAILING: return s->audit.failing;
	default: return NAN;
	}
}

double
value_of_broker(const struct scrape *s, enum metric_id id)
{
	switch ((int)id) {
	case METRIC_BROKERS: case METRIC_ACTIVE_CONTROLLER: return 1;
	case METRIC_GROUPS_LEFT_OUT: return (double)s->left_out;
	case METRIC_CONNECTIONS: return s->figures.connections;
	case METRIC_ALL_TOPICS: return (double)image_topic_count(s->image);
	case METRIC_MEMORY_MAX: return (double)s->figures.memory_max;
	case METRIC_SCRAPES: return s->web->scrapes;
	case METRIC_STARTED: return (double)s->web->started_s;
	case METRIC_CPU: return cpu_seconds();
	case METRIC_RESIDENT: return resident();
	case METRIC_FDS: return open_fds();
	case METRIC_FDS_MAX: return max_fds();
	case METRIC_AUDIT_LINES: case METRIC_AUDIT_LOST: case METRIC_AUDIT_FAILING: return value_of_audit(s, id);
	default: return value_of_log(s, id);
	}
}

/* ---- tenants ---- */

static enum tally_key
tally_of(enum metric_id id)
{
	switch ((int)id) {
	case METRIC_BYTES_IN: return TALLY_BYTES_IN;
	case METRIC_BYTES_OUT: return TALLY_BYTES_OUT;
	case METRIC_PRODUCES: return TALLY_PRODUCES;
	case METRIC_FETCHES: return TALLY_FETCHES;
	case METRIC_REQUESTS: return TALLY_REQUESTS;
	case METRIC_LOGINS: return TALLY_LOGINS;
	case METRIC_DENIED: return TALLY_DENIED;
	case METRIC_THROTTLED: return TALLY_THROTTLED;
	case METRIC_THROTTLE_SECONDS: return TALLY_THROTTLE_NS;
	default: return TALLY_KEYS;
	}
}

double
value_of_tenant(const struct scrape *s, enum metric_id id, uint32_t tenant)
{
	const struct image_tenant *t = image_tenant(s->image, tenant);
	enum tally_key key = tally_of(id);
	uint64_t v[TALLY_KEYS];
	if (key == TALLY_KEYS)
		return t == NULL ? NAN : id == METRIC_TENANT_TOPICS ? t->topics : (double)t->partitions;
	tallies_tenant(s->web->core->tallies, tenant, v);
	return key == TALLY_THROTTLE_NS ? (double)v[key] / 1e9 : (double)v[key];
}

/* ---- topics ---- */

bool
value_of_partition(const struct scrape *s, enum metric_id id, const struct image_topic *topic, int32_t partition, int64_t *ret)
{
	const struct broker_core *core = s->web->core;
	struct partition *p = store_find(core->store, &topic->id, partition);
	struct log_ends ends;
	int64_t v = 1;
	if (p == NULL)
		return false;
	bool here = !partition_failed(p);
	partition_ends(p, &ends);
	switch ((int)id) {
	case METRIC_CURRENT_OFFSET: v = ends.high_watermark; break;
	case METRIC_OLDEST_OFFSET: v = ends.log_start; break;
	case METRIC_MESSAGES_IN: v = ends.end; break;
	case METRIC_LOG_SIZE: v = (int64_t)partition_size(p); break;
	case METRIC_LEADER: v = here ? core->settings.node_id : -1; break;
	case METRIC_IN_SYNC: case METRIC_PREFERRED: v = here; break;
	case METRIC_UNDER_REPLICATED: v = !here; break;
	default: break;
	}
	partition_put(&p);
	*ret = v;
	return true;
}

int64_t
value_of_topic(const struct scrape *s, enum metric_id id, const struct image_topic *topic)
{
	int64_t sum = 0, one;
	if (id == METRIC_TOPIC_PARTITIONS)
		return topic->partitions;
	for (int32_t i = 0; i < topic->partitions; i++)
		if (value_of_partition(s, id, topic, i, &one))
			sum += one;
	return sum;
}
