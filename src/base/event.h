/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>

#include "base/str.h"

/*
 * Logging by context. An event is one field ("peer=10.0.0.7:4711") with a
 * parent; a line logged through it carries the fields of the whole chain, so a
 * connection, its user and its request are named once, where they become
 * known, and never formatted again by hand. Values are escaped when printed.
 *
 * Thread-safe to log through; an event is built by one thread and must outlive
 * its children.
 */
enum log_level {		/* syslog's numbers */
	LOG_LVL_CRIT = 2,
	LOG_LVL_ERR = 3,
	LOG_LVL_WARN = 4,
	LOG_LVL_NOTICE = 5,
	LOG_LVL_INFO = 6,
	LOG_LVL_DEBUG = 7,
};

/* Where lines go. journald: begin lines with "<N>" instead of a time. */
struct log_sink {
	int fd;
	int journald;
	_Atomic int level;	/* lines above this number are dropped */
};

struct event {
	const struct event *parent;
	struct log_sink *sink;
	const char *key;	/* NULL at the root */
	struct str value;	/* borrowed */
};

/* A root: no field, a sink. The sink must outlive every event below it. */
void event_root(struct event *ev, struct log_sink *sink);
/* A child of parent with one field; key a literal, value borrowed. */
void event_child(struct event *ev, const struct event *parent, const char *key,
    struct str value);

/* One line, whole, in one write(2): never interleaved, at most 4 KiB. */
void event_log(const struct event *ev, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define ev_crit(ev, ...)	event_log((ev), LOG_LVL_CRIT, __VA_ARGS__)
#define ev_err(ev, ...)		event_log((ev), LOG_LVL_ERR, __VA_ARGS__)
#define ev_warn(ev, ...)	event_log((ev), LOG_LVL_WARN, __VA_ARGS__)
#define ev_notice(ev, ...)	event_log((ev), LOG_LVL_NOTICE, __VA_ARGS__)
#define ev_info(ev, ...)	event_log((ev), LOG_LVL_INFO, __VA_ARGS__)
#define ev_debug(ev, ...)	event_log((ev), LOG_LVL_DEBUG, __VA_ARGS__)

/* "debug", "info", "notice", "warn", "err", "crit"; ERR_INVAL for others. */
int log_level_parse(struct str s, enum log_level *ret);
const char *log_level_name(enum log_level level);
