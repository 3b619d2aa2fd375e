/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "broker/client_file.h"
#include "broker/conf.h"
#include "broker/init.h"
#include "broker/pki.h"
#include "broker/system.h"

static char top[64];

static int
setup(void **state)
{
	char made[] = "/tmp/test_init.XXXXXX";
	(void)state;
	if (mkdtemp(made) == NULL)
		return -1;
	snprintf(top, sizeof(top), "%s", made);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return fs_rmtree(top);
}

static const char *
below(const char *name)
{
	static char path[4][256];
	static int turn;
	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", top, name);
	return path[turn];
}

static int
metadata_ok(const char *data_dir, struct str admin, struct str password, struct why *why)
{
	char path[512];
	(void)why;
	assert_true(admin.n > 0);
	assert_int_equal(password.n, 24);
	snprintf(path, sizeof(path), "%s/meta.db", data_dir);
	return fs_replace(path, "x", 1);
}

static int
metadata_fails(const char *data_dir, struct str admin, struct str password, struct why *why)
{
	assert_ok(metadata_ok(data_dir, admin, password, why));
	return why_set(why, ERR_NOSPACE, "no room");
}

static struct init
some(const char *dir)
{
	return (struct init){ .dir = dir, .listen = INIT_LISTEN, .admin = INIT_ADMIN,
	    .now = 1790000000, .metadata = metadata_ok };
}

static unsigned
mode_of(const char *path)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 0777;
}

static char *
slurp(const char *path)
{
	char *text;
	size_t n;
	assert_ok(fs_slurp(path, 1 << 20, &text, &n));
	return text;
}

static int
count(const char *name, void *arg)
{
	(void)name;
	++*(int *)arg;
	return 0;
}

static int
entries(const char *path)
{
	int n = 0;
	assert_ok(fs_list(path, count, &n));
	return n;
}

static void
makes_a_broker(void **state)
{
	struct init_result r;
	struct why why = { "" };
	struct conf *conf;
	char want[512];
	(void)state;
	struct init in = some(below("one/"));
	if (init_run(&in, &r, &why) != 0)
		fail_msg("%s", why.text);
	assert_string_equal(r.conf, below("one/schlossd.yaml"));
	assert_string_equal(r.client, below("one/admin.conf"));
	assert_int_equal(mode_of(below("one")), 0700);
	assert_int_equal(mode_of(below("one/data")), 0700);
	assert_int_equal(mode_of(below("one/tls")), 0700);
	assert_int_equal(mode_of(below("one/tls/ca.key")), 0600);
	assert_int_equal(mode_of(below("one/tls/server.pem")), 0600);
	assert_int_equal(mode_of(below("one/tls/ca.pem")), 0644);
	assert_int_equal(mode_of(below("one/admin.conf")), 0600);
	assert_int_equal(mode_of(below("one/admin.properties")), 0600);
	assert_true(fs_exists(below("one/data/meta.db")));
	if (conf_load(r.conf, &conf, &why) != 0)
		fail_msg("%s", why.text);
	assert_string_equal(conf->log_dirs, below("one/data"));
	assert_string_equal(conf->listeners[0].keystore, below("one/tls/server.pem"));
	assert_null(conf->user);
	conf_unref(&conf);

	char *text = slurp(r.client);
	snprintf(want, sizeof(want), "bootstrap.servers=127.0.0.1:9093\nsecurity.protocol=SASL_SSL\n"
	    "ssl.ca.location=%s/one/tls/ca.pem\nsasl.mechanisms=SCRAM-SHA-256\nsasl.username=admin\n"
	    "sasl.password=", top);
	assert_memory_equal(text, want, strlen(want));
	assert_int_equal(strlen(text), strlen(want) + 24 + 1);
	mem_free(text);
	text = slurp(r.java);
	assert_non_null(strstr(text, "ssl.truststore.certificates=-----BEGIN CERTIFICATE-----\\n"));
	assert_non_null(strstr(text, "ScramLoginModule required username=\"admin\" password=\""));
	mem_free(text);
	assert_int_equal(entries(top), 1);
	assert_int_equal(init_run(&in, &r, &why), ERR_EXISTS);
	assert_non_null(strstr(why.text, "is in use"));
	assert_ok(fs_rmtree(below("one")));
}

static void
failure_leaves_nothing(void **state)
{
	struct init_result r;
	struct why why;
	(void)state;
	struct init in = some(below("two"));
	in.metadata = metadata_fails;
	assert_int_equal(init_run(&in, &r, &why), ERR_NOSPACE);
	assert_string_equal(why.text, "no room");
	assert_int_equal(entries(top), 0);
	/* An empty directory may be taken, and stays if that fails. */
	assert_ok(fs_mkdir(below("two")));
	assert_int_equal(init_run(&in, &r, &why), ERR_NOSPACE);
	assert_int_equal(entries(top), 1);
	in.metadata = metadata_ok;
	assert_ok(init_run(&in, &r, &why));
	assert_ok(fs_rmtree(below("two")));
	in.dir = below("absent/two");
	assert_int_equal(init_run(&in, &r, &why), ERR_NOTFOUND);
	assert_non_null(strstr(why.text, "does not exist"));
}

static void
bad_words(void **state)
{
	static const struct {
		const char *listen, *advertise, *admin, *message;
	} rows[] = {
		{ "0.0.0.0:9093", NULL, "admin", "clients cannot connect to 0.0.0.0:9093: add --advertise" },
		{ "[::]:9093", NULL, "admin", "clients cannot connect to [::]:9093: add --advertise" },
		{ "*:9093", "*:9093", "admin", "clients cannot connect to *:9093: add --advertise" },
		{ "9093", NULL, "admin", "--listen: \"9093\" is not HOST:PORT" },
		{ "h:0", NULL, "admin", "--listen: \"h:0\" is not HOST:PORT" },
		{ "h:1", "h", "admin", "--advertise: \"h\" is not HOST:PORT" },
		{ "h:1", NULL, "a/b", "--admin: \"a/b\" cannot be the name of a user" },
		{ "h:1", NULL, "", "--admin: \"\" cannot be the name of a user" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct init_result r;
		struct why why;
		struct init in = some(below("x"));
		in.listen = rows[i].listen;
		in.advertise = rows[i].advertise;
		in.admin = rows[i].admin;
		assert_int_equal(init_run(&in, &r, &why), ERR_INVAL);
		assert_memory_equal(why.text, rows[i].message, strlen(rows[i].message));
		assert_int_equal(entries(top), 0);
	}
}

static void
names_in_the_certificate(void **state)
{
	struct init_result r;
	struct why why;
	struct pki_names names = { .n = 0 };
	(void)state;
	struct init in = some(below("three"));
	in.listen = "*:9093";
	in.advertise = "kafka.example.org:443";
	assert_ok(init_run(&in, &r, &why));
	char *text = slurp(below("three/tls/server.pem"));
	assert_ok(pki_names_of(str_from(text), &names, &why));
	assert_string_equal(names.v[0], "kafka.example.org");
	mem_free(text);
	pki_names_free(&names);
	text = slurp(r.client);
	assert_non_null(strstr(text, "bootstrap.servers=kafka.example.org:443\n"));
	mem_free(text);
	assert_ok(fs_rmtree(below("three")));
}

static void
one_process_a_directory(void **state)
{
	struct why why;
	int fd = -1, other = -1;
	(void)state;
	assert_ok(system_lock(top, &fd, &why));
	assert_int_equal(system_lock(top, &other, &why), ERR_BUSY);
	assert_non_null(strstr(why.text, "is in use by a running schlossd: stop it first"));
	assert_int_equal(other, -1);
	system_unlock(&fd);
	assert_ok(system_lock(top, &fd, &why));
	system_unlock(&fd);
	assert_int_equal(system_lock(below("absent"), &fd, &why), ERR_NOTFOUND);
	assert_ok(fs_unlink(below(".lock")));
}

static void
client_forms(void **state)
{
	struct client_file cf = { "h:1", "SASL_SSL", "PLAIN", "an\"na@acme", "p\\q\"r", "/ca",
	    STR("-----BEGIN CERTIFICATE-----\nAB\\\n") };
	struct buf b;
	struct why why;
	(void)state;
	buf_init(&b, 65536);
	assert_ok(client_file_rdkafka(&cf, &b));
	assert_str(buf_str(&b), "bootstrap.servers=h:1\nsecurity.protocol=SASL_SSL\nssl.ca.location=/ca\n"
	    "sasl.mechanisms=PLAIN\nsasl.username=an\"na@acme\nsasl.password=p\\q\"r\n");
	b.n = 0;
	assert_ok(client_file_java(&cf, &b));
	assert_str(buf_str(&b), "bootstrap.servers=h:1\nsecurity.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n"
	    "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required "
	    "username=\"an\\\\\"na@acme\" password=\"p\\\\\\\\q\\\\\"r\";\nssl.truststore.type=PEM\n"
	    "ssl.truststore.certificates=-----BEGIN CERTIFICATE-----\\nAB\\\\\\n\n");
	b.n = 0;
	cf.password = " x";
	assert_int_equal(client_file_rdkafka(&cf, &b), ERR_INVAL);
	b.n = 0;
	cf.password = "x\ny";
	assert_int_equal(client_file_write(below("f.conf"), &cf, &why), ERR_INVAL);
	assert_int_equal(client_file_write(below("f.properties"), &cf, &why), ERR_INVAL);
	assert_int_equal(entries(top), 0);
	buf_free(&b);
	char one[PASSWORD_TEXT], two[PASSWORD_TEXT];
	password_make(one);
	password_make(two);
	assert_string_not_equal(one, two);
	assert_int_equal(strlen(one), 24);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(makes_a_broker), T(failure_leaves_nothing), T(bad_words), T(names_in_the_certificate),
		T(one_process_a_directory), T(client_forms),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
