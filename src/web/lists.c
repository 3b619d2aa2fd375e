/* SPDX-License-Identifier: Apache-2.0
 *
 * Metrics of the whole broker that have labels, each a short list. */
#include <stdio.h>

#include "security/cred.h"
#include "web/scrape.h"

static void
add_named(struct scrape *s, enum metric_id id, const char *label, struct str name, double value)
{
	text_sample(s->out, metrics[id].type, metrics[id].family, "");
	text_label(s->out, true, label, name);
	text_value(s->out, true, value);
}

static void
add_part(struct scrape *s, enum metric_id id, const char *suffix, struct str request, double value)
{
	text_sample(s->out, metrics[id].type, metrics[id].family, suffix);
	text_label(s->out, true, "request", request);
	text_value(s->out, true, value);
}

static void
add_times(struct scrape *s, struct str request, const struct tally_sum *sum)
{
	const struct metric *m = &metrics[METRIC_API_SECONDS];
	uint64_t below = 0;
	for (int i = 0; i < TALLY_TIMES; i++) {
		char le[32] = "+Inf";
		if (i < TALLY_TIMES - 1)
			snprintf(le, sizeof(le), "%.10g", (double)TALLY_TIME_NS(i) / 1e9);
		below += sum->times[i];
		text_sample(s->out, m->type, m->family, "_bucket");
		text_label(s->out, true, "request", request);
		text_label(s->out, false, "le", str_from(le));
		text_count(s->out, true, (int64_t)below);
	}
	add_part(s, METRIC_API_SECONDS, "_sum", request, (double)sum->ns / 1e9);
	add_part(s, METRIC_API_SECONDS, "_count", request, (double)sum->n);
}

/* Those that were asked for at least once. */
static void
list_requests(struct scrape *s, enum metric_id id)
{
	for (int api = 0; api < API_COUNT; api++) {
		struct tally_sum sum;
		struct str name = str_from(api_wire((enum api_id)api)->name);
		tallies_api(s->web->core->tallies, (enum api_id)api, &sum);
		if (sum.n == 0)
			continue;
		if (id == METRIC_API_REQUESTS)
			add_named(s, id, "request", name, (double)sum.n);
		else if (id == METRIC_API_SECONDS)
			add_times(s, name, &sum);
		else {
			add_part(s, id, "_sum", name, (double)sum.ns / 1e6);
			add_part(s, id, "_count", name, (double)sum.n);
		}
	}
}

static void
list_logins(struct scrape *s, enum metric_id id)
{
	for (size_t i = 0; i < s->figures.listeners; i++) {
		const struct web_logins *l = &s->figures.logins[i];
		for (unsigned m = 0; m < MECH_COUNT; m++) {
			uint64_t n = atomic_load_explicit(id == METRIC_LISTENER_LOGINS ? &l->logins->taken[m] : &l->logins->refused[m],
			    memory_order_relaxed);
			if (n == 0)
				continue;
			text_sample(s->out, metrics[id].type, metrics[id].family, "");
			text_label(s->out, true, "listener", l->listener);
			text_label(s->out, false, "mechanism", str_from(mech_name((enum mech)m)));
			text_count(s->out, true, (int64_t)n);
		}
	}
}

static void
list_memory(struct scrape *s, enum metric_id id)
{
	add_named(s, id, "by", STR("requests"), (double)s->figures.requests_held);
	add_named(s, id, "by", STR("answers"), (double)s->figures.memory_held);
	add_named(s, id, "by", STR("groups"), (double)s->figures.groups_held);
	add_named(s, id, "by", STR("tails"), (double)s->log.tail);
	add_named(s, id, "by", STR("unwritten"), (double)s->log.dirty);
}

static void
list_ends(struct scrape *s, enum metric_id id)
{
	for (size_t i = 0; i < s->figures.certificates; i++) {
		const struct web_certificate *c = &s->figures.certificate[i];
		int64_t ends = id == METRIC_CERTIFICATE ? c->ends.certificate : id == METRIC_CRL ? c->ends.crl : c->ends.staple;
		if (ends != 0 && ends != INT64_MAX)
			add_named(s, id, "listener", c->listener, (double)ends);
	}
}

void
list_of_broker(struct scrape *s, enum metric_id id)
{
	switch ((int)id) {
	case METRIC_LISTENER_LOGINS:
	case METRIC_LISTENER_REFUSED:
		list_logins(s, id);
		break;
	case METRIC_READS:
		add_named(s, id, "from", STR("memory"), (double)s->log.hot_reads);
		add_named(s, id, "from", STR("disk"), (double)s->log.cold_reads);
		break;
	case METRIC_MEMORY:
		list_memory(s, id);
		break;
	case METRIC_CERTIFICATE:
	case METRIC_CRL:
	case METRIC_STAPLE:
		list_ends(s, id);
		break;
	default:
		list_requests(s, id);
	}
}

void
list_of_quotas(struct scrape *s, enum metric_id id, uint32_t tenant, struct str name)
{
	struct quota_entity e = { .tenant = tenant };
	struct quota_values limits = { { 0 } };
	struct quota_usage usage = { .rate = { 0 } };
	(void)quota_image_get(image_quotas(s->image), &e, &limits);
	bool seen = quota_usage(s->web->core->quota, NAME(tenant, STR_NULL), loop_now(http_loop(s->x)), &usage);
	for (int k = 0; k < QUOTA_KEYS; k++) {
		/* Rates have keys before those of amounts, which have limits alone. */
		if (k == QUOTA_CONNECT || (id == METRIC_QUOTA_LIMIT ? !(limits.v[k] > 0) : !seen || k >= QUOTA_RATES))
			continue;
		text_sample(s->out, metrics[id].type, metrics[id].family, "");
		text_label(s->out, true, "tenant", name);
		text_label(s->out, false, "quota", str_from(quota_key_name((enum quota_key)k)));
		text_value(s->out, true, id == METRIC_QUOTA_LIMIT ? limits.v[k] : usage.rate[k]);
	}
}
