/* SPDX-License-Identifier: Apache-2.0
 *
 * From files to one checked struct conf: defaults first, then each tree in the
 * order of the files (the main one, then its includes by name), then listeners,
 * then the rules across options (rules.c). The first finding ends it. */
#include "broker/conf.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "broker/rules.h"
#include "broker/yaml.h"

/* Other units of an option, as Kafka has them. */
static const struct {
	const char *name, *of;
	int64_t factor;
} units[] = {
	{ "log.retention.minutes", "log.retention.ms", 60000 },
	{ "log.retention.hours", "log.retention.ms", 3600000 },
	{ "log.roll.hours", "log.roll.ms", 3600000 },
	{ "log.roll.jitter.hours", "log.roll.jitter.ms", 3600000 },
	{ "broker.id", "node.id", 1 },
};

/* What people bring along from server.properties, and what to write here. */
static const struct {
	const char *name, *hint;
} strangers[] = {
	{ "log.dir", "is called log.dirs" },
	{ "advertised.listeners", "is the key advertised of each entry of listeners" },
	{ "listener.security.protocol.map", "is the key protocol of each entry of listeners" },
	{ "ssl.client.auth", "is the key client.auth of each entry of listeners" },
	{ "super.users", "does not exist: operators are users with that flag (schlossctl user)" },
	{ "authorizer.class.name", "does not exist: permissions are always checked (schloss-acl(5))" },
	{ "allow.everyone.if.no.acl.found", "does not exist: what is not allowed is refused" },
	{ "process.roles", "does not exist: this broker needs no controller beside it" },
	{ "controller.quorum.voters", "does not exist: this broker needs no controller beside it" },
	{ "controller.listener.names", "does not exist: this broker needs no controller beside it" },
	{ "inter.broker.listener.name", "does not exist: there is one broker" },
	{ "zookeeper.connect", "does not exist: metadata lies in the data directory" },
	{ "ssl.keystore.password", "does not exist: PEM files are used; see ssl.key.password" },
	{ "ssl.truststore.password", "does not exist: PEM files are used" },
	{ "sasl.jaas.config", "does not exist: users are made by schlossctl user create" },
};

struct load {
	struct conf *conf;
	struct why *why;
};

static const struct conf_option *
find_unit(struct str name, int64_t *ret_factor)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (str_is(name, units[i].name)) {
			*ret_factor = units[i].factor;
			return option_find(conf_options, conf_option_count, str_from(units[i].of));
		}
	}
	return NULL;
}

static int
unknown(struct load *ld, const struct yaml_node *node, const struct conf_option *table, size_t n)
{
	for (size_t i = 0; table == conf_options && i < sizeof(strangers) / sizeof(strangers[0]); i++)
		if (str_is(node->key, strangers[i].name))
			return yaml_blame(node, ld->why, "%s %s", strangers[i].name, strangers[i].hint);
	char key[128];
	const char *near = option_nearest(table, n, node->key);
	str_escape(node->key, key, sizeof(key));
	if (near != NULL)
		return yaml_blame(node, ld->why, "unknown key %s: did you mean %s?", key, near);
	if (node->kind == YAML_MAP)
		return yaml_blame(node, ld->why, "unknown key %s: names are written with dots, on one "
		    "line each, as in log.retention.ms: 1000", key);
	return yaml_blame(node, ld->why, "unknown key %s", key);
}

/* Stores the node's value; blames the place that is wrong. */
static int
set_node(struct load *ld, const struct conf_option *opt, void *base, const struct yaml_node *node)
{
	struct option_text one = { node->text, node->plain }, *values = &one;
	struct why reason;
	size_t n = 1;
	if (node->kind == YAML_MAP)
		return yaml_blame_value(node, ld->why, "%s: a value is expected, not a map", opt->name);
	if (node->kind == YAML_LIST) {
		n = 0;
		for (const struct yaml_node *c = node->child; c != NULL; c = c->next, n++)
			if (c->kind != YAML_TEXT)
				return yaml_blame_value(c, ld->why, "%s: a word is expected", opt->name);
		values = arena_zalloc(ld->conf->arena, (n + 1) * sizeof(*values));
		n = 0;
		for (const struct yaml_node *c = node->child; c != NULL; c = c->next)
			values[n++] = (struct option_text){ c->text, c->plain };
	}
	if (option_set(opt, base, values, n, ld->conf->dir, ld->conf->arena, &reason) != 0)
		return yaml_blame_value(node, ld->why, "%s: %s", opt->name, reason.text);
	return 0;
}

/* log.retention.hours and the like: the text is rewritten in the base unit. */
static int
set_unit(struct load *ld, const struct conf_option *opt, int64_t factor, const struct yaml_node *node)
{
	struct yaml_node scaled = *node;
	int64_t v;
	bool scale = node->kind == YAML_TEXT && factor != 1 && node->text.n > 0 && node->text.p[0] != '-';
	if (scale && str_to_i64(node->text, 0, INT64_MAX, &v) == 0) {
		if (v > INT64_MAX / factor)
			return yaml_blame_value(node, ld->why, "%s: %.*s is more than %lld", node->key.p, STR_ARG(node->text),
			    (long long)(INT64_MAX / factor));
		scaled.text = arena_printf(ld->conf->arena, "%lld", (long long)(v * factor));
	}
	return set_node(ld, opt, ld->conf, &scaled);
}

static int
load_option(struct load *ld, const struct yaml_node *node)
{
	int64_t factor = 0;
	const struct conf_option *opt = option_find(conf_options, conf_option_count, node->key);
	if (opt == NULL)
		opt = find_unit(node->key, &factor);
	if (opt == NULL)
		return unknown(ld, node, conf_options, conf_option_count);
	struct conf_origin *origin = &ld->conf->origins[opt - conf_options];
	if (origin->file != NULL)
		return yaml_blame(node, ld->why, "%s was set already, in %s line %u", opt->name,
		    origin->file, origin->line);
	*origin = (struct conf_origin){ node->file, node->line, node->column };
	return factor != 0 ? set_unit(ld, opt, factor, node) : set_node(ld, opt, ld->conf, node);
}

static bool
listener_name_ok(struct str s)
{
	static const char set[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	return s.n >= 1 && s.n <= 32 && strspn(s.p, set) == s.n;
}

static int
load_listener(struct load *ld, const struct yaml_node *node)
{
	struct conf *conf = ld->conf;
	struct conf_listener *l = &conf->listeners[conf->listener_count];
	if (!listener_name_ok(node->key))
		return yaml_blame(node, ld->why, "a listener's name is 1 to 32 letters, digits, _ or -");
	if (node->kind != YAML_MAP)
		return yaml_blame_value(node, ld->why, "listener %s: a map is expected, at least "
		    "{address: HOST:PORT}", node->key.p);
	for (size_t i = 0; i < conf->listener_count; i++)
		if (str_is(node->key, conf->listeners[i].name))
			return yaml_blame(node, ld->why, "listener %s was given already, in %s line %u",
			    node->key.p, conf->listeners[i].where.file, conf->listeners[i].where.line);
	if (conf->listener_count == CONF_LISTENERS_MAX)
		return yaml_blame(node, ld->why, "more than %d listeners", CONF_LISTENERS_MAX);
	l->name = node->key.p;
	l->where = (struct conf_origin){ node->file, node->line, node->column };
	l->origins = arena_zalloc(conf->arena, listener_option_count * sizeof(*l->origins));
	for (size_t i = 0; i < listener_option_count; i++)
		option_reset(&listener_options[i], l, conf->arena);
	for (const struct yaml_node *n = node->child; n != NULL; n = n->next) {
		const struct conf_option *opt = option_find(listener_options, listener_option_count, n->key);
		int err = opt == NULL ? unknown(ld, n, listener_options, listener_option_count) :
		    set_node(ld, opt, l, n);
		if (err != 0)
			return err;
		l->origins[opt - listener_options] = (struct conf_origin){ n->file, n->line, n->column };
	}
	conf->listener_count++;
	return rules_listener(conf, l, node, ld->why);
}

/* One of Kafka's flat listeners, "SASL_SSL://:9093", as an entry of the map; behind
 * what stands there already. False where it is none. */
static bool
unflatten(struct arena *arena, struct str one, struct str *text)
{
	struct str flat = str_trim(one), name = flat;
	const char *mark = flat.n > 0 ? memmem(flat.p, flat.n, "://", 3) : NULL;
	if (mark == NULL)
		return false;
	name.n = (size_t)(mark - flat.p);
	struct str place = { mark + 3, flat.n - name.n - 3 };
	const char *colon = place.n > 0 ? memrchr(place.p, ':', place.n) : NULL;
	struct str host = { place.p, colon != NULL ? (size_t)(colon - place.p) : place.n };
	struct str port = colon != NULL ? (struct str){ colon + 1, (size_t)(place.p + place.n - colon - 1) } : STR("9093");
	bool all = host.n == 0 || str_is(host, "*") || str_is(host, "0.0.0.0") || str_is(host, "[::]");
	struct str told = !all ? STR("") :
	    arena_printf(arena, ", advertised: \"NAME-OF-THIS-MACHINE:%.*s\"", STR_ARG(port));
	*text = arena_printf(arena, "%.*s%s%.*s: {address: \"%.*s:%.*s\"%.*s, protocol: %s}", STR_ARG(*text),
	    text->n > 0 ? ", " : "", STR_ARG(name), STR_ARG(all ? STR("*") : host), STR_ARG(port), STR_ARG(told),
	    str_is(name, "SSL") ? "SSL" : "SASL_SSL");
	return true;
}

/* Says which map says the same. */
static int
blame_flat(struct load *ld, const struct yaml_node *node)
{
	struct arena *arena = ld->conf->arena;
	struct str rest = node->text, one, text = STR("");
	bool flat = true;
	for (const struct yaml_node *c = node->child; flat && c != NULL; c = c->next)
		flat = unflatten(arena, c->text, &text);
	while (flat && node->kind == YAML_TEXT && rest.p != NULL) {
		str_cut(&rest, ',', &one);
		flat = unflatten(arena, one, &text);
	}
	if (!flat || text.n == 0)
		return yaml_blame_value(node, ld->why, "listeners: a map is expected: "
		    "listeners: {main: {address: \"127.0.0.1:9093\"}}");
	return yaml_blame_value(node, ld->why, "listeners: this form is not read; write listeners: {%.*s}", STR_ARG(text));
}

static int
load_listeners(struct load *ld, const struct yaml_node *node)
{
	if (node->kind != YAML_MAP)
		return blame_flat(ld, node);
	for (const struct yaml_node *n = node->child; n != NULL; n = n->next) {
		int err = load_listener(ld, n);
		if (err != 0)
			return err;
	}
	return 0;
}

static int
load_tree(struct load *ld, const struct yaml_node *top, bool included)
{
	for (const struct yaml_node *n = top->child; n != NULL; n = n->next) {
		int err;
		if (str_is(n->key, "include"))
			err = !included ? 0 :
			    yaml_blame(n, ld->why, "an included file cannot include others");
		else if (str_is(n->key, "listeners"))
			err = 0;
		else
			err = load_option(ld, n);
		if (err != 0)
			return err;
	}
	return 0;
}

/* The trees of all files, in order. */
struct trees {
	struct yaml_node *top[257];
	size_t n;
};

/* A directory that is not there holds nothing; one that cannot be read is an
 * error, or settings would be missed in silence. */
static int
glob_failed(const char *path, int errnum)
{
	(void)path;
	return errnum != ENOENT;
}

static int
include_one(struct load *ld, const struct yaml_node *at, struct trees *trees)
{
	struct conf *conf = ld->conf;
	glob_t found;
	int err = 0;
	if (at->kind != YAML_TEXT || at->text.n == 0)
		return yaml_blame_value(at, ld->why, "include: a file name or pattern is expected, "
		    "such as conf.d/*.yaml");
	const char *pattern = at->text.p[0] == '/' ? at->text.p :
	    arena_printf(conf->arena, "%s/%s", conf->dir, at->text.p).p;
	int rc = glob(pattern, 0, glob_failed, &found);
	if (rc == GLOB_NOMATCH && strpbrk(pattern, "*?[") != NULL)
		return 0;
	if (rc != 0)
		return yaml_blame_value(at, ld->why, "include: %s cannot be read", pattern);
	for (size_t i = 0; err == 0 && i < found.gl_pathc; i++) {
		if (trees->n == sizeof(trees->top) / sizeof(trees->top[0]))
			err = yaml_blame_value(at, ld->why, "include: more than %zu files", trees->n - 1);
		else
			err = yaml_load(found.gl_pathv[i], conf->arena, &trees->top[trees->n], ld->why);
		trees->n += err == 0;
	}
	globfree(&found);
	return err;
}

static int
include_all(struct load *ld, struct trees *trees)
{
	const struct yaml_node *node = yaml_get(trees->top[0], "include");
	int err = 0;
	if (node == NULL)
		return 0;
	if (node->kind != YAML_LIST)
		return include_one(ld, node, trees);
	for (const struct yaml_node *n = node->child; err == 0 && n != NULL; n = n->next)
		err = include_one(ld, n, trees);
	return err;
}

/* What is missing is blamed on the map that it should stand in. */
static int
check_required(struct load *ld, const struct trees *trees)
{
	struct conf *conf = ld->conf;
	const struct yaml_node *top = trees->top[0], *listeners = yaml_get(top, "listeners");
	for (size_t i = 0; i < conf_option_count; i++)
		if ((conf_options[i].flags & OPTION_REQ) && conf->origins[i].file == NULL)
			return yaml_blame_value(top, ld->why, "%s must be set: %s", conf_options[i].name,
			    conf_options[i].help);
	if (conf->listener_count == 0)
		return yaml_blame_value(listeners != NULL ? listeners : top, ld->why, "listeners must be set, at least "
		    "listeners: {main: {address: \"127.0.0.1:9093\"}}");
	return 0;
}

static int
load_all(struct load *ld, struct trees *trees)
{
	struct conf *conf = ld->conf;
	int err = yaml_load(conf->file, conf->arena, &trees->top[0], ld->why);
	if (err != 0)
		return err;
	trees->n = 1;
	err = include_all(ld, trees);
	for (size_t i = 0; err == 0 && i < trees->n; i++)
		err = load_tree(ld, trees->top[i], i > 0);
	/* Listeners last: what they leave open is filled from the options. */
	for (size_t i = 0; err == 0 && i < trees->n; i++) {
		const struct yaml_node *node = yaml_get(trees->top[i], "listeners");
		if (node != NULL)
			err = load_listeners(ld, node);
	}
	if (err == 0)
		err = check_required(ld, trees);
	if (err == 0)
		err = rules_check(conf, ld->why);
	return err;
}

static struct conf *
conf_create(const char *absolute)
{
	struct conf *conf = MEM_NEW(struct conf);
	ref_init(&conf->ref);
	conf->arena = arena_create(SIZE_MAX);
	conf->file = arena_str(conf->arena, str_from(absolute)).p;
	const char *slash = strrchr(conf->file, '/');
	conf->dir = arena_printf(conf->arena, "%.*s", (int)(slash - conf->file), conf->file).p;
	conf->origins = arena_zalloc(conf->arena, conf_option_count * sizeof(*conf->origins));
	conf->listeners = arena_zalloc(conf->arena, CONF_LISTENERS_MAX * sizeof(*conf->listeners));
	for (size_t i = 0; i < conf_option_count; i++)
		option_reset(&conf_options[i], conf, conf->arena);
	return conf;
}

int
conf_load(const char *file, struct conf **ret, struct why *why)
{
	char absolute[PATH_MAX];
	struct trees *trees = MEM_NEW(struct trees);
	if (realpath(file, absolute) == NULL) {
		int failed = errno;
		mem_free(trees);
		return why_set(why, ERR_NOTFOUND, "%s: cannot be read: %s%s", file, strerror(failed),
		    failed == ENOENT ? "; schlossd init makes one, -c names another" : "");
	}
	struct load ld = { conf_create(absolute), why };
	int err = load_all(&ld, trees);
	mem_free(trees);
	if (err != 0)
		conf_unref(&ld.conf);
	else
		*ret = ld.conf;
	return err;
}

struct conf *
conf_ref(struct conf *conf)
{
	ref_get(&conf->ref);
	return conf;
}

void
conf_unref(struct conf **conf)
{
	if (*conf != NULL && ref_put(&(*conf)->ref)) {
		arena_destroy(&(*conf)->arena);
		mem_free(*conf);
	}
	*conf = NULL;
}
