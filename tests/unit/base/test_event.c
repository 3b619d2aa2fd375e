/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <unistd.h>

#include "base/err.h"
#include "base/event.h"

static char line[8192];

static const char *
logged(int fd)
{
	ssize_t n = read(fd, line, sizeof(line) - 1);
	line[n < 0 ? 0 : n] = '\0';
	return line;
}

static void
fields_come_from_the_chain(void **state)
{
	(void)state;
	int p[2];
	assert_int_equal(pipe2(p, 0), 0);
	struct log_sink sink = { .fd = p[1], .journald = 1, .level = LOG_LVL_INFO };
	struct event root, conn, user;
	event_root(&root, &sink);
	event_child(&conn, &root, "peer", STR("::1:99"));
	event_child(&user, &conn, "user", STR("bert\n<3>forged"));
	ev_info(&user, "hello %d", 7);
	assert_string_equal(logged(p[0]), "<6>peer=::1:99 user=bert\\x0a<3>forged hello 7\n");
	ev_debug(&user, "dropped");
	ev_err(&root, "plain");
	assert_string_equal(logged(p[0]), "<3>plain\n");
	char big[6000];
	memset(big, 'x', sizeof(big));
	ev_err(&root, "%.*s", (int)sizeof(big), big);
	assert_int_equal(strlen(logged(p[0])), 4095);
	assert_int_equal(line[4094], '\n');
	close(p[0]);
	close(p[1]);
}

static void
levels_have_names(void **state)
{
	(void)state;
	enum log_level l;
	assert_ok(log_level_parse(STR("warn"), &l));
	assert_int_equal(l, LOG_LVL_WARN);
	assert_string_equal(log_level_name(l), "warn");
	assert_int_equal(log_level_parse(STR("loud"), &l), ERR_INVAL);
}

TEST_MAIN(T(fields_come_from_the_chain), T(levels_have_names))
