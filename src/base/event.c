/* SPDX-License-Identifier: Apache-2.0 */
#include "base/event.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"

#define LINE_MAX_BYTES 4096

static const struct {
	enum log_level level;
	const char *name;
} levels[] = {
	{ LOG_LVL_CRIT, "crit" }, { LOG_LVL_ERR, "err" }, { LOG_LVL_WARN, "warn" },
	{ LOG_LVL_NOTICE, "notice" }, { LOG_LVL_INFO, "info" }, { LOG_LVL_DEBUG, "debug" },
};

const char *
log_level_name(enum log_level level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (levels[i].level == level)
			return levels[i].name;
	return "?";
}

int
log_level_parse(struct str s, enum log_level *ret)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (str_is(s, levels[i].name)) {
			*ret = levels[i].level;
			return 0;
		}
	}
	return ERR_INVAL;
}

void
event_root(struct event *ev, struct log_sink *sink)
{
	*ev = (struct event){ .sink = sink };
}

void
event_child(struct event *ev, const struct event *parent, const char *key, struct str value)
{
	*ev = (struct event){ parent, parent->sink, key, value };
}

struct line {
	char text[LINE_MAX_BYTES];
	size_t n;
};

static void
line_add(struct line *l, const char *fmt, va_list ap)
{
	size_t room = sizeof(l->text) - 1 - l->n; /* the last byte is the newline's */
	int n = vsnprintf(l->text + l->n, room, fmt, ap);
	if (n > 0)
		l->n += (size_t)n < room ? (size_t)n : room - 1;
}

static void __attribute__((format(printf, 2, 3)))
line_printf(struct line *l, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	line_add(l, fmt, ap);
	va_end(ap);
}

static void
line_prefix(struct line *l, const struct log_sink *sink, enum log_level level)
{
	struct timespec ts;
	struct tm tm;
	if (sink->journald) {
		line_printf(l, "<%d>", level);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	l->n += strftime(l->text + l->n, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	line_printf(l, ".%03ldZ %s ", ts.tv_nsec / 1000000, log_level_name(level));
}

/* Root first. Depth is the nesting of our own objects: a handful. */
static void
line_fields(struct line *l, const struct event *ev)
{
	char value[256];
	if (ev == NULL)
		return;
	line_fields(l, ev->parent);
	if (ev->key != NULL)
		line_printf(l, "%s=%s ", ev->key, str_escape(ev->value, value, sizeof(value)));
}

void
event_log(const struct event *ev, enum log_level level, const char *fmt, ...)
{
	struct line l = { .n = 0 };
	struct log_sink *sink = ev->sink;
	va_list ap;

	if ((int)level > atomic_load_explicit(&sink->level, memory_order_relaxed))
		return;
	line_prefix(&l, sink, level);
	line_fields(&l, ev);
	va_start(ap, fmt);
	line_add(&l, fmt, ap);
	va_end(ap);
	l.text[l.n++] = '\n';
	/* A log that cannot be written has nowhere to be reported. */
	ssize_t rest = write(sink->fd, l.text, l.n);
	(void)rest;
}
