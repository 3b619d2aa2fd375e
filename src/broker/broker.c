/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts start in the order of a table and stop in the reverse. Signals are
 * blocked in every thread and taken here, one at a time, so nothing runs in a
 * signal handler. A reload that fails changes nothing, but that a file which was renamed is not written on. */
#include "broker/broker.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broker/notify.h"
#include "broker/parts.h"
#include "broker/system.h"
#include "security/drop.h"

#define TICK_S 1
#define TICKS 4				/* in that time, for what cannot wait so long */

/* Another user first: files must be made as theirs. */
static int
start_user(struct broker *b, struct why *why)
{
	int err = system_drop_privileges(b->conf, &b->ev, why);
	return err != 0 ? err : drop_harden(why);
}

static int
reload_level(struct broker *b, const struct conf *conf, struct why *why)
{
	(void)why;
	atomic_store(&b->sink.level, system_log_level(conf));
	return 0;
}

const struct part parts[] = {
	{ "log level", .reload = reload_level },
	{ "user", start_user, NULL, NULL },
	{ "sandbox", part_sandbox_start, part_sandbox_stop, .prepare = part_sandbox_prepare }, /* before there are threads, and before all that is done for others */
	{ "rcu", part_rcu_start, part_rcu_stop, NULL },
	{ "health", part_front_start, part_front_stop, part_front_reload, part_front_prepare, part_front_abandon }, /* it says that the others are starting */
	{ "log", part_store_start, part_store_stop, NULL },
	{ "metadata", part_meta_start, part_meta_stop, NULL },
	{ "limits", part_limits_start, part_limits_stop, NULL },
	{ "audit log", part_audit_start, part_audit_stop, part_audit_reload, .prepare = part_audit_prepare }, /* no change goes by it */
	{ "groups' memory", NULL, part_groups_free, NULL }, /* the loops hold its timers */
	{ "loops", part_loops_start, part_loops_stop, NULL }, /* the controller posts to them */
	{ "controller", part_controller_start, part_controller_stop, NULL },
	{ "logins", part_login_start, part_login_stop, part_login_reload, .prepare = part_login_prepare },
	{ "requests", part_core_start, part_core_stop, NULL },
	{ "tokens", part_tokens_start, NULL, part_tokens_reload },
	{ "groups", part_groups_start, part_groups_stop, NULL },
	{ "audit topic", part_audit_topic_start, NULL, NULL },
	{ "listeners", part_doors_start, part_doors_stop, part_doors_reload, part_doors_prepare, part_doors_abandon },
	{ "metrics", part_web_start, part_web_stop, part_web_reload },
	{ .name = NULL },
};

static void
stop_parts(struct broker *b, size_t n)
{
	while (n-- > 0)
		if (parts[n].stop != NULL)
			parts[n].stop(b);
}

static int
start_parts(struct broker *b, size_t *ret_n)
{
	struct why why = { "" };
	for (size_t i = 0; parts[i].name != NULL; i++) {
		if (parts[i].start != NULL && parts[i].start(b, &why) != 0) {
			ev_crit(&b->ev, "%s", why.text);
			stop_parts(b, i);
			return ERR_INVAL;
		}
		*ret_n = i + 1;
	}
	return 0;
}

static void
warn(const char *text, void *arg)
{
	struct broker *b = arg;
	ev_warn(&b->ev, "%s", text);
}

static void
tell_frozen(const char *name, void *arg)
{
	struct broker *b = arg;
	ev_warn(&b->ev, "%s has changed and waits for the next start", name);
}

static int
prepare_parts(struct broker *b, struct conf *conf)
{
	struct why why;
	for (size_t i = 0; parts[i].name != NULL; i++) {
		if (parts[i].prepare == NULL || parts[i].prepare(b, conf, &why) == 0)
			continue;
		ev_err(&b->ev, "reload: %s: %s; everything stays as it was", parts[i].name, why.text);
		for (size_t k = 0; k <= i; k++)
			if (parts[k].abandon != NULL)
				parts[k].abandon(b);
		return ERR_INVAL;
	}
	return 0;
}

static void
reload_parts(struct broker *b, struct conf *conf)
{
	struct why why;
	for (size_t i = 0; parts[i].name != NULL; i++)
		if (parts[i].reload != NULL && parts[i].reload(b, conf, &why) != 0)
			ev_err(&b->ev, "reload: %s: %s", parts[i].name, why.text); /* a file that was good a moment ago */
	conf_frozen_changes(b->boot, conf, tell_frozen, b);
	b->next_cert_check = 0;
	conf_unref(&b->conf);
	b->conf = conf;
	parts_show_options(b, conf);
}

static void
reload(struct broker *b)
{
	struct conf *conf;
	struct why why;
	notify_reloading();
	if (b->audit != NULL) /* for it was renamed, whatever the file says */
		audit_reopen(b->audit);
	if (conf_load(b->conf->file, &conf, &why) != 0)
		ev_err(&b->ev, "reload: %s; everything stays as it was", why.text);
	else if (prepare_parts(b, conf) != 0)
		conf_unref(&conf);
	else {
		reload_parts(b, conf);
		ev_notice(&b->ev, "configuration and certificates were read again");
	}
	notify_manager("READY=1");
}

/* Until a signal asks for the end. */
static void
serve(struct broker *b, const sigset_t *signals)
{
	const struct timespec tick = { .tv_nsec = NS_PER_SEC * TICK_S / TICKS };
	for (unsigned n = 0;; n++) {
		parts_tick_rules(b, clock_wall_ms());
		if (n % TICKS == 0)
			parts_tick(b, clock_mono_ns(), clock_wall_ms());
		int signal = sigtimedwait(signals, NULL, &tick);
		if (signal < 0)
			continue; /* EAGAIN: the time is over; EINTR */
		if (signal != SIGHUP) {
			ev_notice(&b->ev, "stopping");
			return;
		}
		reload(b);
	}
}

static void
block_signals(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGHUP);
	pthread_sigmask(SIG_BLOCK, ret, NULL);
}

int
broker_run(struct conf *conf)
{
	struct broker *b = MEM_NEW(struct broker);
	uint64_t began = clock_mono_ns();
	sigset_t signals;
	size_t started = 0;
	b->boot = conf;
	b->conf = conf_ref(conf);
	b->sink.fd = STDERR_FILENO;
	b->sink.journald = getenv("JOURNAL_STREAM") != NULL;
	b->sink.level = system_log_level(conf);
	event_root(&b->ev, &b->sink);
	block_signals(&signals);
	system_limits(&b->ev);
	conf_warnings(conf, warn, b);
	int err = start_parts(b, &started);
	if (err == 0) {
		ev_notice(&b->ev, "ready after %llu ms",
		    (unsigned long long)((clock_mono_ns() - began) / NS_PER_MS));
		notify_manager("READY=1");
		serve(b, &signals);
		notify_manager("STOPPING=1");
		stop_parts(b, started);
		ev_notice(&b->ev, "stopped");
	}
	conf_unref(&b->conf);
	conf_unref(&b->boot);
	mem_free(b);
	return err == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
