/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread sleeps until the first source is due, fetches it without holding the
 * lock, and exchanges the keys. Files are read on the caller's thread. The thread
 * begins with the first address, and the list of sources only grows.
 */
#include "security/jwks_source.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/worker.h"
#include "security/jsondoc.h"
#include "security/jwks_fetch.h"

#define FILE_SCHEME "file://"
#define HTTPS_SCHEME "https://"
#define RETRY_NS (30 * NS_PER_SEC)		/* after a fetch that failed */
#define EARLY_NS (60 * NS_PER_SEC)		/* between two for the sake of unknown keys */
#define SLEEP_MAX_MS 3600000

struct jwks_source {
	struct list hook;
	struct jwks_sources *sources;	/* NULL: gone, and this one is only closed */
	char *url, *ca;
	uint64_t refresh_ns;
	/* Under the lock. */
	unsigned users;
	bool left;			/* the configuration names it no more */
	struct jwks *keys;
	uint64_t due, begun;		/* of addresses: monotonic ns; begun: the last fetch, 0: none */
};

struct jwks_sources {
	struct event ev;
	struct lock lock;
	pthread_cond_t changed;
	struct list list;
	struct jwks_fetcher *fetcher;	/* the thread's */
	pthread_t thread;
	bool running;
	atomic_bool stopping;
};

/* ---- addresses ---- */

const char *
jwks_source_path(const char *url)
{
	return str_starts(str_from(url), STR(FILE_SCHEME)) ? url + strlen(FILE_SCHEME) : NULL;
}

int
jwks_source_check(struct str url, struct why *why)
{
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~')
			return why_set(why, ERR_INVAL, "\"%.*s\" has a character that no address has", STR_ARG(url));
	if (str_starts(url, STR(FILE_SCHEME "/")) && url.n > strlen(FILE_SCHEME "/"))
		return 0;
	size_t n = strlen(HTTPS_SCHEME);
	if (!str_starts(url, STR(HTTPS_SCHEME)))
		return why_set(why, ERR_INVAL, "\"%.*s\" is neither file:///PATH nor https://HOST/PATH", STR_ARG(url));
	struct str rest = { url.p + n, url.n - n }, host;
	str_cut(&rest, '/', &host);
	if (host.n == 0 || memchr(host.p, '@', host.n) != NULL)
		return why_set(why, ERR_INVAL, "\"%.*s\" has no host, or a user in front of it", STR_ARG(url));
	return 0;
}

static int
jwks_read(const char *path, struct jwks **ret, struct why *why)
{
	char *text;
	size_t n;
	int err = fs_slurp(path, JWKS_BYTES_MAX, &text, &n);
	if (err != 0)
		return why_set(why, err, "%s: %s", path, err_text(err));
	err = jwks_parse((struct str){ text, n }, ret, why);
	mem_free(text);
	if (err != 0)
		why_prefix(why, "%s", path);
	return err;
}

/* ---- keys ---- */

/* Lock held. */
static bool
rests(const struct jwks_source *s)
{
	return s->users == 0 || s->left;
}

static void
exchange(struct jwks_source *s, struct jwks *keys)
{
	const char *reason;
	struct event line;
	size_t left_out = jwks_left_out(keys, &reason), n = jwks_count(keys);
	lock_take(&s->sources->lock);
	struct jwks *old = s->keys;
	s->keys = keys;
	lock_drop(&s->sources->lock);
	event_child(&line, &s->sources->ev, "jwks", str_from(s->url));
	if (left_out > 0)
		ev_warn(&line, "%zu keys; %zu others are left out, the first is %s", n, left_out, reason);
	else
		ev_info(&line, "%zu keys", n);
	jwks_unref(&old);
}

struct jwks *
jwks_source_keys(struct jwks_source *s)
{
	lock_take(&s->sources->lock);
	struct jwks *keys = s->keys == NULL ? NULL : jwks_ref(s->keys);
	lock_drop(&s->sources->lock);
	return keys;
}

/* Lock held. */
static void
fetch_at(struct jwks_source *s, uint64_t when)
{
	if (when >= s->due)
		return;
	s->due = when;
	pthread_cond_signal(&s->sources->changed);
}

void
jwks_source_missed(struct jwks_source *s)
{
	if (jwks_source_path(s->url) != NULL)
		return;
	lock_take(&s->sources->lock);
	fetch_at(s, s->begun + EARLY_NS);
	lock_drop(&s->sources->lock);
}

/* ---- the thread ---- */

static void
fetch(struct jwks_sources *all, struct jwks_source *s)
{
	struct event line;
	struct jwks *keys;
	struct why why;
	event_child(&line, &all->ev, "jwks", str_from(s->url));
	int err = jwks_fetch(all->fetcher, s->url, s->ca, &keys, &why);
	if (err == 0)
		exchange(s, keys);
	else if (!atomic_load(&all->stopping))
		ev_err(&line, "the keys of tokens cannot be fetched: %s; the old ones stay", why.text);
	uint64_t next = clock_mono_ns() + (err == 0 || RETRY_NS > s->refresh_ns ? s->refresh_ns : RETRY_NS);
	lock_take(&all->lock);
	if (!rests(s) && next < s->due)	/* nobody has asked for it earlier meanwhile */
		s->due = next;
	lock_drop(&all->lock);
}

/* The source that is due first, or NULL. Lock held. */
static struct jwks_source *
first_due(struct jwks_sources *all)
{
	struct jwks_source *first = NULL;
	LIST_FOREACH(hook, &all->list) {
		struct jwks_source *s = CONTAINER_OF(hook, struct jwks_source, hook);
		if (first == NULL || s->due < first->due)
			first = s;
	}
	return first;
}

static void *
fetch_all(void *arg)
{
	struct jwks_sources *all = arg;
	lock_take(&all->lock);
	while (!atomic_load(&all->stopping)) {
		struct jwks_source *s = first_due(all);
		uint64_t now = clock_mono_ns(), due = s == NULL ? UINT64_MAX : s->due;
		uint64_t wait = due > now ? (due - now) / NS_PER_MS + 1 : 0;
		if (wait > 0) {
			lock_wait_ms(&all->lock, &all->changed, wait < SLEEP_MAX_MS ? (unsigned)wait : SLEEP_MAX_MS);
			continue;
		}
		s->begun = now;
		s->due = UINT64_MAX;
		lock_drop(&all->lock);
		fetch(all, s);
		lock_take(&all->lock);
	}
	lock_drop(&all->lock);
	return NULL;
}

/* ---- the list ---- */

struct jwks_sources *
jwks_sources_create(const struct event *ev)
{
	struct jwks_sources *all = MEM_NEW(struct jwks_sources);
	event_child(&all->ev, ev, "part", STR("tokens"));
	lock_init(&all->lock, LOCK_JWKS);
	lock_cond_init(&all->changed);
	list_init(&all->list);
	jsondoc_init();
	return all;
}

static void
free_source(struct jwks_source *s)
{
	jwks_unref(&s->keys);
	mem_free(s->url);
	mem_free(s->ca);
	mem_free(s);
}

void
jwks_sources_destroy(struct jwks_sources **sources)
{
	struct jwks_sources *all = *sources;
	*sources = NULL;
	if (all == NULL)
		return;
	lock_take(&all->lock);
	atomic_store(&all->stopping, true);
	pthread_cond_signal(&all->changed);
	lock_drop(&all->lock);
	if (all->running)
		pthread_join(all->thread, NULL);
	jwks_fetcher_destroy(&all->fetcher);
	LIST_FOREACH(hook, &all->list) {
		struct jwks_source *s = CONTAINER_OF(hook, struct jwks_source, hook);
		s->sources = NULL;
		if (s->users == 0)
			free_source(s);
	}
	pthread_cond_destroy(&all->changed);
	lock_free(&all->lock);
	mem_free(all);
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static struct jwks_source *
find(struct jwks_sources *all, const char *url, const char *ca)
{
	LIST_FOREACH(hook, &all->list) {
		struct jwks_source *s = CONTAINER_OF(hook, struct jwks_source, hook);
		if (same_text(s->url, url) && same_text(s->ca, ca))
			return s;
	}
	return NULL;
}

static int
start_thread(struct jwks_sources *all, struct why *why)
{
	if (all->running)
		return 0;
	int err = jwks_fetcher_create(&all->stopping, &all->fetcher, why);
	if (err == 0) {
		all->running = true;
		all->thread = thread_start("jwks", fetch_all, all);
	}
	return err;
}

int
jwks_source_begin(const char *url, const char *ca, struct jwks **ret, struct why *why)
{
	const char *path = jwks_source_path(url);
	*ret = NULL;
	if (path != NULL)
		return jwks_read(path, ret, why);
	if (ca != NULL && access(ca, R_OK) != 0)
		return why_set(why, err_from_errno(errno), "the authorities of its host, %s: %s", ca, strerror(errno));
	return 0;
}

/* With nobody who uses it yet, and nothing in it. */
static struct jwks_source *
add(struct jwks_sources *all, const char *url, const char *ca, int64_t refresh_ms)
{
	struct jwks_source *s = MEM_NEW(struct jwks_source);
	s->sources = all;
	s->url = mem_strdup(url);
	s->ca = ca == NULL ? NULL : mem_strdup(ca);
	s->refresh_ns = (uint64_t)refresh_ms * NS_PER_MS;
	s->due = UINT64_MAX;
	lock_take(&all->lock);
	list_add(&all->list, &s->hook);
	lock_drop(&all->lock);
	return s;
}

int
jwks_source_open(struct jwks_sources *all, const char *url, const char *ca, int64_t refresh_ms,
    struct jwks_source **ret, struct why *why)
{
	struct jwks *keys = NULL;
	struct jwks_source *s = find(all, url, ca);
	bool asleep = s == NULL || rests(s); /* only this thread changes that */
	int err = asleep ? jwks_source_begin(url, ca, &keys, why) : 0;
	if (err == 0 && jwks_source_path(url) == NULL)
		err = start_thread(all, why);
	if (err != 0)
		return err;
	if (s == NULL)
		s = add(all, url, ca, refresh_ms);
	if (keys != NULL)
		exchange(s, keys);
	lock_take(&all->lock);
	s->users++;
	if (asleep && keys == NULL)
		fetch_at(s, 0);
	lock_drop(&all->lock);
	*ret = s;
	return 0;
}

void
jwks_source_close(struct jwks_source **source)
{
	struct jwks_source *s = *source;
	*source = NULL;
	if (s == NULL)
		return;
	if (s->sources == NULL) {
		if (--s->users == 0)
			free_source(s);
		return;
	}
	lock_take(&s->sources->lock);
	if (--s->users == 0)
		s->due = UINT64_MAX;
	lock_drop(&s->sources->lock);
}

static bool
is_named(const struct jwks_source *s, const struct jwks_place *named, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (same_text(s->url, named[i].url) && same_text(s->ca, named[i].ca))
			return true;
	return false;
}

int
jwks_sources_check(struct jwks_sources *all, const struct jwks_place *named, size_t n, struct why *why)
{
	LIST_FOREACH(hook, &all->list) {
		const struct jwks_source *s = CONTAINER_OF(hook, struct jwks_source, hook);
		const char *path = jwks_source_path(s->url);
		struct jwks *keys;
		if (path == NULL || s->users == 0 || !is_named(s, named, n))
			continue;
		int err = jwks_read(path, &keys, why);
		if (err != 0)
			return err;
		jwks_unref(&keys);
	}
	return 0;
}

/* Whether it is to be read or fetched now. */
static bool
stays(struct jwks_source *s, bool is)
{
	lock_take(&s->sources->lock);
	s->left = !is;
	bool ret = !rests(s);
	if (!ret)
		s->due = UINT64_MAX;
	else if (jwks_source_path(s->url) == NULL)
		fetch_at(s, 0);
	lock_drop(&s->sources->lock);
	return ret;
}

int
jwks_sources_reload(struct jwks_sources *all, const struct jwks_place *named, size_t n, struct why *why)
{
	int ret = 0;
	LIST_FOREACH(hook, &all->list) {
		struct jwks_source *s = CONTAINER_OF(hook, struct jwks_source, hook);
		const char *path = jwks_source_path(s->url);
		struct jwks *keys;
		if (!stays(s, is_named(s, named, n)) || path == NULL)
			continue;
		int err = jwks_read(path, &keys, why);
		if (err == 0) {
			exchange(s, keys);
		} else {
			ret = err;
		}
	}
	return ret;
}
