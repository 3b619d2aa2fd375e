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

#include "../../small_broker.h"
#include "api/request.h"
#include "base/mem.h"

enum { HERE = 0, ELSEWHERE = 7 };	/* tenants; who is nobody is in main */

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

/* ---- a broker ---- */

struct host {
	struct small_broker small;
	FILE *lines;
	int honest, told;		/* connections of clients */
};

static int
dial(struct host *h)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(listener_port(h->small.door)),
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
	h->lines = tmpfile();
	assert_non_null(h->lines);
	small_broker_start(&h->small, "/tmp", &session_ops, fileno(h->lines), LOG_LVL_INFO, 1 << 20);
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
	small_broker_stop(&h->small);
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
