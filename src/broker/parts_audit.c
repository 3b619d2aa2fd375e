/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log among the parts: it is there before the controller is and until that is gone, so that no change
 * goes by it; the head of its chain is a node of the metadata, beside what the controller writes. The
 * topic comes later, when the controller can make it. */
#include <inttypes.h>
#include <string.h>

#include "acl/denials.h"
#include "audit/audit.h"
#include "audit/journal.h"
#include "audit/nodes.h"
#include "audit/paths.h"
#include "base/clock.h"
#include "broker/parts.h"
#include "meta/record.h"
#include "meta/topics.h"
#include "wire/batch_build.h"

#define FOLDS_MAX 4096
#define HEAD_NODE "/audit"

/* ---- the head, in the metadata ---- */

static int
read_head(struct broker *b, struct audit_kept *ret, struct why *why)
{
	struct arena *arena = arena_create(SIZE_MAX);
	struct record r;
	struct buf value;
	buf_init(&value, META_NODE_MAX);
	*ret = (struct audit_kept){ .head.seq = 0 };
	int err = meta_get(b->meta, STR(HEAD_NODE), &value);
	bool none = err == ERR_NOTFOUND;
	if (err == 0)
		err = record_parse(arena, buf_str(&value), &r);
	if (err == 0 && chain_head_parse(record_get(&r, "head"), &ret->head) != 0)
		err = ERR_CORRUPT;
	if (err == 0)
		ret->ended = record_flag(&r, "ended");
	buf_free(&value);
	arena_destroy(&arena);
	return none ? 0 : err == 0 ? 0 : why_set(why, err, "metadata: " HEAD_NODE ": %s", err_text(err));
}

/* On the writer's thread. */
static int
keep_head(void *arg, const struct audit_kept *kept)
{
	struct broker *b = arg;
	char text[AUDIT_HEAD_TEXT];
	struct buf value;
	buf_init(&value, 4096);
	record_begin(&value);
	record_add(&value, "head", str_from(chain_head_text(&kept->head, text)));
	if (kept->ended)
		record_add_int(&value, "ended", 1);
	struct meta_op op = { .kind = META_PUT, .path = STR(HEAD_NODE), .value = buf_str(&value) };
	int err = meta_multi_wait(b->meta, &op, 1);
	buf_free(&value);
	return err;
}

/* ---- changes ---- */

int
parts_audit_begins(void *arg, const struct change *change, const struct image *next, const struct change_node *nodes, int n)
{
	struct broker *b = arg;
	const struct acl_image *image = image_acl(atomic_load(&b->image));
	struct record_out r;
	if (b->audit == NULL)
		return 0;
	for (int i = 0; i < n; i++) {
		const struct change_node *node = &nodes[i];
		if (!node_record(image, image_acl(next), node->path, node->before, node->after, change->by, &r))
			continue;
		audit_lines_add(&b->audit_lines, out_end(&r));
		out_free(&r);
	}
	int err = b->audit_lines.n > 0 ? audit_admit(b->audit, &b->audit_lines) : 0;
	if (err != 0)
		audit_drop(b->audit, &b->audit_lines);
	return err;
}

void
parts_audit_ends(void *arg, enum change_result result)
{
	struct broker *b = arg;
	struct record_out r;
	if (b->audit == NULL || b->audit_lines.n == 0)
		return;
	if (result == CHANGE_OK || result == CHANGE_UNKNOWN_OUTCOME)
		audit_send(b->audit, &b->audit_lines);
	else
		audit_drop(b->audit, &b->audit_lines);
	if (result != CHANGE_UNKNOWN_OUTCOME)
		return;
	out_begin(&r, AUDIT_METADATA);
	out_text(&r, "outcome", "whether what the lines before this one tell of has happened is not known");
	audit_refused(b->audit, out_end(&r));
	out_free(&r);
}

/* ---- what is folded ---- */

static void
tell(void *arg, struct str body, uint64_t count)
{
	struct broker *b = arg;
	struct buf line;
	buf_init(&line, AUDIT_BODY_MAX);
	if (buf_add_str(&line, body) == 0 && (count == 0 || buf_printf(&line, ",\"times\":%" PRIu64, count) == 0))
		audit_refused(b->audit, buf_str(&line));
	buf_free(&line);
}

/* The first one was told where it was asked whether it may be. */
static void
tell_allowed(void *arg, struct str body, uint64_t count)
{
	if (count > 0)
		tell(arg, body, count);
}

void
parts_tick_audit(struct broker *b, uint64_t now_ns)
{
	if (b->audit == NULL)
		return;
	acl_denials_tick(b->core.audit_denied, now_ns);
	acl_denials_tick(b->core.audit_allowed, now_ns);
}

/* ---- the topic ---- */

/* On the writer's thread. What cannot be copied stands in the file all the same. */
static void
copy_line(void *arg, struct str line, int64_t wall_ms)
{
	struct broker *b = arg;
	struct partition *p = atomic_load(&b->audit_partition);
	struct batch_entry e = { .value = { line.p, line.n - 1 } };
	struct append_result result;
	struct buf batch;
	if (p == NULL)
		return;
	buf_init(&batch, 2 * AUDIT_LINE_MAX);
	int err = batch_build(&batch, &e, 1, wall_ms);
	struct append in = { .batch = batch.p, .n = batch.n, .leader_epoch = -1 };
	if (err == 0)
		err = partition_append(p, &in, &result);
	if (err != 0 && !b->audit_topic_failed)
		ev_warn(&b->ev, "audit: lines are missing in __audit from now on: %s; %s has them", err_text(err), b->boot->audit_file);
	if (err == 0 && b->audit_topic_failed)
		ev_notice(&b->ev, "audit: lines are copied to __audit again");
	b->audit_topic_failed = err != 0;
	buf_free(&batch);
}

static int
make_topic(struct broker *b, struct why *why)
{
	struct arena *arena = arena_create(SIZE_MAX);
	struct topic_setting settings[] = { { STR("cleanup.policy"), STR("delete") } };
	struct topic_new t = { .name = NAME(0, STR("__audit")), .partitions = 1, .replication = -1, .settings = { settings, 1 },
		.owner = STR(""), .team = STR(""), .mode = 0, .internal = true, .assignments = { NULL, -1 } };
	struct topics_create c = { .topics = &t, .n = 1, .change.arena = arena };
	topics_create_init(&c);
	enum change_result r = controller_run(b->controller, &c.change);
	int err = 0;
	if (r != CHANGE_OK || (t.result != CHANGE_OK && t.result != CHANGE_TOPIC_EXISTS))
		err = why_set(why, ERR_IO, "__audit: %s", r != CHANGE_OK ? c.change.why.text : t.why.text);
	arena_destroy(&arena);
	return err;
}

int
part_audit_topic_start(struct broker *b, struct why *why)
{
	if (b->audit == NULL || !b->conf->audit_topic)
		return 0;
	int err = make_topic(b, why);
	const struct image_topic *t = err != 0 ? NULL : image_topic(atomic_load(&b->image), NAME(0, STR("__audit")));
	struct partition *p = t == NULL ? NULL : store_find(b->store, &t->id, 0);
	if (err == 0 && p == NULL)
		err = why_set(why, ERR_NOTFOUND, "__audit: its partition is not there");
	atomic_store(&b->audit_partition, p);
	return err;
}

/* ---- start, reload, stop ---- */

static int
take_paths(struct broker *b, const struct conf *conf, struct why *why)
{
	struct audit_paths *paths;
	int err = audit_paths_parse(conf->audit_allows.v, conf->audit_allows.n, &paths, why);
	if (err != 0)
		return err;
	struct audit_paths *old = rcu_publish(b->core.audit_paths, paths);
	if (old != NULL)
		rcu_retire(b->rcu, audit_paths_free, old);
	return 0;
}

int
part_audit_start(struct broker *b, struct why *why)
{
	const struct conf *c = b->conf;
	struct audit_config config = {
		.file = b->boot->audit_file,
		.refuse = c->audit_failure == CONF_AUDIT_REFUSE,
		.queue_bytes = (size_t)c->audit_queue_bytes,
		.sync_ns = (uint64_t)c->audit_sync_ms * NS_PER_MS,
		.journal = c->audit_journald ? JOURNAL_SOCKET : NULL,
		.ev = &b->ev, .keep = keep_head, .copy = copy_line, .arg = b,
	};
	if (config.file == NULL)
		return 0;
	int err = read_head(b, &config.kept, why);
	if (err == 0)
		err = audit_open(&config, &b->audit, why);
	if (err != 0)
		return err;
	b->core.audit = b->audit;
	b->core.audit_denied = acl_denials_create(FOLDS_MAX, AUDIT_BODY_MAX, true, tell, b);
	b->core.audit_allowed = acl_denials_create(FOLDS_MAX, AUDIT_BODY_MAX, true, tell_allowed, b);
	return take_paths(b, c, why);
}

/* Nobody calls any more: loops and controller are gone. */
void
part_audit_stop(struct broker *b)
{
	if (b->audit == NULL)
		return;
	parts_tick_audit(b, UINT64_MAX);
	audit_close(b->audit);
	acl_denials_destroy(&b->core.audit_denied);
	acl_denials_destroy(&b->core.audit_allowed);
	audit_paths_free(atomic_exchange(&b->core.audit_paths, NULL));
	struct partition *p = atomic_exchange(&b->audit_partition, NULL);
	if (p != NULL)
		partition_put(&p);
	b->core.audit = NULL;
	audit_free(&b->audit);
}

static void
out_option(struct record_out *r, const char *key, const struct conf_option *opt, const void *base, struct arena *arena)
{
	const char *text = opt->flags & OPTION_SECRET ? "*" : option_text(opt, base, arena);
	out_str(r, key, str_from(text));
}

/* A reload is no request that could be refused: it may be what mends the audit log. */
static void
tell_option(struct broker *b, const char *listener, const struct conf_option *opt, const void *old, const void *new)
{
	struct arena *arena = arena_create(SIZE_MAX);
	struct record_out r;
	out_begin(&r, AUDIT_CONFIG);
	out_text(&r, "api", "reload");
	out_text(&r, "object", "/");
	if (listener != NULL)
		out_text(&r, "listener", listener);
	if (opt != NULL) {
		out_text(&r, "option", opt->name);
		if (old != NULL)
			out_option(&r, "before", opt, old, arena);
		if (new != NULL)
			out_option(&r, "after", opt, new, arena);
	}
	audit_refused(b->audit, out_end(&r));
	out_free(&r);
	arena_destroy(&arena);
}

static const struct conf_listener *
named(const struct conf *conf, const char *name)
{
	for (size_t k = 0; k < conf->listener_count; k++)
		if (strcmp(name, conf->listeners[k].name) == 0)
			return &conf->listeners[k];
	return NULL;
}

/* One that came or went is told of by its address. */
static void
tell_listener(struct broker *b, const char *name, const struct conf_listener *old, const struct conf_listener *new)
{
	for (size_t i = 0; i < listener_option_count; i++) {
		const struct conf_option *opt = &listener_options[i];
		bool one = old == NULL || new == NULL;
		if (one ? strcmp(opt->name, "address") == 0 : (opt->flags & OPTION_LIVE) && !option_same(opt, old, new))
			tell_option(b, name, opt, old, new);
	}
}

static void
tell_listeners(struct broker *b, const struct conf *old, const struct conf *new)
{
	for (size_t i = 0; i < old->listener_count; i++)
		tell_listener(b, old->listeners[i].name, &old->listeners[i], named(new, old->listeners[i].name));
	for (size_t i = 0; i < new->listener_count; i++)
		if (named(old, new->listeners[i].name) == NULL)
			tell_listener(b, new->listeners[i].name, NULL, &new->listeners[i]);
}

int
part_audit_prepare(struct broker *b, struct conf *conf, struct why *why)
{
	struct audit_paths *paths;
	if (b->audit == NULL)
		return 0;
	int err = audit_paths_parse(conf->audit_allows.v, conf->audit_allows.n, &paths, why);
	if (err == 0)
		audit_paths_free(paths);
	return err;
}

int
part_audit_reload(struct broker *b, const struct conf *conf, struct why *why)
{
	if (b->audit == NULL)
		return 0;
	tell_option(b, NULL, NULL, NULL, NULL);
	for (size_t i = 0; i < conf_option_count; i++)
		if ((conf_options[i].flags & OPTION_LIVE) && !option_same(&conf_options[i], b->conf, conf))
			tell_option(b, NULL, &conf_options[i], b->conf, conf);
	tell_listeners(b, b->conf, conf);
	audit_set_refuse(b->audit, conf->audit_failure == CONF_AUDIT_REFUSE);
	return take_paths(b, conf, why);
}
