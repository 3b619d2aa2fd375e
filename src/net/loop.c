/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A turn: messages, timers, sockets, settle, deferred tasks, settle; then sleep. Messages come
 * through a stack that any thread pushes to; the loop takes all of it at once
 * and reverses it, so they run in the order posted. The event descriptor is
 * written only when the loop has said that it is about to sleep: the flag is
 * set before the last look at the stack, so that no message is missed.
 */
#include "net/loop.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/worker.h"

#define EVENTS_A_TURN	256
#define SCRATCH_BYTES	(512u * 1024u)
#define SHARES_A_LOOK	256		/* at the thread's clock, which is a system call */

struct loop {
	int epoll, wake;
	struct post *_Atomic posts;
	atomic_bool sleeping, stop;
	struct timers timers;
	struct list tasks;
	uint64_t now, lap;		/* lap: where the last one ended */
	uint64_t worked_ns, cpu_ns;	/* for connections and in all, since the last look */
	uint64_t share_ns;		/* of the rest, for one connection in one turn */
	unsigned shares;
	void (*settle)(void *arg);	/* may be NULL */
	void *arg;
	struct rcu *rcu;
	struct rcu_reader *reader;
	struct transport_scratch scratch;
	struct arena_pool arenas;
	struct epoll_event events[EVENTS_A_TURN];
	int events_n, event_at;		/* those of this turn that are still to be told */
	pthread_t thread;
};

static void *loop_run(void *arg);

struct loop *
loop_create(const char *name, struct rcu *rcu, void (*settle)(void *arg), void *arg)
{
	struct loop *l = MEM_NEW(struct loop);
	l->rcu = rcu;
	l->settle = settle;
	l->arg = arg;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event ev = { .events = EPOLLIN };
	if (l->epoll < 0 || l->wake < 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->wake, &ev) != 0) {
		perror("<2>event loop");
		abort();
	}
	timers_init(&l->timers);
	list_init(&l->tasks);
	l->scratch = (struct transport_scratch){ mem_alloc(SCRATCH_BYTES), mem_alloc(SCRATCH_BYTES),
		mem_alloc(SCRATCH_BYTES),
		SCRATCH_BYTES };
	l->now = clock_mono_ns();
	l->reader = rcu_join(rcu);
	l->thread = thread_start(name, loop_run, l);
	return l;
}

static void
wake_up(struct loop *l)
{
	uint64_t one = 1;
	/* Full means that a wake is already on its way. */
	ssize_t put = write(l->wake, &one, sizeof(one));
	(void)put;
}

void
loop_destroy(struct loop **loop)
{
	struct loop *l = *loop;
	if (l == NULL)
		return;
	atomic_store(&l->stop, true);
	wake_up(l);
	pthread_join(l->thread, NULL);
	rcu_part(l->rcu, &l->reader);
	timers_free(&l->timers);
	close(l->epoll);
	close(l->wake);
	arena_pool_drain(&l->arenas);
	mem_free(l->scratch.plain);
	mem_free(l->scratch.in);
	mem_free(l->scratch.out);
	mem_free(l);
	*loop = NULL;
}

void
loop_post(struct loop *l, struct post *post)
{
	post->next = atomic_load_explicit(&l->posts, memory_order_relaxed);
	while (!atomic_compare_exchange_weak(&l->posts, &post->next, post))
		continue;
	if (atomic_exchange(&l->sleeping, false))
		wake_up(l);
}

static void
control(struct loop *l, int what, struct loop_source *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };
	if (epoll_ctl(l->epoll, what, s->fd, &ev) != 0) {
		perror("<2>epoll_ctl");
		abort();
	}
}

void
loop_add(struct loop *l, struct loop_source *s, uint32_t events)
{
	control(l, EPOLL_CTL_ADD, s, events);
}

void
loop_modify(struct loop *l, struct loop_source *s, uint32_t events)
{
	control(l, EPOLL_CTL_MOD, s, events);
}

void
loop_remove(struct loop *l, struct loop_source *s)
{
	control(l, EPOLL_CTL_DEL, s, 0);
	for (int i = l->event_at; i < l->events_n; i++)
		if (l->events[i].data.ptr == s)
			l->events[i].data.ptr = NULL;
}

void
loop_defer(struct loop *l, struct loop_task *task)
{
	list_add(&l->tasks, &task->hook);
}

struct timers *
loop_timers(struct loop *l)
{
	return &l->timers;
}

uint64_t
loop_now(const struct loop *l)
{
	return l->now;
}

void
loop_lap_begin(struct loop *l)
{
	l->lap = clock_mono_ns();
}

uint64_t
loop_lap(struct loop *l)
{
	uint64_t now = clock_mono_ns(), ns = now - l->lap;
	l->lap = now;
	l->worked_ns += ns;
	return ns;
}

/* Work is measured by the wall's clock, which may run while others have the processor: then
 * there seems to be no rest, and indeed it has been billed. */
uint64_t
loop_share(struct loop *l)
{
	if (++l->shares == SHARES_A_LOOK) {
		uint64_t cpu = clock_thread_cpu_ns(), spent = cpu - l->cpu_ns;
		uint64_t rest = spent > l->worked_ns ? (spent - l->worked_ns) / SHARES_A_LOOK : 0;
		l->share_ns = (3 * l->share_ns + rest) / 4;
		l->cpu_ns = cpu;
		l->worked_ns = 0;
		l->shares = 0;
	}
	return l->share_ns;
}

struct transport_scratch *
loop_scratch(struct loop *l)
{
	return &l->scratch;
}

struct arena_pool *
loop_arenas(struct loop *l)
{
	return &l->arenas;
}

static unsigned
run_posts(struct loop *l)
{
	unsigned n = 0;
	struct post *stack = atomic_exchange(&l->posts, NULL), *queue = NULL;
	while (stack != NULL) {
		struct post *next = stack->next;
		stack->next = queue;
		queue = stack;
		stack = next;
	}
	for (; queue != NULL; n++) {
		struct post *next = queue->next; /* run() may free it or post it again */
		queue->run(queue);
		queue = next;
	}
	return n;
}

static void
run_tasks(struct loop *l)
{
	while (!list_empty(&l->tasks)) {
		struct loop_task *task = CONTAINER_OF(l->tasks.next, struct loop_task, hook);
		list_del(&task->hook);
		task->run(task);
	}
}

static void
run_events(struct loop *l)
{
	for (l->event_at = 0; l->event_at < l->events_n;) {
		struct epoll_event *ev = &l->events[l->event_at++];
		struct loop_source *s = ev->data.ptr;
		if (s != NULL)
			s->ready(s, ev->events);
	}
	l->events_n = l->event_at = 0;
}

/* Milliseconds to sleep: until the next timer, rounded up so as not to spin
 * through the last one; not at all where a message waits. */
static int
sleep_ms(struct loop *l)
{
	uint64_t next = timers_next(&l->timers), now = clock_mono_ns();
	if (atomic_load(&l->posts) != NULL || next <= now)
		return 0;
	if (next == UINT64_MAX)
		return -1;
	uint64_t ms = (next - now + NS_PER_MS - 1) / NS_PER_MS;
	return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

static void
wait_for_events(struct loop *l)
{
	uint64_t drain;
	atomic_store(&l->sleeping, true);
	int n = epoll_wait(l->epoll, l->events, EVENTS_A_TURN, sleep_ms(l));
	atomic_store(&l->sleeping, false);
	l->events_n = n < 0 ? 0 : n;
	for (int i = 0; i < l->events_n; i++)
		if (l->events[i].data.ptr == NULL && read(l->wake, &drain, sizeof(drain)) < 0)
			continue;
}

static void
settle(struct loop *l)
{
	if (l->settle != NULL)
		l->settle(l->arg);
}

static void *
loop_run(void *arg)
{
	struct loop *l = arg;
	while (!atomic_load(&l->stop)) {
		wait_for_events(l);
		rcu_enter(l->rcu, l->reader);
		l->now = clock_mono_ns();
		l->lap = l->now;
		unsigned others = run_posts(l);
		others += timers_run(&l->timers, l->now);
		if (others > 0)
			loop_lap_begin(l);
		run_events(l);
		settle(l);
		run_tasks(l);
		settle(l); /* connections go on with what they had read */
		rcu_leave(l->rcu, l->reader);
	}
	return NULL;
}
