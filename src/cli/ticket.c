/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages between parent and child are packets: a byte that says what they are, and the bytes of a token
 * or a sentence. The child has no other way to its parent's connection, and ends with it. */
#include "cli/ticket.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <krb5.h>
#include <profile.h>
#include <sasl/sasl.h>

#define PACKET_MAX 131072	/* a ticket is a few thousand bytes, with what Active Directory adds at most 64 KiB */

enum { MORE = 'm', LAST = 'l', FAILED = 'f', ANSWER = 'a' };

static bool
put(int fd, char kind, const char *p, size_t n)
{
	struct iovec v[] = { { &kind, 1 }, { (void *)(uintptr_t)p, n } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = n > 0 ? 2 : 1 };
	return sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)n + 1;
}

/* ---- in the child ---- */

static _Noreturn void
give_up(int fd, const char *text)
{
	(void)put(fd, FAILED, text, strlen(text));
	_exit(1);
}

static _Noreturn void
converse(int fd, const char *service, const char *host)
{
	static char answer[PACKET_MAX];
	sasl_conn_t *sasl = NULL;
	sasl_security_properties_t none = { .max_ssf = 0 };
	const char *out = NULL, *mechanism;
	unsigned n = 0;
	if (sasl_client_init(NULL) != SASL_OK ||
	    sasl_client_new(service, host, NULL, NULL, NULL, 0, &sasl) != SASL_OK)
		give_up(fd, "libsasl2 cannot be used");
	sasl_setprop(sasl, SASL_SEC_PROPS, &none);
	int rc = sasl_client_start(sasl, "GSSAPI", NULL, &out, &n, &mechanism);
	for (;;) {
		if (rc != SASL_OK && rc != SASL_CONTINUE)
			give_up(fd, sasl_errdetail(sasl));
		if (!put(fd, rc == SASL_OK ? LAST : MORE, out, n) || rc == SASL_OK)
			_exit(0);
		ssize_t got = recv(fd, answer, sizeof(answer), 0);
		if (got < 1)
			_exit(0);
		rc = sasl_client_step(sasl, answer + 1, (unsigned)got - 1, NULL, &out, &n);
	}
}

/* ---- in the parent ---- */

int
ticket_begin(const char *service, const char *host, struct ticket *ret, struct why *why)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return why_set(why, err_from_errno(errno), "no login by Kerberos: %s", strerror(errno));
	pid_t pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		converse(pair[1], service, host);
	}
	int failed = errno;
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return why_set(why, err_from_errno(failed), "no login by Kerberos: %s", strerror(failed));
	}
	*ret = (struct ticket){ pid, pair[0] };
	return 0;
}

int
ticket_take(struct ticket *t, struct arena *arena, struct str *ret, bool *ret_last, struct why *why)
{
	char *packet = arena_alloc(arena, PACKET_MAX);
	ssize_t got = recv(t->fd, packet, PACKET_MAX, 0);
	struct str rest = { packet + 1, got < 1 ? 0 : (size_t)got - 1 };
	if (got < 1)
		return why_set(why, ERR_DENIED, "no login by Kerberos: libsasl2 came to an end of its own");
	if (packet[0] == FAILED)
		return why_set(why, ERR_DENIED, "no login by Kerberos: %.*s; is there a ticket (klist)?", STR_ARG(rest));
	*ret = rest;
	*ret_last = packet[0] == LAST;
	return 0;
}

int
ticket_give(struct ticket *t, struct str answer, struct why *why)
{
	return put(t->fd, ANSWER, answer.p, answer.n) ? 0 :
	    why_set(why, ERR_DENIED, "no login by Kerberos: libsasl2 does not take the broker's answer");
}

void
ticket_end(struct ticket *t)
{
	close(t->fd);
	(void)kill(t->pid, SIGKILL);
	while (waitpid(t->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}

/* The realm of the ticket that is there, or the default one. */
static bool
realm_of(krb5_context krb, struct arena *arena, struct str *ret)
{
	krb5_ccache cache = NULL;
	krb5_principal who = NULL;
	char *realm = NULL;
	*ret = STR_NULL;
	if (krb5_cc_default(krb, &cache) == 0 && krb5_cc_get_principal(krb, cache, &who) == 0)
		*ret = arena_str(arena, (struct str){ who->realm.data, who->realm.length });
	else if (krb5_get_default_realm(krb, &realm) == 0)
		*ret = arena_str(arena, str_from(realm));
	krb5_free_default_realm(krb, realm);
	krb5_free_principal(krb, who);
	if (cache != NULL)
		krb5_cc_close(krb, cache);
	return ret->p != NULL;
}

/* As krb5.conf has them: "HOST, HOST:PORT"; null where they are the DNS's to tell. */
static struct str
kdcs_of(krb5_context krb, struct arena *arena, const char *realm)
{
	const char *names[] = { "realms", realm, "kdc", NULL };
	profile_t profile = NULL;
	char **kdcs = NULL;
	struct str s = STR_NULL;
	if (krb5_get_profile(krb, &profile) != 0)
		return s;
	if (profile_get_values(profile, names, &kdcs) == 0) {
		for (char **k = kdcs; *k != NULL; k++)
			s = arena_printf(arena, "%.*s%s%s", STR_ARG(s), k > kdcs ? ", " : "", *k);
		profile_free_list(kdcs);
	}
	profile_release(profile);
	return s;
}

int
ticket_late(const char *service, const char *host, int seconds, struct why *why)
{
	struct arena *arena = arena_create(1 << 20);
	struct str realm = STR_NULL, kdcs = STR_NULL;
	krb5_context krb;
	if (krb5_init_context(&krb) == 0) {
		if (realm_of(krb, arena, &realm))
			kdcs = kdcs_of(krb, arena, realm.p);
		krb5_free_context(krb);
	}
	why_set(why, ERR_TIMEOUT, "no ticket for the login, as %s/%s, within %d s: no KDC of %.*s answers; %s%.*s", service,
	    host, seconds, STR_ARG(realm.p != NULL ? realm : STR("the realm")), kdcs.p != NULL ? "krb5.conf names " :
	    "krb5.conf names none, so they are looked for in the DNS", STR_ARG(kdcs));
	arena_destroy(&arena);
	return ERR_TIMEOUT;
}
