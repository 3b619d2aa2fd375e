/* SPDX-License-Identifier: Apache-2.0
 *
 * Open to everybody, so it says nothing that an outsider could use, and what has to be looked for is looked for once
 * a second, however often it is asked. Alive is who answers. */
#include <stdio.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "web/web.h"

#define LOOK_EVERY_NS NS_PER_SEC

struct count {
	unsigned all, failed;
};

static int
count_failed(struct partition *p, void *arg)
{
	struct count *c = arg;
	c->all++;
	c->failed += partition_failed(p);
	return 0;
}

/* NULL: it does what it is there for. */
static const char *
look(const struct web *web)
{
	struct audit_status audit;
	struct store_stats stats;
	struct count c = { 0, 0 };
	if (web->core->audit != NULL) {
		audit_status(web->core->audit, &audit);
		if (audit.failing && audit.refuse)
			return "the audit log cannot be written, and changes and logins are refused";
	}
	store_stats(web->core->store, &stats);
	if (stats.full)
		return "the disk of the data directory is full, and producing is refused";
	(void)store_each(web->core->store, count_failed, &c);
	if (c.all > 0 && c.failed == c.all)
		return "the log has failed, and no partition can be written";
	return NULL;
}

static const char *
reason(struct web *web, uint64_t now)
{
	switch (atomic_load(&web->state)) {
	case WEB_STARTING:
		return "the broker is starting: its log and its metadata are being read";
	case WEB_STOPPING:
		return "the broker is stopping";
	default:
		break;
	}
	if (web->health.at_ns == 0 || now - web->health.at_ns >= LOOK_EVERY_NS) {
		web->health.reason = look(web);
		web->health.at_ns = now;
	}
	return web->health.reason;
}

void
web_livez(struct http_exchange *x)
{
	http_answer(x, 200, WEB_TEXT, STR("ok\n"), "");
}

void
web_readyz(struct http_exchange *x)
{
	char line[160];
	const char *why = reason(web_of(x), loop_now(http_loop(x)));
	if (why == NULL) {
		http_answer(x, 200, WEB_TEXT, STR("ok\n"), "");
		return;
	}
	snprintf(line, sizeof(line), "not ready: %s\n", why);
	http_answer(x, 503, WEB_TEXT, str_from(line), "Retry-After: 1\r\n");
}
