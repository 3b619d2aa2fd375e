/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading: what is there is read into the loop's scratch and every complete
 * frame is handled where it lies; the beginning of an incomplete one moves to
 * the connection's own buffer. Before the login, and for more than WHOLE_FRAME, that
 * grows as bytes arrive and not by what the length field promises. From then on bytes are
 * read directly behind it.
 *
 * Writing: replies are queued in the order of their requests; once a turn, those
 * at the head that are complete go out in one write. What the socket does not
 * take waits for EPOLLOUT.
 *
 * Memory is shared with all others (holding.h): without room for it a frame is not read on, nor another begun. While room is
 * scarce reads are small, and who neither sends the rest of a frame nor takes an answer at any speed
 * worth the name has to go.
 *
 * Ends: a broken frame, a peer that closes, a deadline (handshake, login, idle,
 * or a peer that takes nothing) close the connection; the memory goes at the end of the
 * turn, so that callers up the stack may still look at it.
 */
#include "net/conn_private.h"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/be.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define BYTES_A_TURN	(2u << 20)	/* then others have their turn */
#define READS_A_TURN	16
#define WHOLE_FRAME	(1u << 20)	/* room for so much is made at once */
#define STEP_MIN	(64u << 10)	/* of a buffer that grows */
#define IOV_A_WRITE	64
#define LOOK_AGAIN_NS	(20 * NS_PER_MS)	/* where there is no room */
#define BYTES_A_SECOND	(256u << 10)	/* the least that is worth the name */

const struct conn_limits conn_limits_default = {
	.frame_before_login = 64 * 1024,
	.frame_max = 100 * 1024 * 1024,
	.tls_ns = 10 * NS_PER_SEC,
	.login_ns = 20 * NS_PER_SEC,
	.idle_ns = 600 * NS_PER_SEC,
	.stall_ns = 60 * NS_PER_SEC,
	.unsent_bytes = 1024 * 1024,
	.unsent_replies = 1000,
};

static const unsigned may_follow[CONN_STATES] = {
#define FROM(s) (1u << CONN_##s)
	[CONN_HANDSHAKE] = 0,
	[CONN_LOGIN] = FROM(HANDSHAKE),
	[CONN_READY] = FROM(LOGIN) | FROM(READY),
	[CONN_DRAIN] = FROM(LOGIN) | FROM(READY) | FROM(DRAIN),
	[CONN_CLOSED] = FROM(HANDSHAKE) | FROM(LOGIN) | FROM(READY) | FROM(DRAIN),
#undef FROM
};

static void conn_event_due(struct loop_source *source, uint32_t events);
static void end_of_turn(struct loop_task *task);
static void deadline_due(struct timer *timer, uint64_t now);
static void unmute_due(struct timer *timer, uint64_t now);

static void
move(struct conn *c, enum conn_state to)
{
	if ((may_follow[to] & (1u << c->state)) == 0) {
		fprintf(stderr, "<2>connection: no way from state %d to %d\n", c->state, to);
		abort();
	}
	c->state = to;
}

/* At the end of this turn: flush, look at what to watch for, free. */
static void
defer(struct conn *c)
{
	if (list_empty(&c->task.hook))
		loop_defer(c->loop, &c->task);
}

struct conn *
conn_create(const struct conn_config *f)
{
	struct conn *c = MEM_NEW(struct conn);
	char text[ADDR_TEXT];
	c->source = (struct loop_source){ f->fd, conn_event_due };
	c->loop = f->loop;
	c->transport = f->transport;
	c->ops = f->ops;
	c->listener = f->listener;
	c->limits = f->limits;
	c->peer = f->peer;
	c->gone = f->gone;
	c->gone_arg = f->gone_arg;
	c->since = c->active = c->progress = loop_now(f->loop);
	c->task.run = end_of_turn;
	c->deadline.fire = deadline_due;
	c->unmute.fire = unmute_due;
	list_init(&c->replies);
	list_init(&c->task.hook);
	buf_init(&c->in, f->limits->frame_max + CONN_LENGTH_BYTES);
	snprintf(c->peer_text, sizeof(c->peer_text), f->peer.family == 6 ? "[%s]:%u" : "%s:%u",
	    addr_format(&f->peer, text), f->peer_port);
	event_child(&c->ev, f->ev, "peer", str_from(c->peer_text));
	c->events = EPOLLIN;
	loop_add(c->loop, &c->source, c->events);
	timer_set(loop_timers(c->loop), &c->deadline, c->since + c->limits->tls_ns);
	return c;
}

/* ---- what it takes of the loop's time ---- */

void
conn_begin(struct conn *c)
{
	loop_lap_begin(c->loop);
	c->busy = true;
}

void
conn_end(struct conn *c)
{
	c->time_ns += loop_lap(c->loop);
	c->busy = false;
}

/* ---- what it holds ---- */

static void
count(struct conn *c)
{
	holding_count(&c->holding, c->held + c->sending + (c->holding.promised > 0 ? 0 : c->in.cap));
}

void
conn_reply_holds(struct reply *r, size_t bytes)
{
	r->conn->held += bytes - r->held;
	r->held = bytes;
	count(r->conn);
}

/* ---- the end ---- */

static void
reply_free(struct reply *r)
{
	struct conn *c = r->conn;
	list_del(&r->hook);
	c->replies_n--;
	c->unsent -= r->bytes;
	c->held -= r->held;
	if (r->sent != NULL)
		r->sent(r->arg);
	mem_free(r);
}

void
conn_close(struct conn *c, const char *why)
{
	if (c->state == CONN_CLOSED)
		return;
	if (why != NULL)
		ev_info(&c->ev, "closed: %s", why);
	bool had_session = c->state != CONN_HANDSHAKE;
	move(c, CONN_CLOSED);
	timer_cancel(loop_timers(c->loop), &c->deadline);
	timer_cancel(loop_timers(c->loop), &c->unmute);
	loop_remove(c->loop, &c->source);
	if (had_session && c->session != NULL)
		c->ops->closed(c, c->session);
	LIST_FOREACH(hook, &c->replies)
		reply_free(CONTAINER_OF(hook, struct reply, hook));
	defer(c);
}

static void
conn_free(struct conn *c)
{
	c->transport->ops->destroy(&c->transport);
	close(c->source.fd);
	buf_free(&c->in);
	holding_end(&c->holding);
	if (c->gone != NULL)
		c->gone(c->gone_arg, c);
	mem_free(c);
}

void
conn_drain(struct conn *c)
{
	if (c->state != CONN_LOGIN && c->state != CONN_READY)
		return;
	move(c, CONN_DRAIN);
	c->progress = loop_now(c->loop);
	timer_set(loop_timers(c->loop), &c->deadline, c->progress + c->limits->stall_ns);
	defer(c);
}

/* ---- deadlines ---- */

/* Asked half a dozen times for each request: who is not muted is not asked for the time. */
static bool
may_read(const struct conn *c)
{
	return (c->state == CONN_LOGIN || c->state == CONN_READY) && c->holds == 0 &&
	    (c->muted_until == 0 || c->muted_until <= loop_now(c->loop)) && c->unsent < c->limits->unsent_bytes &&
	    c->replies_n < c->limits->unsent_replies;
}

static uint64_t
next_deadline(const struct conn *c)
{
	switch (c->state) {
	case CONN_HANDSHAKE:
		return c->since + c->limits->tls_ns;
	case CONN_LOGIN:
		return c->since + c->limits->login_ns;
	default:
		break;
	}
	if (c->unsent > 0 || c->state == CONN_DRAIN)
		return c->progress + c->limits->stall_ns;
	return c->active + c->limits->idle_ns;
}

/* What it is in the middle of is to end some time while others wait for the room. */
static bool
too_slow(const struct conn *c, uint64_t now)
{
	bool frame = c->holding.promised > 0 && may_read(c) && holding_is_scarce(&c->holding, PAYER_FRAMES);
	bool answer = c->holding.counted > 0 && c->unsent > 0 && holding_is_scarce(&c->holding, PAYER_HELD);
	return (frame || answer) && now >= c->slow_since + c->limits->stall_ns +
	    (c->holding.promised + c->holding.counted) * NS_PER_SEC / BYTES_A_SECOND;
}

/* Deadlines move with every request; the timer is moved only when it fires. */
static void
deadline_due(struct timer *timer, uint64_t now)
{
	static const char *const why[CONN_STATES] = {
		[CONN_HANDSHAKE] = "the TLS handshake took too long",
		[CONN_LOGIN] = "the login took too long",
		[CONN_READY] = "idle for too long, or the peer takes no answers",
		[CONN_DRAIN] = "the peer takes no answers",
	};
	struct conn *c = CONTAINER_OF(timer, struct conn, deadline);
	uint64_t next = next_deadline(c);
	/* A request under way is no idleness. */
	if (c->state == CONN_READY && c->unsent == 0 && c->replies_n > 0)
		next = now + c->limits->idle_ns;
	if (c->holding.promised > 0 && next > now + c->limits->stall_ns)
		next = now + c->limits->stall_ns;
	if (too_slow(c, now))
		conn_close(c, "the peer takes too long while memory is scarce");
	else if (next > now)
		timer_set(loop_timers(c->loop), timer, next);
	else
		conn_close(c, why[c->state]);
}

/* ---- frames ---- */

static int32_t
frame_length(const uint8_t *p)
{
	return (int32_t)be_get(p, CONN_LENGTH_BYTES);
}

/* It waits for room for n bytes: where that is its user's or his tenant's limit, somebody should know. */
static void
tell_limit(struct conn *c, size_t n)
{
	struct payer_bound bound;
	if (c->ops->bounded != NULL && holding_tells(&c->holding, n, loop_now(c->loop), &bound))
		c->ops->bounded(c, c->session, &bound, 0);
}

/* How long the next frame waits, ns; 0: it does not. */
static uint64_t
wait_of(struct conn *c, const uint8_t *p, size_t n)
{
	if (!holding_is_full(&c->holding))
		return c->ops->admit == NULL ? 0 : c->ops->admit(c, c->session, p, n);
	tell_limit(c, 0);
	return LOOK_AGAIN_NS;
}

/* Hands over the complete frames among n bytes, as long as it may; the bytes
 * that are used up, or 0 after an error or when nothing could be done. */
static size_t
take_frames(struct conn *c, const uint8_t *p, size_t n)
{
	size_t used = 0;
	while (n - used >= CONN_LENGTH_BYTES && may_read(c)) {
		int32_t length = frame_length(p + used);
		size_t max = c->state == CONN_LOGIN ? c->limits->frame_before_login : c->limits->frame_max;
		if (length < 0 || (size_t)length > max) {
			ev_info(&c->ev, "a request of %d bytes, at most %zu are taken", length, max);
			conn_close(c, "no request, or too large a one (is the client set to use TLS here?)");
			return used;
		}
		if (n - used - CONN_LENGTH_BYTES < (size_t)length)
			break;
		uint64_t wait = wait_of(c, p + used + CONN_LENGTH_BYTES, (size_t)length);
		if (wait > 0) {
			conn_mute(c, loop_now(c->loop) + wait);
			break;
		}
		c->active = loop_now(c->loop);
		c->ops->frame(c, c->session, p + used + CONN_LENGTH_BYTES, (size_t)length);
		used += CONN_LENGTH_BYTES + (size_t)length;
	}
	return used;
}

/* Room that may be made for a frame of which n bytes have come: all of it, where that is not
 * more than twice as much, or a little of what the user may send anyway. */
static size_t
room_for_frame(const struct conn *c, size_t all, size_t n)
{
	bool whole = all <= 2 * n || (c->state == CONN_READY && all <= WHOLE_FRAME);
	return whole && all > n ? all : n;
}

/* The beginning of a frame. */
static void
keep(struct conn *c, const uint8_t *p, size_t n)
{
	if (n >= CONN_LENGTH_BYTES && c->in.n == 0)
		(void)buf_reserve(&c->in, room_for_frame(c, CONN_LENGTH_BYTES + (size_t)(uint32_t)frame_length(p), n));
	if (c->state != CONN_CLOSED && n > 0 && buf_add(&c->in, p, n) != 0)
		conn_close(c, "no memory for its requests");
	count(c); /* at once: others of this turn of the loop look at what there is */
}

/* What the connection's own buffer holds; true if it may hold a frame's rest now. */
static void
take_kept(struct conn *c)
{
	if (c->in.n < CONN_LENGTH_BYTES || c->in_frame)
		return;
	c->in_frame = true; /* a handler may resume the connection inside of it */
	size_t used = take_frames(c, c->in.p, c->in.n);
	c->in_frame = false;
	if (c->state == CONN_CLOSED)
		return;
	buf_consume(&c->in, used);
	if (used > 0)
		holding_give_back(&c->holding);
	if (c->in.n == 0)
		buf_free(&c->in);
}

/* What is still to come of the frame whose beginning is kept. */
static size_t
rest_of_frame(const struct conn *c)
{
	int64_t all = CONN_LENGTH_BYTES, have = (int64_t)c->in.n;
	if (have >= CONN_LENGTH_BYTES)
		all += frame_length(c->in.p);
	return all > have ? (size_t)(all - have) : 0;
}

/* Room for it; where it was not made at once, never for more than has come. */
static size_t
room_for_rest(struct conn *c)
{
	size_t have = c->in.n, rest = rest_of_frame(c), room = c->in.cap - have;
	size_t step = have < STEP_MIN ? STEP_MIN : have;
	step = step < room ? room : step;
	rest = rest < step ? rest : step;
	return buf_reserve(&c->in, rest) == 0 ? rest : 0;
}

/* A frame that its payer's limits will never have room for. */
static bool
too_large(struct conn *c, size_t frame)
{
	struct payer_bound bound;
	if (!holding_exceeds(&c->holding, frame, &bound))
		return false;
	if (c->ops->bounded != NULL)
		c->ops->bounded(c, c->session, &bound, frame);
	conn_close(c, "a request larger than the limit of what its user, or his tenant, holds in memory");
	return true;
}

/* Whether there is room for all of the frame whose beginning is kept. */
static bool
promise(struct conn *c)
{
	if (c->holding.promised > 0 || c->in.n < CONN_LENGTH_BYTES)
		return true;
	size_t all = c->in.n + rest_of_frame(c);
	if (too_large(c, all) || !holding_promise(&c->holding, all))
		return false;
	c->slow_since = loop_now(c->loop);
	if (c->holding.promised > 0 && c->deadline.when > c->slow_since + c->limits->stall_ns)
		timer_set(loop_timers(c->loop), &c->deadline, c->slow_since + c->limits->stall_ns);
	return true;
}

/* For as long as there is no room for so many bytes more. */
static int
look_again(struct conn *c, size_t n)
{
	tell_limit(c, n);
	conn_mute(c, loop_now(c->loop) + LOOK_AGAIN_NS);
	return ERR_AGAIN;
}

static int
read_rest(struct conn *c, size_t *ret_n)
{
	if (!promise(c))
		return c->state == CONN_CLOSED ? ERR_CLOSED : look_again(c, c->in.n + rest_of_frame(c));
	size_t room = room_for_rest(c);
	int err = room == 0 ? ERR_NOMEM : c->transport->ops->read(c->transport, c->in.p + c->in.n, room, ret_n);
	if (err == 0) {
		traffic_count(&c->traffic, TRAFFIC_IN, *ret_n, loop_now(c->loop));
		c->in.n += *ret_n;
		take_kept(c);
	}
	return err;
}

static int
read_some(struct conn *c, size_t *ret_n)
{
	struct transport_scratch *scratch = loop_scratch(c->loop);
	if (c->in.n > 0)
		return read_rest(c, ret_n);
	if (holding_is_full(&c->holding))
		return look_again(c, 0);
	uint8_t *plain = scratch->plain;
	size_t most = holding_is_scarce(&c->holding, PAYER_HELD) ? HOLDING_SMALL : scratch->size;
	int err = c->transport->ops->read(c->transport, plain, most, ret_n);
	if (err != 0)
		return err;
	traffic_count(&c->traffic, TRAFFIC_IN, *ret_n, loop_now(c->loop));
	c->in_frame = true;
	size_t used = take_frames(c, plain, *ret_n);
	c->in_frame = false;
	keep(c, plain + used, *ret_n - used);
	if (c->state == CONN_LOGIN) /* it may be half a password, and the scratch is everybody's */
		mem_cleanse(plain + used, *ret_n - used);
	return 0;
}

/* Reads once; true where there may be more. */
static bool
read_once(struct conn *c, size_t *ret_n)
{
	int err = read_some(c, ret_n);
	if (c->state == CONN_CLOSED || err == ERR_AGAIN)
		return false;
	if (err == 0)
		return !c->transport->dry || c->transport->ops->pending(c->transport);
	bool plain_end = err == ERR_CLOSED && c->in.n == 0;
	conn_close(c, plain_end ? NULL : c->transport->ops->reason(c->transport));
	return false;
}

static void
read_turn(struct conn *c)
{
	size_t n, all = 0;
	bool more = true;
	take_kept(c);
	for (int i = 0; more && i < READS_A_TURN && all < BYTES_A_TURN && c->state != CONN_CLOSED && may_read(c); i++) {
		more = read_once(c, &n);
		all += more ? n : 0;
	}
	if (c->state == CONN_CLOSED)
		return;
	/* Others have their turn; what the transport has received makes no event. */
	if (may_read(c) && c->transport->ops->pending(c->transport))
		timer_set(loop_timers(c->loop), &c->unmute, loop_now(c->loop));
	defer(c);
}

/* A client ends its handshake with a small segment and sends its first request in
 * another, which waits (Nagle) until we acknowledge the first: at once, please. */
static void
acknowledge_now(struct conn *c)
{
	int one = 1;
	(void)setsockopt(c->source.fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
}

static void
handshake(struct conn *c)
{
	acknowledge_now(c);
	int err = c->transport->ops->handshake(c->transport);
	if (err == ERR_AGAIN)
		return;
	if (err != 0) {
		conn_close(c, c->transport->ops->reason(c->transport));
		return;
	}
	move(c, CONN_LOGIN);
	timer_set(loop_timers(c->loop), &c->deadline, c->since + c->limits->login_ns);
	c->session = c->ops->opened(c, c->listener);
	if (c->session == NULL)
		conn_close(c, "refused");
	else if (c->state != CONN_CLOSED)
		read_turn(c);
}

static void
conn_event_due(struct loop_source *source, uint32_t events)
{
	struct conn *c = CONTAINER_OF(source, struct conn, source);
	c->busy = true;
	if (c->state == CONN_HANDSHAKE)
		handshake(c);
	else if ((events & (EPOLLHUP | EPOLLERR)) != 0 && !may_read(c))
		conn_close(c, NULL);
	else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		c->in_vain = !may_read(c);
		read_turn(c);
	}
	if (c->state != CONN_CLOSED)
		defer(c);
	conn_end(c);
}

/* ---- replies ---- */

struct reply *
conn_reply_begin(struct conn *c)
{
	struct reply *r = MEM_NEW(struct reply);
	r->conn = c;
	list_add(&c->replies, &r->hook);
	c->replies_n++;
	return r;
}

void
conn_reply_send(struct reply *r, const struct pieces *pieces, void (*sent)(void *arg), void *arg)
{
	struct conn *c = r->conn;
	r->v = pieces->v;
	r->n = pieces->n;
	for (int32_t i = 0; i < pieces->n; i++)
		r->bytes += pieces->v[i].n;
	r->sent = sent;
	r->arg = arg;
	r->done = true;
	if (c->unsent == 0)
		c->progress = c->slow_since = loop_now(c->loop);
	c->unsent += r->bytes;
	defer(c);
}

void
conn_reply_none(struct reply *r)
{
	struct conn *c = r->conn;
	r->done = true;
	defer(c);
}

/* The complete replies at the head as one vector. */
static int
gather(struct conn *c, struct iovec *iov)
{
	int n = 0;
	LIST_FOREACH(hook, &c->replies) {
		struct reply *r = CONTAINER_OF(hook, struct reply, hook);
		if (!r->done)
			break;
		for (int32_t i = r->at; i < r->n; i++) {
			uint32_t skip = i == r->at ? r->skip : 0;
			if (n == IOV_A_WRITE)
				return n;
			iov[n++] = (struct iovec){ (void *)(uintptr_t)(r->v[i].p + skip), r->v[i].n - skip };
		}
	}
	return n;
}

/* Takes n bytes off the head; replies that are through are freed. */
static void
advance(struct conn *c, size_t n)
{
	LIST_FOREACH(hook, &c->replies) {
		struct reply *r = CONTAINER_OF(hook, struct reply, hook);
		if (!r->done)
			return;
		while (r->at < r->n && n >= r->v[r->at].n - r->skip) {
			size_t whole = r->v[r->at].n - r->skip;
			n -= whole;
			r->bytes -= whole;
			c->unsent -= whole;
			r->at++;
			r->skip = 0;
		}
		if (r->at < r->n) {
			r->skip += (uint32_t)n;
			r->bytes -= n;
			c->unsent -= n;
			return;
		}
		c->slow_since = loop_now(c->loop);
		reply_free(r);
	}
}

/* 0 when everything that is complete has been taken by the socket. */
static int
flush(struct conn *c)
{
	struct iovec iov[IOV_A_WRITE];
	int n, err = c->transport->ops->flush(c->transport);
	if (err == 0)
		c->sending = 0;
	while (err == 0 && (n = gather(c, iov)) > 0) {
		size_t put;
		err = c->transport->ops->write(c->transport, iov, n, &put);
		if (err == 0) {
			c->progress = loop_now(c->loop);
			traffic_count(&c->traffic, TRAFFIC_OUT, put, c->progress);
			advance(c, put);
			err = c->transport->ops->flush(c->transport);
			c->sending = err == ERR_AGAIN ? put : 0;
		}
	}
	if (err == 0)
		advance(c, 0); /* answers without bytes */
	return err;
}

/* Who may not read goes on being told of input until some comes: most are held for the time of one
 * answer, and their peers say nothing before they have it. */
static void
watch(struct conn *c, bool write)
{
	bool in = may_read(c) || c->state == CONN_HANDSHAKE || ((c->events & EPOLLIN) != 0 && !c->in_vain);
	uint32_t events = (in ? EPOLLIN : 0) | (write ? EPOLLOUT : 0);
	if (events != c->events)
		loop_modify(c->loop, &c->source, events);
	c->events = events;
	c->in_vain = false;
}

static void
end_of_turn(struct loop_task *task)
{
	struct conn *c = CONTAINER_OF(task, struct conn, task);
	if (c->state == CONN_CLOSED) {
		struct loop *loop = c->loop;
		conn_free(c);
		loop_lap_begin(loop); /* nobody's */
		return;
	}
	c->busy = true;
	c->time_ns += loop_share(c->loop);
	bool could_read = may_read(c);
	int err = flush(c);
	bool over = c->state == CONN_DRAIN && err == 0 && list_empty(&c->replies);
	if (over || (err != 0 && err != ERR_AGAIN)) {
		conn_close(c, NULL);
		conn_end(c);
		return;
	}
	if (c->unsent > 0 && c->deadline.when > c->progress + c->limits->stall_ns)
		timer_set(loop_timers(c->loop), &c->deadline, c->progress + c->limits->stall_ns);
	/* What was read but not handled makes no event of its own. */
	bool look = c->go_on || !could_read;
	c->go_on = false;
	if (look && may_read(c) && (c->in.n > 0 || c->transport->ops->pending(c->transport)))
		read_turn(c);
	if (c->state != CONN_CLOSED)
		watch(c, err == ERR_AGAIN);
	count(c);
	conn_end(c);
}

/* ---- holding and muting ---- */

void
conn_hold(struct conn *c)
{
	c->holds++;
	defer(c);
}

/* The rest of what was read is handled at the end of the turn, never from inside
 * of whoever lets it go on: it may close the connection. */
static void
go_on(struct conn *c)
{
	if (c->state != CONN_LOGIN && c->state != CONN_READY)
		return;
	if (c->holding.promised > 0) /* its peer could not go on with the frame */
		c->slow_since = loop_now(c->loop);
	c->go_on = true;
	defer(c);
}

void
conn_resume(struct conn *c)
{
	c->holds--;
	if (c->holds == 0)
		go_on(c);
}

void
conn_mute(struct conn *c, uint64_t until)
{
	if (until <= c->muted_until || c->state == CONN_CLOSED)
		return;
	c->muted_until = until;
	timer_set(loop_timers(c->loop), &c->unmute, until);
	defer(c);
}

static void
unmute_due(struct timer *timer, uint64_t now)
{
	struct conn *c = CONTAINER_OF(timer, struct conn, unmute);
	if (c->muted_until != 0)
		c->active = now;
	c->muted_until = 0;
	go_on(c);
}

/* ---- what it is ---- */

void
conn_set_ready(struct conn *c)
{
	if (c->state != CONN_LOGIN)
		return;
	move(c, CONN_READY);
	c->active = loop_now(c->loop);
	timer_set(loop_timers(c->loop), &c->deadline, next_deadline(c));
}

uint64_t
conn_take_time_ns(struct conn *c)
{
	uint64_t ns = c->time_ns;
	c->time_ns = 0;
	if (c->busy)
		ns += loop_lap(c->loop);
	return ns;
}
