/* SPDX-License-Identifier: Apache-2.0
 *
 * The log, the metadata and what is counted: everything below the network. */
#include <linux/limits.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "acl/denials.h"
#include "api/groups.h"
#include "base/fs.h"
#include "base/mem.h"
#include "broker/parts.h"
#include "meta/image.h"
#include "meta/meta_sqlite.h"

#define DENIALS_MAX 4096
#define DENIAL_LINE_MAX 1024
#define TAIL_MAX (UINT64_C(96) << 20)
#define JOURNAL_FILE (UINT64_C(16) << 20)

uint64_t
parts_memory(const struct conf *conf)
{
	if (conf->memory_max > 0)
		return (uint64_t)conf->memory_max;
	return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 4;
}

void
parts_topic_defaults(const struct conf *conf, struct arena *arena, struct topic_overrides *ret)
{
	*ret = (struct topic_overrides){ .v = { NULL } };
	for (size_t i = 0; i < TOPIC_KEYS; i++) {
		const char *synonym = topic_keys[i].synonym;
		const struct conf_option *opt = synonym == NULL ? NULL :
		    option_find(conf_options, conf_option_count, str_from(synonym));
		if (opt != NULL && conf->origins[opt - conf_options].file != NULL)
			ret->v[i] = option_text(opt, conf, arena);
	}
}

/* Connections need the others. */
static unsigned
files_max(const struct conf *conf)
{
	struct rlimit files;
	uint64_t max = (uint64_t)conf->log_open_files_max;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY && max > files.rlim_cur / 4)
		max = files.rlim_cur / 4;
	return max < 64 ? 64 : (unsigned)max;
}

static struct store_config
store_settings(const struct conf *conf)
{
	struct store_config c = store_config_default;
	uint64_t memory = parts_memory(conf);
	/* Small enough that the same memory is used again and again: memory that was
	 * never touched costs more than what it holds (bench/README.md). */
	c.tail_bytes = memory / 4 < TAIL_MAX ? memory / 4 : TAIL_MAX;
	c.dirty_bytes = memory / 8 < TAIL_MAX ? memory / 8 : TAIL_MAX;
	c.journal_bytes = JOURNAL_FILE;
	c.journal_files = (unsigned)((uint64_t)conf->log_journal_bytes / JOURNAL_FILE);
	c.open_files = files_max(conf);
	c.readers = (unsigned)conf->num_io_threads;
	c.ballast_bytes = (uint64_t)conf->log_reserve_bytes;
	c.retention_check_ms = conf->log_retention_check_interval_ms;
	c.producers_bytes = memory / 16;
	c.producer_expiry_ms = conf->producer_id_expiration_ms;
	return c;
}

int
part_rcu_start(struct broker *b, struct why *why)
{
	(void)why;
	b->rcu = rcu_create();
	return 0;
}

void
part_rcu_stop(struct broker *b)
{
	rcu_destroy(&b->rcu);
}

int
parts_metadata_file(const struct conf *conf, char ret[PATH_MAX], struct why *why)
{
	int64_t size;
	if (snprintf(ret, PATH_MAX, "%s/meta.db", conf->log_dirs) >= PATH_MAX)
		return why_set(why, ERR_LIMIT, "log.dirs: the path is too long");
	int err = fs_path_size(ret, &size);
	if (err == ERR_NOTFOUND)
		return why_set(why, err, "log.dirs: %s has no meta.db in it: is its disk mounted? "
		    "schlossd init makes a new broker", conf->log_dirs);
	return err == 0 ? 0 : why_set(why, err, "log.dirs: %s: %s", ret, err_text(err));
}

int
part_store_start(struct broker *b, struct why *why)
{
	struct store_config c = store_settings(b->conf);
	char file[PATH_MAX];
	/* Before anything is written there: it may be the place of a disk that is not mounted. */
	int err = parts_metadata_file(b->conf, file, why);
	return err != 0 ? err : store_open(b->conf->log_dirs, &c, &b->ev, &b->store, why);
}

void
part_store_stop(struct broker *b)
{
	store_close(&b->store);
}

int
part_meta_start(struct broker *b, struct why *why)
{
	char file[PATH_MAX];
	int err = parts_metadata_file(b->conf, file, why);
	if (err == 0)
		err = meta_sqlite_open(file, &b->meta, why);
	int from = err == 0 ? meta_sqlite_upgraded(b->meta) : 0;
	if (from != 0)
		ev_notice(&b->ev, "the metadata had format %d and was upgraded; the old one is kept in %s.before-%d",
		    from, file, from);
	return err;
}

void
part_meta_stop(struct broker *b)
{
	meta_close(&b->meta);
}

static void
tell_denial(void *arg, struct str line, uint64_t count)
{
	const struct broker *b = arg;
	if (count == 0)
		ev_notice(&b->ev, "%.*s", STR_ARG(line));
	else
		ev_notice(&b->ev, "%.*s (%llu times more)", STR_ARG(line), (unsigned long long)count);
}

int
part_limits_start(struct broker *b, struct why *why)
{
	struct quota_config c = quota_config_default;
	(void)why;
	c.window_ns = (uint64_t)(b->conf->quota_window_num - 1) *
	    (uint64_t)b->conf->quota_window_size_seconds * UINT64_C(1000000000);
	b->quota = quota_create(&c);
	b->payers = payers_create((int64_t[PAYER_KINDS]){
		[PAYER_FRAMES] = parts_frames_max(b->conf), [PAYER_HELD] = parts_frames_max(b->conf) / 2 });
	b->denials = acl_denials_create(DENIALS_MAX, DENIAL_LINE_MAX, false, tell_denial, b);
	return 0;
}

void
part_limits_stop(struct broker *b)
{
	acl_denials_destroy(&b->denials);
	payers_destroy(&b->payers);
	quota_image_unref(&b->payers_limits);
	quota_destroy(&b->quota);
}

static double
memory_limit(const void *arg, struct name who)
{
	return quota_image_limit(arg, who, QUOTA_MEMORY);
}

/* Most changes have nothing to do with quotas: then nobody's are looked up. */
static void
publish_quotas(struct broker *b, struct quota_image *image)
{
	struct quota_image *old = b->payers_limits;
	quota_publish(b->quota, image);
	if (image == old)
		return;
	b->payers_limits = quota_image_ref(image);
	payers_limit(b->payers, image == NULL ? NULL : memory_limit, image);
	quota_image_unref(&old);
}

/* On the controller's thread: what connections are billed to has new limits. */
static void
published(void *arg, const struct image *image)
{
	struct broker *b = arg;
	publish_quotas(b, image_quotas(image));
	parts_sweep_users(b);
}

static void
topic_gone(void *arg, struct name topic)
{
	struct broker *b = arg;
	if (b->groups != NULL)
		groups_forget_topic(b->groups, topic);
}

static void
tenant_gone(void *arg, uint32_t tenant)
{
	struct broker *b = arg;
	if (b->groups != NULL)
		groups_forget_tenant(b->groups, tenant);
}

int
part_controller_start(struct broker *b, struct why *why)
{
	b->defaults_arena = arena_create(SIZE_MAX);
	parts_topic_defaults(b->conf, b->defaults_arena, &b->defaults);
	struct controller_config c = {
		.meta = b->meta,
		.store = b->store,
		.rcu = b->rcu,
		.image = &b->image,
		.defaults = &b->defaults,
		.node_id = (int32_t)b->conf->node_id,
		.num_partitions = (int32_t)b->conf->num_partitions,
		.ev = &b->ev,
		.published = published,
		.topic_gone = topic_gone,
		.tenant_gone = tenant_gone,
		.begins = b->audit == NULL ? NULL : parts_audit_begins,
		.ends = b->audit == NULL ? NULL : parts_audit_ends,
		.arg = b,
	};
	int err = controller_create(&c, &b->controller, why);
	if (err == 0) /* what was there at the start was not published */
		publish_quotas(b, image_quotas(atomic_load(&b->image)));
	return err;
}

void
part_controller_stop(struct broker *b)
{
	controller_destroy(&b->controller);
	arena_destroy(&b->defaults_arena);
}
