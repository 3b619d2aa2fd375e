/* SPDX-License-Identifier: Apache-2.0
 *
 * What an administrator sees of a configuration: all of it (-T), what is risky
 * in it, and what a reload will not take. */
#include <string.h>

#include "broker/conf.h"

/* In double quotes, so that no value is a trap of YAML. */
static void
print_quoted(FILE *out, const char *s)
{
	fputc('"', out);
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', out);
		if ((unsigned char)*s < 0x20)
			fprintf(out, "\\x%02x", (unsigned char)*s);
		else
			fputc(*s, out);
	}
	fputc('"', out);
}

static void
print_value(FILE *out, const struct conf_option *opt, const char *text)
{
	if (opt->type == OPTION_LIST)
		fprintf(out, "[%s]", text);
	else if (opt->type == OPTION_TEXT || opt->type == OPTION_PATH)
		print_quoted(out, text);
	else
		fputs(text, out);
}

static void
print_option(FILE *out, const struct conf_option *opt, const void *base, const char *indent,
    const struct conf_origin *origin)
{
	struct arena *arena = arena_create(SIZE_MAX);
	const char *text = option_text(opt, base, arena);
	if (text == NULL)
		fprintf(out, "%s# %s is not set", indent, opt->name);
	else if (opt->flags & OPTION_SECRET)
		fprintf(out, "%s# %s is set, and not shown", indent, opt->name);
	else {
		fprintf(out, "%s%s: ", indent, opt->name);
		print_value(out, opt, text);
	}
	if (origin->file != NULL)
		fprintf(out, "  # %s:%u", origin->file, origin->line);
	else if (text != NULL)
		fprintf(out, "  # default");
	fputc('\n', out);
	arena_destroy(&arena);
}

static void
print_listener(FILE *out, const struct conf_listener *l)
{
	fprintf(out, "  %s:  # %s:%u\n", l->name, l->where.file, l->where.line);
	for (size_t i = 0; i < listener_option_count; i++)
		print_option(out, &listener_options[i], l, "    ", &l->origins[i]);
}

void
conf_print(const struct conf *conf, FILE *out)
{
	fprintf(out, "# The effective configuration of %s\n", conf->file);
	for (size_t i = 0; i < conf_option_count; i++)
		print_option(out, &conf_options[i], conf, "", &conf->origins[i]);
	fprintf(out, "listeners:\n");
	for (size_t i = 0; i < conf->listener_count; i++)
		print_listener(out, &conf->listeners[i]);
}

static bool
everybody(const struct cidr_list *blocks)
{
	for (size_t i = 0; i < blocks->n; i++)
		if (blocks->v[i].bits == 0)
			return true;
	return false;
}

void
conf_warnings(const struct conf *conf, void (*say)(const char *text, void *arg), void *arg)
{
	char text[256];
	for (size_t i = 0; i < conf->listener_count; i++) {
		const struct conf_listener *l = &conf->listeners[i];
		if (l->allow_anonymous) {
			snprintf(text, sizeof(text), "listener %s lets everybody in without a login, as "
			    "User:ANONYMOUS (allow.anonymous)", l->name);
			say(text, arg);
		}
		if (l->allow_plaintext) {
			snprintf(text, sizeof(text), "listener %s is not encrypted: everybody on the way "
			    "reads and changes what is sent (allow.plaintext)", l->name);
			say(text, arg);
		}
		if (l->unknown_users == CONF_UNKNOWN_ALLOW) {
			snprintf(text, sizeof(text), "listener %s lets in names that have no user record "
			    "(unknown.users)", l->name);
			say(text, arg);
		}
		if (everybody(&l->proxies)) {
			snprintf(text, sizeof(text), "listener %s believes everybody who says from which address he comes "
			    "(proxy.protocol.from)", l->name);
			say(text, arg);
		}
	}
}

size_t
conf_frozen_changes(const struct conf *old, const struct conf *new,
    void (*say)(const char *name, void *arg), void *arg)
{
	size_t count = 0;
	for (size_t i = 0; i < conf_option_count; i++) {
		if ((conf_options[i].flags & OPTION_LIVE) || option_same(&conf_options[i], old, new))
			continue;
		say(conf_options[i].name, arg);
		count++;
	}
	return count;
}
