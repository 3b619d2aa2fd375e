/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "broker/conf.h"

#define LISTENER_OK "listeners: {main: {address: \"127.0.0.1:9093\"}}\n" \
	"ssl.keystore.location: tls/server.pem\n"
#define BASE "log.dirs: data\n" LISTENER_OK

static char dir[64];

static int
setup(void **state)
{
	char made[] = "/tmp/test_conf.XXXXXX";
	(void)state;
	if (mkdtemp(made) == NULL)
		return -1;
	snprintf(dir, sizeof(dir), "%s", made);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return fs_rmtree(dir);
}

static const char *
path_of(const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
put_bytes(const char *name, const char *text, size_t n)
{
	assert_ok(fs_replace(path_of(name), text, n));
}

static void
put(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

static struct conf *
load(const char *text)
{
	struct conf *conf = NULL;
	struct why why = { "" };
	put("c.yaml", text);
	if (conf_load(path_of("c.yaml"), &conf, &why) != 0)
		fail_msg("%s", why.text);
	return conf;
}

/* The reason, without the directory of the file. */
static const char *
reason(const char *text)
{
	static struct why why;
	struct conf *conf = NULL;
	put("c.yaml", text);
	if (conf_load(path_of("c.yaml"), &conf, &why) == 0)
		fail_msg("accepted: %s", text);
	assert_null(conf);
	size_t n = strlen(dir) + 1;
	return strncmp(why.text, dir, strlen(dir)) == 0 ? why.text + n : why.text;
}

static const struct {
	const char *file, *message;
} refused[] = {
	/* the form */
	{ "a: b: c\n", "c.yaml:1:5: mapping values are not allowed in this context" },
	{ "log.dirs: data\n\tuser: x\n", "c.yaml:2:1: a tab: indent with spaces" },
	{ "- a\n", "c.yaml:1:1: \"name: value\" lines are expected here" },
	{ "just words\n", "c.yaml:1:1: \"name: value\" lines are expected here" },
	{ "log.dirs: a\n---\nlog.dirs: b\n", "c.yaml:2:1: a second document (---) is not allowed" },
	{ "log.dirs: &x data\n", "c.yaml:1:11: anchors (&x) are not allowed" },
	{ "log.dirs: *x\n", "c.yaml:1:11: aliases (*x) are not allowed: write the value again" },
	{ "log.dirs: !!str data\n", "c.yaml:1:11: tags (tag:yaml.org,2002:str) are not allowed" },
	{ "? [a]\n: b\n", "c.yaml:1:3: a key must be one word" },
	{ "user: a\nlog.dirs: d\nuser: b\n", "c.yaml:3:1: user stands twice: also in line 1" },
	{ "listeners:\n  a:\n    b: [[[[[[[[1]]]]]]]]\n", "c.yaml:3:14: nested deeper than 8" },
	{ "log.dirs: \"a\n", "c.yaml:2:1: found unexpected end of stream, while scanning a quoted scalar" },
	/* names */
	{ "num.partitons: 3\n", "c.yaml:1:1: unknown key num.partitons: did you mean num.partitions?" },
	{ "zzz: 3\n", "c.yaml:1:1: unknown key zzz" },
	{ "zz\\x: 3\n", "c.yaml:1:1: unknown key zz\\x5cx" },
	{ "log:\n  dirs: x\n", "c.yaml:1:1: unknown key log: names are written with dots, on one line "
	    "each, as in log.retention.ms: 1000" },
	{ "advertised.listeners: x\n", "c.yaml:1:1: advertised.listeners is the key advertised of each "
	    "entry of listeners" },
	/* values */
	{ "node.id: one\n", "c.yaml:1:10: node.id: \"one\" is no plain number: write digits only, such as 1" },
	{ "node.id: -1\n", "c.yaml:1:10: node.id: -1 is not in the range 0 to 2147483647" },
	{ "node.id: 010\n", "c.yaml:1:10: node.id: \"010\" is no plain number: write digits only, such as 1" },
	{ "node.id: 99999999999999999999\n", "c.yaml:1:10: node.id: 99999999999999999999 is not in the "
	    "range 0 to 2147483647" },
	{ "ssl.keystore.type: JKS\n", "c.yaml:1:20: ssl.keystore.type: \"JKS\" is none of: PEM" },
	{ "ssl.truststore.type: PKCS12\n", "c.yaml:1:22: ssl.truststore.type: \"PKCS12\" is none of: PEM" },
	{ "log.segment.bytes: 10 MiB\n", "c.yaml:1:20: log.segment.bytes: \"10 MiB\" is no plain number "
	    "(bytes): write digits only, such as 1073741824" },
	{ "log.segment.bytes: 1e6\n", "c.yaml:1:20: log.segment.bytes: \"1e6\" is no plain number (bytes): "
	    "write digits only, such as 1073741824" },
	{ "log.retention.hours: x\n", "c.yaml:1:22: log.retention.ms: \"x\" is no plain number (ms): write "
	    "digits only, such as 604800000" },
	{ "node.id:\n  - 1\n  - 2\n", "c.yaml:2:3: node.id: one value is expected, not a list" },
	{ "node.id: {a: 1}\n", "c.yaml:1:10: node.id: a value is expected, not a map" },
	{ "auto.create.topics.enable: yes\n", "c.yaml:1:28: auto.create.topics.enable: \"yes\" is neither "
	    "true nor false" },
	{ "auto.create.topics.enable: \"true\"\n", "c.yaml:1:28: auto.create.topics.enable: \"true\" is "
	    "neither true nor false, which stand without quotes" },
	{ "user: no\n", "c.yaml:1:7: user: no without quotes is no text in YAML: write \"no\" if that word "
	    "is meant" },
	{ "user: ~\n", "c.yaml:1:7: user: ~ without quotes is no text in YAML: write \"~\" if that word is "
	    "meant" },
	{ "user:\n", "c.yaml:1:6: user: a value is missing" },
	{ "user: ${USER}\n", "c.yaml:1:7: user: ${...} is not replaced here: write the value" },
	{ "user: \"a\\0b\"\n", "c.yaml:1:7: user: the text is no UTF-8 or has a zero byte" },
	{ "log.flush: on\n", "c.yaml:1:12: log.flush: on without quotes is no text in YAML: write \"on\" if "
	    "that word is meant" },
	{ "log.flush: never\n", "c.yaml:1:12: log.flush: \"never\" is none of: ack interval os" },
	{ "log.cleanup.policy: [delete, delete]\n", "c.yaml:1:21: log.cleanup.policy: delete stands twice" },
	{ "log.cleanup.policy: []\n", "c.yaml:1:21: log.cleanup.policy: the list is empty" },
	{ "log.cleanup.policy: [delete, {a: b}]\n", "c.yaml:1:30: log.cleanup.policy: a word is expected" },
	{ "log.cleanup.policy: delete,shred\n", "c.yaml:1:21: log.cleanup.policy: \"shred\" is none of: "
	    "delete compact" },
	{ "log.cleaner.min.cleanable.ratio: 1.5\n", "c.yaml:1:34: log.cleaner.min.cleanable.ratio: 1.5 is "
	    "not in the range 0 to 1" },
	{ "log.cleaner.min.cleanable.ratio: 1.2.3\n", "c.yaml:1:34: log.cleaner.min.cleanable.ratio: "
	    "\"1.2.3\" is no number such as 0.5" },
	{ "log.retention.ms: 5\nlog.retention.hours: 1\n" BASE, "c.yaml:2:1: log.retention.ms was set "
	    "already, in %DIR%/c.yaml line 1" },
	/* what is missing */
	{ "", "c.yaml:1:1: log.dirs must be set: The data directory: partitions, journal and metadata. There "
	    "is one." },
	{ "log.dirs: d\n", "c.yaml:1:1: listeners must be set, at least listeners: {main: {address: "
	    "\"127.0.0.1:9093\"}}" },
	{ "# a comment\n\nuser: x\n", "c.yaml:3:1: log.dirs must be set: The data directory: partitions, journal "
	    "and metadata. There is one." },
	{ "log.dirs: d\nlisteners: {}\n", "c.yaml:2:12: listeners must be set, at least listeners: {main: {address: "
	    "\"127.0.0.1:9093\"}}" },
	/* listeners */
	{ "listeners: SASL_SSL://:9093,SSL://:9094\n", "c.yaml:1:12: listeners: this form is not read; "
	    "write listeners: {SASL_SSL: {address: \"*:9093\", advertised: \"NAME-OF-THIS-MACHINE:9093\", "
	    "protocol: SASL_SSL}, SSL: {address: \"*:9094\", advertised: \"NAME-OF-THIS-MACHINE:9094\", "
	    "protocol: SSL}}" },
	{ "listeners: [\"A://1.2.3.4:9\", \"B://[::1]:8\"]\n", "c.yaml:1:12: listeners: this form is not read; "
	    "write listeners: {A: {address: \"1.2.3.4:9\", protocol: SASL_SSL}, B: {address: \"[::1]:8\", "
	    "protocol: SASL_SSL}}" },
	{ "log.retention.hours: 1000000000000000\n", "c.yaml:1:22: log.retention.hours: 1000000000000000 is more "
	    "than 2562047788015" },
	{ "listeners: 9093\n", "c.yaml:1:12: listeners: a map is expected: listeners: {main: {address: "
	    "\"127.0.0.1:9093\"}}" },
	{ "listeners:\n  a b: {}\n", "c.yaml:2:3: a listener's name is 1 to 32 letters, digits, _ or -" },
	{ "listeners:\n  a: 9093\n", "c.yaml:2:6: listener a: a map is expected, at least {address: "
	    "HOST:PORT}" },
	{ "listeners:\n  a: {adress: x}\n", "c.yaml:2:7: unknown key adress: did you mean address?" },
	{ "listeners:\n  a: {protocol: SSL}\n", "c.yaml:2:3: listener a: address: must be set, as "
	    "HOST:PORT" },
	{ "listeners:\n  a: {address: \"x\"}\n", "c.yaml:2:16: listener a: address: \"x\" is not HOST:PORT "
	    "with a port from 1 to 65535" },
	{ "listeners:\n  a: {address: \"x:0\"}\n", "c.yaml:2:16: listener a: address: \"x:0\" is not "
	    "HOST:PORT with a port from 1 to 65535" },
	{ "listeners:\n  a: {address: \"::1:9\"}\n", "c.yaml:2:16: listener a: address: \"::1:9\": an IPv6 "
	    "address stands in brackets, as in [::1]:9093" },
	{ "listeners:\n  a: {address: \"a b:9\"}\n", "c.yaml:2:16: listener a: address: \"a b:9\" has no "
	    "host that can be" },
	{ "listeners:\n  a: {address: \"0.0.0.0:9\"}\n", "c.yaml:2:3: listener a: advertised: must be set, "
	    "as HOST:PORT: clients cannot connect to \"0.0.0.0:9\"" },
	{ "listeners:\n  a: {address: \"*:9\", advertised: \"[::]:9\"}\n", "c.yaml:2:35: listener a: "
	    "advertised: clients cannot connect to \"[::]:9\"" },
	{ "listeners:\n  a: {address: \"h:9\", tenant: Acme}\n", "c.yaml:2:31: listener a: tenant: \"Acme\" "
	    "is no name of a tenant: a small letter, then at most 30 small letters, digits or -" },
	{ "listeners:\n  a: {address: \"h:9\", protocol: SSL, tenant: from-login}\n", "c.yaml:2:46: listener "
	    "a: tenant: from-login needs SASL: without it there is no login name" },
	{ "listeners:\n  a: {address: \"h:9\", protocol: SSL, mechanisms: [PLAIN]}\n", "c.yaml:2:50: "
	    "listener a: mechanisms: needs protocol SASL_SSL or SASL_PLAINTEXT" },
	{ "listeners:\n  a: {address: \"h:9\", mechanisms: [DIGEST-MD5]}\n", "c.yaml:2:35: mechanisms: "
	    "\"DIGEST-MD5\" is none of: SCRAM-SHA-256 SCRAM-SHA-512 PLAIN GSSAPI OAUTHBEARER" },
	{ "listeners:\n  a: {address: \"h:9\", protocol: SASL_PLAINTEXT, allow.plaintext: true, mechanisms: "
	    "PLAIN}\n", "c.yaml:2:84: listener a: mechanisms: PLAIN shows passwords: it needs protocol "
	    "SASL_SSL" },
	{ "listeners:\n  a: {address: \"h:9\", protocol: SASL_PLAINTEXT}\n", "c.yaml:2:33: listener a: "
	    "protocol: everybody on the way can read and change what is sent; use SASL_SSL, or add "
	    "allow.plaintext: true" },
	{ "ssl.keystore.location: k\nlisteners:\n  a: {address: \"h:9\", allow.plaintext: true}\n",
	    "c.yaml:3:40: listener a: allow.plaintext: has no effect with TLS: remove it" },
	{ "listeners:\n  a: {address: \"h:9\"}\n", "c.yaml:2:3: listener a: protocol: TLS needs "
	    "ssl.keystore.location, a PEM file with key and certificate; schlossd init makes one" },
	{ "ssl.keystore.location: k\nlisteners:\n  a: {address: \"h:9\", protocol: SSL}\n", "c.yaml:3:3: "
	    "listener a: client.auth: needs ssl.truststore.location, a PEM file with the authorities that "
	    "are trusted" },
	{ "ssl.keystore.location: k\nlisteners:\n  a: {address: \"h:9\", protocol: SSL, client.auth: "
	    "none}\n", "c.yaml:3:33: listener a: protocol: nobody has to prove who he is; use SASL_SSL, or "
	    "SSL with client.auth: required, or add allow.anonymous: true" },
	{ "listeners:\n  a: {address: \"h:9\", protocol: PLAINTEXT, allow.plaintext: true}\n", "c.yaml:2:33: "
	    "listener a: protocol: nobody has to prove who he is; use SASL_SSL, or SSL with client.auth: "
	    "required, or add allow.anonymous: true" },
	{ "ssl.keystore.location: k\nlisteners:\n  a: {address: \"h:9\", allow.anonymous: true}\n",
	    "c.yaml:3:40: listener a: allow.anonymous: has no effect where everybody must log in: remove it" },
	{ "listeners:\n  a: {address: \"h:9\", protocol: SASL_PLAINTEXT, allow.plaintext: true, client.auth: "
	    "required}\n", "c.yaml:2:85: listener a: client.auth: needs protocol SSL or SASL_SSL" },
	{ "ssl.keystore.location: k\nlisteners:\n  a: {address: \"h:9\", ssl.crl.location: /c}\n", "c.yaml:3:41: listener a: "
	    "ssl.crl.location: has no effect where no client shows a certificate: remove it, or set client.auth" },
	{ "listeners:\n  a: {address: \"h:9\", protocol: SASL_PLAINTEXT, allow.plaintext: true, ssl.crl.location: /c}\n",
	    "c.yaml:2:90: listener a: ssl.crl.location: has no effect where no client shows a certificate: " },
	{ "ssl.keystore.location: k\nlisteners:\n  a: {address: \"h:9\"}\n  b: {address: \"*:9\", "
	    "advertised: \"h:9\"}\n", "c.yaml:4:16: listener b: address: port 9 is taken by listener a" },
	{ "ssl.keystore.location: k\nlisteners:\n  a: {address: \"h:9\", ssl.principal.mapping.rules: \"RULE:\"}\n",
	    "c.yaml:3:52: listener a: ssl.principal.mapping.rules: " },
	/* rules across */
	{ BASE "group.min.session.timeout.ms: 5\ngroup.max.session.timeout.ms: 4\n", "c.yaml:4:1: "
	    "group.min.session.timeout.ms: 5 is above group.max.session.timeout.ms: 4" },
	{ BASE "max.connections: 50\n", "c.yaml:4:1: max.connections: 50 is below login.max.connections: 1000 "
	    "(default)" },
	{ BASE "login.max.connections: 30000\n", "c.yaml:4:1: login.max.connections: 30000 is above "
	    "max.connections: 20000 (default)" },
	{ BASE "login.timeout.ms: 9000\n", "c.yaml:4:1: login.timeout.ms: 9000 is below login.tls.timeout.ms: 10000 "
	    "(default)" },
	{ BASE "log.cleaner.max.compaction.lag.ms: 1\nlog.cleaner.min.compaction.lag.ms: 2\n", "c.yaml:5:1: "
	    "log.cleaner.min.compaction.lag.ms: 2 is above log.cleaner.max.compaction.lag.ms: 1" },
};

static void
errors_name_the_place(void **state)
{
	char expected[700];
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const char *mark = strstr(refused[i].message, "%DIR%");
		if (mark != NULL)
			snprintf(expected, sizeof(expected), "%.*s%s%s", (int)(mark - refused[i].message),
			    refused[i].message, dir, mark + 5);
		else
			snprintf(expected, sizeof(expected), "%s", refused[i].message);
		const char *got = reason(refused[i].file);
		if (refused[i].message[strlen(refused[i].message) - 1] == ' ') /* the rest is another's */
			assert_memory_equal(got, expected, strlen(expected));
		else
			assert_string_equal(got, expected);
	}
}

static void
not_utf8_and_too_large(void **state)
{
	struct conf *conf = NULL;
	struct why why;
	char *large = mem_alloc(1024 * 1024 + 1);
	(void)state;
	assert_non_null(strstr(reason("user: \xff\n"), "not UTF-8"));
	memset(large, '#', 1024 * 1024 + 1);
	put_bytes("c.yaml", large, 1024 * 1024 + 1);
	mem_free(large);
	assert_int_not_equal(conf_load(path_of("c.yaml"), &conf, &why), 0);
	assert_non_null(strstr(why.text, "larger than 1048576 bytes"));
	assert_int_not_equal(conf_load(path_of("absent.yaml"), &conf, &why), 0);
	assert_non_null(strstr(why.text, "absent.yaml: cannot be read"));
}

static void
defaults(void **state)
{
	char want[128];
	struct conf *conf = load(BASE);
	(void)state;
	assert_int_equal(conf->node_id, 1);
	assert_int_equal(conf->log_retention_ms, 604800000);
	assert_int_equal(conf->flush, CONF_FLUSH_ACK);
	assert_false(conf->auto_create_topics_enable);
	assert_int_equal(conf->log_cleanup_policy.n, 1);
	assert_string_equal(conf->log_cleanup_policy.v[0], "delete");
	assert_null(conf->user);
	snprintf(want, sizeof(want), "%s/data", conf->dir);
	assert_string_equal(conf->log_dirs, want);
	assert_int_equal(conf->listener_count, 1);
	const struct conf_listener *l = &conf->listeners[0];
	assert_string_equal(l->name, "main");
	assert_string_equal(l->bind.host, "127.0.0.1");
	assert_int_equal(l->told.port, 9093);
	assert_true(l->tls && l->sasl && !l->tenant_from_login);
	assert_string_equal(l->tenant, "main");
	assert_int_equal(l->mechanisms.n, 2);
	assert_int_equal(l->client_auth, CONF_CERT_NONE);
	snprintf(want, sizeof(want), "%s/tls/server.pem", conf->dir);
	assert_string_equal(l->keystore, want);
	conf_unref(&conf);
	assert_null(conf);
}

static void
listeners_differ(void **state)
{
	struct conf *conf = load("log.dirs: /d\nssl.keystore.location: /k\nssl.truststore.location: /t\n"
	    "listeners:\n"
	    "  certs: {address: \"[::1]:9094\", protocol: SSL, ssl.truststore.location: other.pem}\n"
	    "  teams: {address: \"*:9095\", advertised: \"kafka.example.org:443\", tenant: from-login,\n"
	    "          mechanisms: [PLAIN, GSSAPI], client.auth: requested}\n"
	    "  open:\n    address: 127.0.0.1:9092\n    protocol: PLAINTEXT\n    allow.plaintext: true\n"
	    "    allow.anonymous: true\n");
	(void)state;
	assert_int_equal(conf->listener_count, 3);
	const struct conf_listener *l = conf->listeners;
	assert_string_equal(l[0].bind.host, "::1");
	assert_int_equal(l[0].client_auth, CONF_CERT_REQUIRED);
	assert_string_equal(l[0].keystore, "/k");
	assert_non_null(strstr(l[0].truststore, "/other.pem"));
	assert_string_equal(l[1].bind.host, "*");
	assert_string_equal(l[1].told.host, "kafka.example.org");
	assert_int_equal(l[1].told.port, 443);
	assert_true(l[1].tenant_from_login);
	assert_string_equal(l[1].tenant, "from-login");
	assert_string_equal(l[1].home, "main");
	assert_int_equal(l[1].mechanisms.n, 2);
	assert_false(l[2].tls || l[2].sasl);
	assert_int_equal(l[2].client_auth, CONF_CERT_NONE);
	conf_unref(&conf);
}

static void
listeners_with_http(void **state)
{
	struct conf *conf = load("log.dirs: /d\nssl.keystore.location: /k\nlisteners:\n"
	    "  watch: {address: \"*:9308\", protocol: HTTPS, tenant: from-login}\n"
	    "  tokens: {address: \"*:9309\", protocol: HTTPS, mechanisms: [PLAIN]}\n"
	    "  health: {address: \"[::1]:9310\", protocol: HTTP, allow.plaintext: true}\n");
	static const struct {
		const char *listener, *why;
	} bad[] = {
		{ "protocol: HTTP", "protocol: everybody on the way" },
		{ "protocol: HTTP, allow.plaintext: true, mechanisms: [PLAIN]", "mechanisms: needs protocol HTTPS" },
		{ "protocol: HTTPS, mechanisms: [SCRAM-SHA-256]", "mechanisms: protocol HTTPS has PLAIN" },
		{ "protocol: HTTPS, mechanisms: [OAUTHBEARER]", "sasl.oauthbearer." },
		{ "protocol: HTTPS, advertised: \"h:1\"", "advertised: has no effect with protocol HTTPS" },
		{ "protocol: HTTPS, allow.anonymous: true", "allow.anonymous: has no effect" },
		{ "protocol: HTTPS, client.auth: requested", "client.auth: needs ssl.truststore.location" },
	};
	char text[512];
	(void)state;
	const struct conf_listener *l = conf->listeners;
	assert_true(l[0].http && l[0].tls && l[0].sasl && l[0].tenant_from_login);
	assert_int_equal(l[0].mechanisms.n, 1);
	assert_string_equal(l[0].mechanisms.v[0], "PLAIN");
	assert_true(l[2].http && !l[2].tls && !l[2].sasl && l[2].mechanisms.n == 0);
	conf_unref(&conf);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "log.dirs: /d\nssl.keystore.location: /k\nlisteners: {w: {address: \"*:1\", %s}}\n", bad[i].listener);
		if (strstr(reason(text), bad[i].why) == NULL)
			fail_msg("%s: %s", bad[i].listener, reason(text));
	}
}

static void
units_and_commas(void **state)
{
	struct conf *conf = load(BASE "log.retention.hours: 2\nlog.cleanup.policy: compact, delete\n");
	(void)state;
	assert_int_equal(conf->log_retention_ms, 7200000);
	assert_int_equal(conf->log_cleanup_policy.n, 2);
	assert_string_equal(conf->log_cleanup_policy.v[0], "compact");
	conf_unref(&conf);
	conf = load(BASE "log.retention.minutes: 3\nlog.cleaner.min.cleanable.ratio: 0.25\nbroker.id: 7\n");
	assert_int_equal(conf->log_retention_ms, 180000);
	assert_true(conf->log_cleaner_min_cleanable_ratio == 0.25);
	assert_int_equal(conf->node_id, 7);
	conf_unref(&conf);
}

static void
includes(void **state)
{
	(void)state;
	assert_ok(fs_mkdir(path_of("conf.d")));
	put("conf.d/20.yaml", "listeners:\n  more: {address: \"127.0.0.1:9094\"}\n");
	put("conf.d/10.yaml", "num.partitions: 3\n");
	put("conf.d/30.txt", "not read\n");
	struct conf *conf = load("include: conf.d/*.yaml\n" BASE);
	assert_int_equal(conf->num_partitions, 3);
	assert_int_equal(conf->listener_count, 2);
	assert_string_equal(conf->listeners[1].name, "more");
	conf_unref(&conf);

	put("conf.d/40.yaml", "user: x\nnum.partitions: 4\n");
	assert_non_null(strstr(reason("include: [conf.d/*.yaml]\n" BASE),
	    "conf.d/40.yaml:2:1: num.partitions was set already, in "));
	put("conf.d/40.yaml", "include: x\n");
	assert_non_null(strstr(reason("include: conf.d/*.yaml\n" BASE),
	    "conf.d/40.yaml:1:1: an included file cannot include others"));
	put("conf.d/40.yaml", "listeners:\n  main: {address: \"127.0.0.1:1\"}\n");
	assert_non_null(strstr(reason("include: conf.d/*.yaml\n" BASE),
	    "conf.d/40.yaml:2:3: listener main was given already, in "));
	assert_ok(fs_rmtree(path_of("conf.d")));
	conf = load("include: conf.d/*.yaml\n" BASE);
	conf_unref(&conf);
	assert_non_null(strstr(reason("include: absent.yaml\n" BASE), "c.yaml:1:10: include: "));
	assert_non_null(strstr(reason("include: {a: b}\n" BASE), "c.yaml:1:10: include: a file name"));
}

/* A value other than the default, as text. */
static const char *
another(const struct conf_option *opt, char out[64])
{
	const char *bar;
	switch (opt->type) {
	case OPTION_INT:
		snprintf(out, 64, "%lld", (long long)(opt->imin == opt->imax ? opt->imin : opt->imin + 1));
		break;
	case OPTION_REAL:
		return "0.75";
	case OPTION_BOOL:
		return strcmp(opt->def, "true") == 0 ? "false" : "true";
	case OPTION_LIST: /* one word; the last mechanism needs more options */
		bar = strchr(opt->unit, '|');
		if (bar != NULL) {
			snprintf(out, 64, "%.*s", (int)(bar - opt->unit), opt->unit);
			break;
		}
		if (strstr(opt->name, ".exempt") != NULL)
			return "10.0.0.0/8";
		return opt->unit[0] != '\0' ? opt->unit : "/main/topics";
	case OPTION_ENUM:
		bar = strrchr(opt->unit, '|');
		return bar != NULL ? bar + 1 : opt->unit[0] != '\0' ? opt->unit : "/main/topics";
	case OPTION_TEXT:
		return strstr(opt->name, ".rules") != NULL ? "RULE:^CN=(.*)$/$1/L" : "some-text";
	case OPTION_PATH:
		return "/some/path";
	}
	return out;
}

/* Every option: written, read, printed, read again, printed the same. */
static void
round_trip(void **state)
{
	struct arena *arena = arena_create(SIZE_MAX);
	(void)state;
	for (size_t i = 0; i < conf_option_count; i++) {
		const struct conf_option *opt = &conf_options[i];
		char text[512], value[64];
		struct conf *conf = NULL, *again = NULL;
		struct why why = { "" };
		const char *expected = another(opt, value);
		bool relations = strstr(opt->name, "group.m") != NULL || strstr(opt->name, "login.") != NULL ||
		    strstr(opt->name, "compaction.lag") != NULL || strstr(opt->name, "max.connections") != NULL ||
		    strstr(opt->name, "to.local") != NULL;
		if (relations && opt->type != OPTION_LIST)
			expected = opt->def;
		snprintf(text, sizeof(text), "%s%s%s: %s\n%s%s",
		    strcmp(opt->name, "log.dirs") == 0 ? "" : "log.dirs: data\n",
		    strcmp(opt->name, "audit.file") == 0 ? "" : "audit.file: audit.log\n", opt->name, expected,
		    "listeners: {main: {address: \"127.0.0.1:9093\"}}\n",
		    strcmp(opt->name, "ssl.keystore.location") == 0 ? "" : "ssl.keystore.location: k\n");
		conf = load(text);
		assert_string_equal(option_text(opt, conf, arena), expected);
		assert_non_null(conf->origins[i].file);

		FILE *out = fopen(path_of("again.yaml"), "w");
		assert_non_null(out);
		conf_print(conf, out);
		fclose(out);
		if (conf_load(path_of("again.yaml"), &again, &why) != 0)
			fail_msg("%s: %s", opt->name, why.text);
		for (size_t k = 0; k < conf_option_count; k++)
			if (!(conf_options[k].flags & OPTION_SECRET))
				assert_true(option_same(&conf_options[k], conf, again));
		conf_unref(&again);
		conf_unref(&conf);
	}
	arena_destroy(&arena);
}

static void
table_is_sane(void **state)
{
	(void)state;
	for (size_t i = 0; i < conf_option_count; i++) {
		const struct conf_option *opt = &conf_options[i];
		assert_true(strlen(opt->help) > 10);
		assert_true(opt->help[strlen(opt->help) - 1] == '.');
		assert_ptr_equal(option_find(conf_options, conf_option_count, str_from(opt->name)), opt);
	}
}

/* What is kept for each listener has so many places. */
static void
listeners_are_bounded(void **state)
{
	char text[8192];
	(void)state;
	for (int many = CONF_LISTENERS_MAX; many <= CONF_LISTENERS_MAX + 1; many++) {
		size_t n = (size_t)snprintf(text, sizeof(text), "log.dirs: data\nssl.keystore.location: k\nlisteners:\n");
		for (int i = 1; i <= many; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "  l%d: {address: \"127.0.0.1:%d\"}\n", i, i);
		if (many > CONF_LISTENERS_MAX) {
			assert_string_equal(reason(text), "c.yaml:68:3: more than 64 listeners");
			continue;
		}
		struct conf *conf = load(text);
		assert_int_equal(conf->listener_count, many);
		conf_unref(&conf);
	}
}

struct said {
	char text[1024];
};

static void
say(const char *text, void *arg)
{
	struct said *s = arg;
	size_t n = strlen(s->text);
	snprintf(s->text + n, sizeof(s->text) - n, "%s\n", text);
}

static void
reload_and_warnings(void **state)
{
	struct said said = { "" };
	struct conf *a = load(BASE), *b = load("log.dirs: data2\nlog.level: debug\n"
	    "ssl.keystore.location: k\nssl.truststore.location: t\n"
	    "listeners:\n  main: {address: \"127.0.0.1:9094\"}\n"
	    "  open: {address: \"127.0.0.1:1\", protocol: SASL_PLAINTEXT, allow.plaintext: true}\n"
	    "  anon: {address: \"127.0.0.1:2\", protocol: SSL, client.auth: none, allow.anonymous: true,\n"
	    "         unknown.users: allow, proxy.protocol.from: [10.0.0.1, \"::/0\"]}\n");
	(void)state;
	assert_int_equal(conf_frozen_changes(a, b, say, &said), 1);
	assert_string_equal(said.text, "log.dirs\n");
	said.text[0] = '\0';
	assert_int_equal(conf_frozen_changes(b, a, say, &said), 1);
	said.text[0] = '\0';
	conf_warnings(a, say, &said);
	assert_string_equal(said.text, "");
	conf_warnings(b, say, &said);
	assert_non_null(strstr(said.text, "listener open is not encrypted"));
	assert_non_null(strstr(said.text, "listener anon lets everybody in"));
	assert_non_null(strstr(said.text, "listener anon lets in names that have no user record"));
	assert_non_null(strstr(said.text, "listener anon believes everybody"));
	conf_unref(&a);
	conf_unref(&b);
}

/* -T: every option and every key of every listener, each with the place that it comes from. */
static void
what_is_printed_has_its_origin(void **state)
{
	static const char *const lines[] = {
		"log.dirs: \"@/data\"  # @/c.yaml:1\n", "num.partitions: 3  # @/c.yaml:4\n", "node.id: 1  # default\n",
		"    protocol: PLAINTEXT  # @/c.yaml:8\n", "    allow.plaintext: true  # @/c.yaml:9\n",
		"    allow.anonymous: true  # @/c.yaml:10\n", "    allow.anonymous: false  # default\n",
		"    allow.plaintext: false  # default\n", "    client.auth: none  # default\n",
		"    ssl.keystore.location: \"@/k\"  # @/c.yaml:3\n",
		"    mechanisms: [SCRAM-SHA-512]  # @/c.yaml:2\n", "    # mechanisms is not set\n",
		"    sasl.kerberos.principal.to.local.rules: \"DEFAULT\"  # default\n",
	};
	struct conf *conf = load("log.dirs: data\nsasl.enabled.mechanisms: [SCRAM-SHA-512]\nssl.keystore.location: k\n"
	    "num.partitions: 3\nlisteners:\n  main: {address: \"127.0.0.1:9093\"}\n  open:\n    protocol: PLAINTEXT\n"
	    "    allow.plaintext: true\n    allow.anonymous: true\n    address: \"127.0.0.1:9092\"\n");
	struct arena *arena = arena_create(SIZE_MAX);
	FILE *out = fopen(path_of("print"), "w");
	char *text;
	size_t n;
	(void)state;
	assert_non_null(out);
	conf_print(conf, out);
	fclose(out);
	assert_ok(fs_slurp(path_of("print"), 1 << 20, &text, &n));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct str rest = str_from(lines[i]), part, line = STR("");
		while (rest.p != NULL) { /* @ is the directory */
			str_cut(&rest, '@', &part);
			line = arena_printf(arena, "%.*s%.*s%s", STR_ARG(line), STR_ARG(part), rest.p != NULL ? conf->dir : "");
		}
		if (strstr(text, line.p) == NULL)
			fail_msg("not there: %s in\n%s", line.p, text);
	}
	mem_free(text);
	arena_destroy(&arena);
	conf_unref(&conf);
}

static void
secrets_are_not_printed(void **state)
{
	char *text;
	size_t n;
	struct conf *conf = load(BASE "ssl.key.password: s3cr3t\n");
	FILE *out = fopen(path_of("print"), "w");
	(void)state;
	assert_non_null(out);
	conf_print(conf, out);
	fclose(out);
	assert_ok(fs_slurp(path_of("print"), 1 << 20, &text, &n));
	assert_null(strstr(text, "s3cr3t"));
	assert_non_null(strstr(text, "# ssl.key.password is set, and not shown  # "));
	mem_free(text);
	conf_unref(&conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(errors_name_the_place), T(not_utf8_and_too_large), T(defaults), T(listeners_differ), T(listeners_are_bounded),
		T(listeners_with_http),
		T(units_and_commas), T(includes), T(round_trip), T(table_is_sane),
		T(reload_and_warnings), T(what_is_printed_has_its_origin), T(secrets_are_not_printed),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
