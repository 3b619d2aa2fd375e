/* SPDX-License-Identifier: Apache-2.0
 * F5: a login as any peer may drive it. The first byte chooses mechanism and
 * listener; then come moves: raw tokens, or the token of an honest client,
 * spoilt at one place or not. Nobody gets in who did not send what a client that
 * knows the password would have sent, and nobody by a ticket. */
#include "../unit/security/sasl_fixture.h"

#include "security/gss.h"
#include "security/mapping.h"
#include "security/sasl_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) do { if (!(x)) abort(); } while (0)
#define CNONCE "fyko+d2lbbFgONRv9qkxdawL"

struct input {
	const uint8_t *p;
	size_t n;
};

static uint8_t
take(struct input *in)
{
	if (in->n == 0)
		return 0;
	in->n--;
	return *in->p++;
}

static char dir[] = "/tmp/schloss-fuzz-XXXXXX";

static void
remove_kerberos(void)
{
	char path[64];
	snprintf(path, sizeof(path), "%s/krb5.conf", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/keytab", dir);
	unlink(path);
	rmdir(dir);
}

/* A keytab of one principal and a krb5.conf, written by hand. */
static void
make_kerberos(struct fix *f)
{
	static const uint8_t keytab[] = {
		5, 2, 0, 0, 0, 71, 0, 2, 0, 12, 'E', 'X', 'A', 'M', 'P', 'L', 'E', '.', 'T', 'E', 'S',
		'T', 0, 5, 'k', 'a', 'f', 'k', 'a', 0, 1, 'x', 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 18, 0, 32,
		1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
		25, 26, 27, 28, 29, 30, 31, 32,
	};
	char path[64];
	struct gss_keys *keys;
	struct krb_rules *rules;
	struct why why;
	MUST(mkdtemp(dir) != NULL && atexit(remove_kerberos) == 0);
	snprintf(path, sizeof(path), "%s/krb5.conf", dir);
	FILE *file = fopen(path, "w");
	MUST(file != NULL);
	fputs("[libdefaults]\n\tdefault_realm = EXAMPLE.TEST\n", file);
	fclose(file);
	setenv("KRB5_CONFIG", path, 1);
	snprintf(path, sizeof(path), "%s/keytab", dir);
	file = fopen(path, "w");
	MUST(file != NULL && fwrite(keytab, sizeof(keytab), 1, file) == 1);
	fclose(file);
	if (gss_keys_open(path, "none:", &keys, &why) != 0) {
		fprintf(stderr, "%s\n", why.text);
		abort();
	}
	MUST(krb_rules_parse(STR(""), STR("EXAMPLE.TEST"), &rules, NULL) == 0);
	f->listener.gss = keys;
	f->listener.realm = "EXAMPLE.TEST";
	f->listener.krb_rules = rules;
	f->listener.mechanisms = FIX_ALL;
}

static struct fix *
world(void)
{
	static struct fix f;
	static bool made;
	if (!made) {
		fix_start(&f);
		f.sink.level = 0;
		make_kerberos(&f);
		made = true;
	}
	return &f;
}

/* The token of an honest client in this state, in out. */
static void
honest(const struct sasl_login *l, const char *first, struct str challenge, bool doubled,
    struct buf *out)
{
	buf_consume(out, out->n);
	if (l->mech == MECH_PLAIN)
		buf_add(out, "\0anna\0" PASSWORD, 6 + sizeof(PASSWORD) - 1);
	else if (l->mech == MECH_GSSAPI)
		buf_add(out, "\x60\x23\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00\x6e", 16);
	else if (challenge.n == 0)
		buf_add_str(out, STR("n,,n=anna,r=" CNONCE));
	else
		client_final(l->scram.hash, PASSWORD, first, challenge, doubled, out);
}

/* Those with that password; "@main" only where the listener splits names. */
static bool
is_known(struct str login)
{
	return str_is(login, "anna") || str_is(login, "anna@acme") || str_is(login, "anna@main");
}

/* Whether this is the last token of somebody who knows the password. */
static bool
deserved(const struct sasl_login *l, struct str sent, struct str right, struct str right_doubled)
{
	if (l->mech == MECH_PLAIN) {
		struct str authzid, user;
		return str_cut(&sent, '\0', &authzid) && str_cut(&sent, '\0', &user) &&
		    is_known(user) && (authzid.n == 0 || str_eq(authzid, user)) &&
		    str_is(sent, PASSWORD);
	}
	return str_eq(sent, right) || str_eq(sent, right_doubled);
}

struct game {
	struct fix *f;
	struct sasl_login *l;
	char first[SCRAM_TOKEN_MAX + 1], challenge[SCRAM_TOKEN_MAX + 1];
	size_t challenge_n;
	struct buf token, right, doubled;
};

static void
spoil(struct input *in, struct buf *token, uint8_t how)
{
	if ((how & 4) == 0 || token->n == 0)
		return;
	size_t at = (size_t)(take(in) << 8 | take(in)) % token->n;
	token->p[at] ^= take(in);
	if ((how & 8) != 0)
		token->n = at;
}

static void
make_token(struct game *g, struct input *in)
{
	uint8_t how = take(in);
	struct str challenge = { g->challenge, g->challenge_n };
	honest(g->l, g->first, challenge, false, &g->right);
	honest(g->l, g->first, challenge, true, &g->doubled);
	buf_consume(&g->token, g->token.n);
	if ((how & 1) == 0) {
		size_t n = (size_t)(take(in) << 8 | take(in));
		n = n < in->n ? n : in->n;
		buf_add(&g->token, in->p, n);
		in->p += n;
		in->n -= n;
	} else {
		const struct buf *from = (how & 2) == 0 ? &g->right : &g->doubled;
		buf_add(&g->token, from->p, from->n);
		spoil(in, &g->token, how);
	}
}

/* False: the login is over. */
static bool
play(struct game *g, struct input *in)
{
	struct sasl_turn turn;
	make_token(g, in);
	enum sasl_step step = fix_step(g->f, g->l, buf_str(&g->token), &turn);
	if (step == SASL_STEP_CONTINUE) {
		if (g->l->scram_used)
			snprintf(g->first, sizeof(g->first), "%.*s", STR_ARG(buf_str(&g->token)));
		g->challenge_n = (size_t)snprintf(g->challenge, sizeof(g->challenge), "%.*s",
		    g->l->scram_used ? (int)turn.out.n : 0, turn.out.p);
		return true;
	}
	if (step == SASL_STEP_FAILED)
		MUST(turn.out.n == 0 && sasl_login_principal(g->l) == NULL && turn.not_before >= FIX_T0);
	if (step == SASL_STEP_DONE) {
		MUST(g->l->mech != MECH_GSSAPI);
		MUST(deserved(g->l, buf_str(&g->token), buf_str(&g->right), buf_str(&g->doubled)));
		const struct principal *p = sasl_login_principal(g->l);
		MUST(is_known(p->user.s) || !uuid_is_zero(&p->token));
	}
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const mechs[] = { "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI" };
	struct input in = { data, size };
	struct game g = { .f = world() };
	uint8_t head = take(&in);

	g.f->listener.tls = (head & 3) == 0 || (head & 4) == 0;
	g.f->listener.tenant_from = (head & 8) == 0 ? TENANT_FIXED : TENANT_FROM_LOGIN;
	g.l = fix_login(g.f, mechs[head & 3]);
	buf_init(&g.token, 1 << 17);
	buf_init(&g.right, 4 * SCRAM_TOKEN_MAX);
	buf_init(&g.doubled, 4 * SCRAM_TOKEN_MAX);
	for (unsigned i = 0; i < LOGIN_STEPS_MAX + 2 && play(&g, &in); i++)
		continue;
	sasl_login_destroy(&g.l);
	buf_free(&g.token);
	buf_free(&g.right);
	buf_free(&g.doubled);
	return 0;
}
