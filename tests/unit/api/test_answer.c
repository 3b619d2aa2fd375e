/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last gate: whatever a handler has put into an answer, another tenant's name does not
 * leave. The broker is whole, from the socket to the encoder, but for one handler, which does
 * what none should ever do.
 */
#include "../test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "api/request.h"
#include "api/session.h"
#include "base/fs.h"
#include "base/mem.h"
#include "broker/bootstrap.h"
#include "broker/parts.h"
#include "net/plain.h"

enum { HERE = 0, ELSEWHERE = 7 };

static _Atomic uint32_t tenant_told;	/* of the second topic */

enum api_turn __wrap_api_metadata(struct request *rq, const void *in, void *out);

enum api_turn
__wrap_api_metadata(struct request *rq, const void *in, void *vout)
{
	struct metadata_rsp *out = vout;
	(void)in;
	WIRE_ADD(rq->arena, out->topics, metadata_rsp_topic)->name = NAME(request_tenant(rq), STR("ours"));
	WIRE_ADD(rq->arena, out->topics, metadata_rsp_topic)->name = NAME(atomic_load(&tenant_told), STR("theirs"));
	return API_ANSWER;
}

/* ---- a broker with one door ---- */

static struct transport *
transport(void *arg, int fd, struct loop *loop)
{
	(void)arg, (void)loop;
	return plain_create(fd);
}

static int
start_rcu(struct broker *b, struct why *why)
{
	(void)why;
	b->rcu = rcu_create();
	return 0;
}

static void
stop_rcu(struct broker *b)
{
	rcu_destroy(&b->rcu);
}

/* A small one: nothing is kept. */
static int
start_store(struct broker *b, struct why *why)
{
	struct store_config c = store_config_default;
	c.journal_bytes = 1 << 20;
	c.journal_files = 2;
	c.soft_free_percent = 0;
	c.ballast_bytes = 0;
	c.readers = 1;
	return store_open(b->conf->log_dirs, &c, &b->ev, &b->store, why);
}

static const struct part rows[] = {
	{ "rcu", start_rcu, stop_rcu, NULL },
	{ "log", start_store, part_store_stop, NULL },
	{ "metadata", part_meta_start, part_meta_stop, NULL },
	{ "limits", part_limits_start, part_limits_stop, NULL },
	{ "loops", part_loops_start, part_loops_stop, NULL },
	{ "controller", part_controller_start, part_controller_stop, NULL },
	{ "requests", part_core_start, part_core_stop, NULL },
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]), LIMITS = 3 };

struct host {
	struct broker b;
	struct core_listener core;
	struct conn_limits limits;
	struct listener *door;
	char dir[64];
	FILE *lines;
	int honest, told;		/* connections of clients */
};

static void
configure(struct host *h)
{
	char text[400], path[100];
	struct why why = { "" };
	snprintf(h->dir, sizeof(h->dir), "/tmp/schloss-answer-XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	snprintf(path, sizeof(path), "%s/data", h->dir);
	assert_ok(fs_mkdir(path));
	assert_ok(bootstrap_metadata(path, STR("admin"), STR("x"), &why));
	int n = snprintf(text, sizeof(text), "log.dirs: \"%s\"\nnum.network.threads: 1\nnum.io.threads: 1\n"
	    "listeners:\n  A:\n    address: 127.0.0.1:9\n    protocol: PLAINTEXT\n"
	    "    allow.plaintext: true\n    allow.anonymous: true\n", path);
	snprintf(path, sizeof(path), "%s/conf", h->dir);
	assert_ok(fs_replace_lazy(path, text, (size_t)n));
	if (conf_load(path, &h->b.boot, &why) != 0)
		fail_msg("%s", why.text);
	h->b.conf = conf_ref(h->b.boot);
	h->lines = tmpfile();
	assert_non_null(h->lines);
	h->b.sink = (struct log_sink){ .fd = fileno(h->lines), .level = LOG_LVL_INFO };
	event_root(&h->b.ev, &h->b.sink);
}

static int
dial(struct host *h)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(listener_port(h->door)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { 60, 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_ok(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)));
	assert_ok(connect(fd, (struct sockaddr *)&a, sizeof(a)));
	return fd;
}

static int
setup(void **state)
{
	struct host *h = MEM_NEW(struct host);
	struct broker *b = &h->b;
	struct why why = { "" };
	configure(h);
	for (int i = 0; i < ROWS; i++)
		if (rows[i].start(b, &why) != 0)
			fail_msg("%s: %s", rows[i].name, why.text);
	h->core = (struct core_listener){ .core = &b->core, .name = STR("A"), .told = { STR("h"), 9 },
		.anonymous = true, .login.tenant = HERE };
	h->limits = conn_limits_default;
	b->listeners = listeners_create(&(struct listeners_config){ .loops = b->loops, .loops_n = b->loops_n,
	    .limits = &h->limits, .max = 10, .max_per_ip = 10, .login_max = 10, .login_max_per_ip = 10 });
	assert_ok(listener_create(b->listeners, &(struct listener_config){ .name = "A", .host = "127.0.0.1",
	    .ops = &session_ops, .arg = &h->core, .transport = transport, .ev = &b->ev }, &h->door, &why));
	listener_open(h->door);
	h->honest = dial(h);
	h->told = dial(h);
	*state = h;
	return 0;
}

static int
teardown(void **state)
{
	struct host *h = *state;
	close(h->told);
	close(h->honest);
	listener_destroy(&h->door);
	while (listeners_count(h->b.listeners) > 0)
		usleep(1000);
	for (int i = ROWS - 1; i >= 0; i--) {
		if (i == LIMITS) /* the loops are gone, what is charged is not */
			listeners_destroy(&h->b.listeners);
		rows[i].stop(&h->b);
	}
	conf_unref(&h->b.conf);
	conf_unref(&h->b.boot);
	fs_rmtree(h->dir);
	fclose(h->lines);
	mem_free(h);
	return 0;
}

/* ---- a client ---- */

/* Metadata 1 of all topics; the bytes of the answer, all that ever come where it is none. */
static size_t
ask(int fd, uint8_t *answer, size_t most)
{
	static const uint8_t request[] = { 0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 42, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	size_t n = 0, want = 4;
	assert_int_equal(send(fd, request, sizeof(request), MSG_NOSIGNAL), sizeof(request));
	while (n < want) {
		ssize_t got = recv(fd, answer + n, want - n, 0);
		assert_true(got >= 0);	/* else it is silent, which is no answer either */
		if (got == 0)
			break;
		n += (size_t)got;
		if (n == 4) {
			want = 4 + ((size_t)answer[2] << 8 | answer[3]);
			assert_true(want <= most);
		}
	}
	return n;
}

static bool
has(const void *p, size_t n, const char *text)
{
	return memmem(p, n, text, strlen(text)) != NULL;
}

static bool
logged(struct host *h, const char *text)
{
	char lines[16384];
	ssize_t n = pread(fileno(h->lines), lines, sizeof(lines), 0);
	assert_true(n >= 0);
	return has(lines, (size_t)n, text);
}

static void
a_foreign_name_closes_the_connection_with_an_alarm(void **state)
{
	struct host *h = *state;
	uint8_t answer[4096];
	size_t n;

	atomic_store(&tenant_told, HERE);
	n = ask(h->told, answer, sizeof(answer));
	assert_true(has(answer, n, "ours") && has(answer, n, "theirs"));
	assert_false(logged(h, "ALARM"));

	atomic_store(&tenant_told, ELSEWHERE);
	assert_int_equal(ask(h->told, answer, sizeof(answer)), 0);	/* not even what was before the name */
	assert_true(logged(h, "ALARM: the answer to Metadata version 1 could not be made"));
	assert_false(logged(h, "theirs"));

	/* It is that connection's end and nobody else's. */
	atomic_store(&tenant_told, HERE);
	assert_true(has(answer, ask(h->honest, answer, sizeof(answer)), "theirs"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_foreign_name_closes_the_connection_with_an_alarm, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
