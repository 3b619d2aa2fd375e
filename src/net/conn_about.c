/* SPDX-License-Identifier: Apache-2.0 */
/* What those above may know of a connection. */
#include "net/conn_private.h"

void
conn_set_payer(struct conn *c, struct name user)
{
	if (c->limits->payers != NULL && c->holding.payer == NULL)
		c->holding.payer = payer_get(c->limits->payers, user);
}

size_t
conn_room(const struct conn *c)
{
	return holding_room(&c->holding);
}

bool
conn_is_choked(const struct conn *c)
{
	return c->unsent >= c->limits->unsent_bytes;
}

bool
conn_is_ready(const struct conn *c)
{
	return c->state == CONN_READY;
}

struct loop *
conn_loop(const struct conn *c)
{
	return c->loop;
}

struct transport *
conn_transport(const struct conn *c)
{
	return c->transport;
}

const struct addr *
conn_peer(const struct conn *c)
{
	return &c->peer;
}

const struct event *
conn_event(const struct conn *c)
{
	return &c->ev;
}

uint64_t
conn_since(const struct conn *c)
{
	return c->since;
}

void *
conn_gone_arg(const struct conn *c)
{
	return c->gone_arg;
}

void *
conn_session(const struct conn *c)
{
	return c->session;
}

void
conn_look(const struct conn *c, struct conn_look *ret)
{
	uint64_t now = loop_now(c->loop);
	*ret = (struct conn_look){
		.active = c->active,
		.muted_until = c->muted_until > now ? c->muted_until : 0,
		.rate_in = traffic_rate(&c->traffic, TRAFFIC_IN, c->since, now),
		.rate_out = traffic_rate(&c->traffic, TRAFFIC_OUT, c->since, now),
		.memory = c->held + c->sending + c->in.cap,
		.requests = c->replies_n,
	};
}
