/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may come in: libsasl2, the queue for key derivation, penalties, and how a
 * login sees users. The secret behind the keys that unknown users are shown
 * lies in the data directory, so that a guess today meets what it met yesterday.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/rand.h"
#include "broker/parts.h"
#include "meta/image_tokens.h"
#include "security/checks.h"
#include "security/jwks_source.h"
#include "security/penalty.h"

#define PENALTIES_MAX	100000
#define CHECKS_MAX	4096
#define CHECK_THREADS	2

/* Called on loops, inside rcu. */
static void
look_up_user(void *arg, struct name user, struct cred *ret)
{
	struct broker *b = arg;
	image_cred(rcu_read(b->image), user, clock_wall_ms(), ret);
}

static int
look_up_tenant(void *arg, struct str name, uint32_t *ret_number)
{
	struct broker *b = arg;
	const struct acl_tenant *t = acl_image_tenant_named(image_acl(rcu_read(b->image)), name);
	if (t == NULL)
		return ERR_NOTFOUND;
	*ret_number = acl_tenant_number(t);
	return 0;
}

static void
look_up_token(void *arg, struct name id, struct cred_token *ret)
{
	struct broker *b = arg;
	image_cred_token(rcu_read(b->image), id, clock_wall_ms(), ret);
}

/* Reads the secret, or makes it at the first start. */
static int
load_secret(struct broker *b, uint8_t *out, size_t n, struct why *why)
{
	char path[PATH_MAX], *had;
	size_t had_n;
	if ((size_t)snprintf(path, sizeof(path), "%s/login.secret", b->conf->log_dirs) >= sizeof(path))
		return why_set(why, ERR_LIMIT, "log.dirs: the path is too long");
	int err = fs_slurp(path, n, &had, &had_n);
	if (err == 0 && had_n == n) {
		memcpy(out, had, n);
		mem_cleanse(had, n);
		mem_free(had);
		return 0;
	}
	if (err == 0)
		mem_free(had);
	rand_bytes(out, n);
	err = fs_replace(path, out, n);
	return err == 0 ? 0 : why_set(why, err, "%s: %s", path, err_text(err));
}

int
part_login_start(struct broker *b, struct why *why)
{
	struct sasl_shared *s = &b->core.sasl;
	int err = load_secret(b, s->fake.secret, sizeof(s->fake.secret), why);
	if (err == 0)
		err = sasl_lib_create(&b->ev, &b->sasl_lib, why);
	if (err != 0)
		return err;
	b->token_keys = jwks_sources_create(&b->ev);
	s->wall_ms = clock_wall_ms;
	s->fake.iterations = SCRAM_ITERATIONS_DEFAULT;
	s->lookup = (struct cred_lookup){ .arg = b, .user = look_up_user, .tenant = look_up_tenant,
	    .token = look_up_token };
	s->penalty = penalty_create(PENALTIES_MAX);
	penalty_set_exempt(s->penalty, &b->conf->exempt);
	s->checks = checks_create(CHECK_THREADS, CHECKS_MAX);
	return 0;
}

bool
parts_offers(const struct conf *conf, const struct conf_listener *l, const char *mechanism)
{
	const struct option_list *m = l->mechanisms.n > 0 ? &l->mechanisms : &conf->sasl_enabled_mechanisms;
	for (size_t i = 0; l->sasl && i < m->n; i++)
		if (strcmp(m->v[i], mechanism) == 0)
			return true;
	return false;
}

/* Where the keys come from that listeners of HTTP, or the others, ask for. */
static size_t
name_keys(const struct conf *conf, bool http, struct jwks_place *out)
{
	size_t n = 0;
	for (size_t i = 0; i < conf->listener_count; i++) {
		const struct conf_listener *l = &conf->listeners[i];
		if (l->http == http && parts_offers(conf, l, "OAUTHBEARER"))
			out[n++] = (struct jwks_place){ l->oauth_jwks_url, conf->oauth_jwks_ca };
	}
	return n;
}

/* Listeners of HTTP keep the settings of the start. */
static size_t
name_all_keys(const struct broker *b, const struct conf *conf, struct jwks_place out[2 * CONF_LISTENERS_MAX])
{
	size_t n = name_keys(b->boot, true, out);
	return n + name_keys(conf, false, out + n);
}

int
part_login_prepare(struct broker *b, struct conf *conf, struct why *why)
{
	struct jwks_place named[2 * CONF_LISTENERS_MAX];
	return jwks_sources_check(b->token_keys, named, name_all_keys(b, conf, named), why);
}

/* The keys of tokens are read again, from where they were read before. */
int
part_login_reload(struct broker *b, const struct conf *conf, struct why *why)
{
	struct jwks_place named[2 * CONF_LISTENERS_MAX];
	penalty_set_exempt(b->core.sasl.penalty, &conf->exempt);
	return jwks_sources_reload(b->token_keys, named, name_all_keys(b, conf, named), why);
}

void
part_login_stop(struct broker *b)
{
	struct sasl_shared *s = &b->core.sasl;
	checks_destroy(&s->checks);
	penalty_destroy(&s->penalty);
	jwks_sources_destroy(&b->token_keys);
	sasl_lib_destroy(&b->sasl_lib);
	mem_cleanse(&s->fake, sizeof(s->fake));
}
