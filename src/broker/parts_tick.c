/* SPDX-License-Identifier: Apache-2.0
 *
 * What is due now and then, on main's thread between two signals. */
#include "acl/denials.h"
#include "api/usage.h"
#include "base/clock.h"
#include "broker/parts.h"

#define REAP_NS (60 * NS_PER_SEC)
#define RECOUNT_NS (NS_PER_SEC - NS_PER_SEC / 10)	/* not every other second for want of a millisecond */
#define DAY_NS (24 * 3600 * NS_PER_SEC)
#define LIST_WARN_S (INT64_C(2) * 86400) /* what authorities say lives for days */

struct parts_certificate
parts_certificate_of(const struct core_listener *core)
{
	struct parts_certificate c = { .listener = core->name.p };
	const struct tls_context *tls = atomic_load(&core->tls_context);
	if (tls != NULL)
		tls_context_ends(tls, &c.ends);
	return c;
}

static void
check_one(struct broker *b, const struct parts_certificate *c, int64_t now_s)
{
	const struct tls_ends *e = &c->ends;
	if (e->certificate != 0 && e->certificate <= now_s)
		ev_err(&b->ev, "listener %s: its certificate has expired: schlossd cert, then reload", c->listener);
	else if (e->certificate != 0 && e->certificate - now_s <= PARTS_CERT_WARN_S)
		ev_warn(&b->ev, "listener %s: its certificate ends in %lld days: schlossd cert, then reload", c->listener,
		    (long long)((e->certificate - now_s) / 86400));
	if (e->crl != 0 && e->crl <= now_s)
		ev_err(&b->ev, "listener %s: a list of ssl.crl.location is over, and client certificates of its authority are refused: "
		    "fetch a new one, then reload", c->listener);
	else if (e->crl != 0 && e->crl - now_s <= LIST_WARN_S)
		ev_warn(&b->ev, "listener %s: a list of ssl.crl.location ends in %lld hours, and client certificates of its authority are "
		    "refused then: fetch a new one, then reload", c->listener, (long long)((e->crl - now_s) / 3600));
	if (e->staple != 0 && e->staple <= now_s)
		ev_err(&b->ev, "listener %s: ssl.ocsp.response.location is over, and given to nobody any more: fetch a new one, then reload",
		    c->listener);
	else if (e->staple != 0 && e->staple - now_s <= LIST_WARN_S)
		ev_warn(&b->ev, "listener %s: ssl.ocsp.response.location ends in %lld hours: fetch a new one, then reload",
		    c->listener, (long long)((e->staple - now_s) / 3600));
}

static void
check_certificates(struct broker *b, int64_t now_s)
{
	struct parts_certificate certificates[CONF_LISTENERS_MAX];
	size_t n = parts_certificates(b, certificates, CONF_LISTENERS_MAX);
	n += parts_front_certificates(b, certificates + n, CONF_LISTENERS_MAX - n);
	for (size_t i = 0; i < n; i++)
		check_one(b, &certificates[i], now_s);
}

void
parts_recount(struct broker *b)
{
	struct rcu_reader *reader = rcu_join(b->rcu);
	rcu_enter(b->rcu, reader);
	usage_recount(&b->core, rcu_read(b->image));
	rcu_leave(b->rcu, reader);
	rcu_part(b->rcu, &reader);
}

void
parts_tick(struct broker *b, uint64_t now_ns, int64_t wall_ms)
{
	acl_denials_tick(b->denials, now_ns);
	parts_tick_sandbox(b);
	parts_tick_audit(b, now_ns);
	parts_tick_doors(b, now_ns);
	parts_tick_front(b, now_ns);
	parts_tick_tokens(b, now_ns, wall_ms);
	rcu_poll(b->rcu);
	if (now_ns >= b->next_recount) {
		parts_recount(b);
		b->next_recount = now_ns + RECOUNT_NS;
	}
	if (now_ns >= b->next_reap) {
		quota_reap(b->quota, now_ns);
		b->next_reap = now_ns + REAP_NS;
	}
	if (now_ns >= b->next_cert_check) {
		check_certificates(b, wall_ms / 1000);
		b->next_cert_check = now_ns + DAY_NS;
	}
}
