/* SPDX-License-Identifier: Apache-2.0
 *
 * Each command is a row with its function and its help. What goes wrong is one
 * line on standard error that begins with the program's name. */
#include "config.h"

#include "broker/commands.h"

#include <errno.h>
#include <getopt.h>
#include <linux/limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/when.h"
#include "broker/ask.h"
#include "broker/bootstrap.h"
#include "broker/broker.h"
#include "broker/conf.h"
#include "broker/init.h"
#include "broker/parts.h"
#include "broker/pki.h"
#include "broker/restore.h"
#include "broker/system.h"
#include "security/drop.h"
#include "security/jwks_source.h"
#include "security/tls.h"

#define DEFAULT_FILE SYSCONFDIR "/schloss/schlossd.yaml"
#define EXIT_USAGE 2

static int __attribute__((format(printf, 1, 2)))
complain(const char *fmt, ...)
{
	va_list ap;
	fputs("schlossd: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return EXIT_FAILURE;
}

static const char help_text[] =
    "schlossd - a broker that speaks Kafka's protocol\n\n"
    "  schlossd [-c FILE]                run in the foreground\n"
    "  schlossd [-c FILE] -t             check the configuration\n"
    "  schlossd [-c FILE] -T             print the effective configuration\n"
    "  schlossd init DIR [--listen HOST:PORT] [--advertise HOST:PORT] [--admin NAME]\n"
    "                                    make a new broker in DIR\n"
    "  schlossd init --system [...]      make one in " SYSCONFDIR "/schloss and " LOCALSTATEDIR "/lib/schloss\n"
    "  schlossd passwd [-c FILE] [--tenant T] USER\n"
    "                                    set a lost password (the broker must be stopped)\n"
    "  schlossd cert [-c FILE] [--name NAME] ...\n"
    "                                    make a new server certificate\n"
    "  schlossd restore [-c FILE] DIR    make the data of a broker from a backup (schlossctl backup)\n"
    "  schlossd --version\n\n"
    "Without -c the file is " DEFAULT_FILE ". See schlossd(8) and schlossd.yaml(5).\n";

static int
usage_error(void)
{
	fputs("Try: schlossd --help\n", stderr);
	return EXIT_USAGE;
}

static int
load(const char *file, struct conf **ret)
{
	struct why why;
	return conf_load(file, ret, &why) == 0 ? EXIT_SUCCESS : complain("%s", why.text);
}

static void
print_warning(const char *text, void *arg)
{
	(void)arg;
	fprintf(stderr, "schlossd: warning: %s\n", text);
}

static int
slurp(const char *path, char **ret, size_t *ret_n)
{
	int err = fs_slurp(path, 1 << 20, ret, ret_n);
	return err == 0 ? EXIT_SUCCESS : complain("%s: %s", path, err_text(err));
}

static int
check_tokens(const struct conf *conf, const struct conf_listener *l)
{
	struct jwks *keys;
	struct why why;
	if (jwks_source_begin(l->oauth_jwks_url, conf->oauth_jwks_ca, &keys, &why) != 0)
		return complain("listener %s: sasl.oauthbearer.jwks.endpoint.url: %s", l->name, why.text);
	jwks_unref(&keys);
	return EXIT_SUCCESS;
}

/* What a start would read for it, read as a start does. */
static int
check_listener(const struct conf *conf, const struct conf_listener *l)
{
	struct tls_context *tls = NULL;
	struct why why;
	if (l->tls && parts_make_tls(conf, l, &tls, &why) != 0)
		return complain("listener %s: %s", l->name, why.text);
	struct tls_ends ends = { .certificate = INT64_MAX };
	if (tls != NULL)
		tls_context_ends(tls, &ends);
	int64_t now_s = clock_wall_ms() / 1000, left = ends.certificate - now_s;
	tls_context_unref(&tls);
	if (left < 0)
		return complain("%s: the certificate has expired: schlossd cert makes another", l->keystore);
	if (left < PARTS_CERT_WARN_S)
		fprintf(stderr, "schlossd: warning: %s: the certificate ends in %d days: schlossd cert makes another\n",
		    l->keystore, (int)(left / 86400));
	if (ends.staple != 0 && ends.staple <= now_s)
		fprintf(stderr, "schlossd: warning: %s: the response is over, and is given to nobody: fetch a new one\n", l->staple);
	if (l->keytab != NULL && parts_offers(conf, l, "GSSAPI") && access(l->keytab, R_OK) != 0)
		return complain("listener %s: sasl.kerberos.keytab: %s: %s", l->name, l->keytab, strerror(errno));
	return parts_offers(conf, l, "OAUTHBEARER") ? check_tokens(conf, l) : EXIT_SUCCESS;
}

/* The data directory, as a start would find it, and writable. */
static int
check_data(const struct conf *conf)
{
	char file[PATH_MAX];
	struct why why;
	if (access(conf->log_dirs, F_OK) != 0 && errno == ENOENT)
		return complain("log.dirs: %s does not exist: is its disk mounted? schlossd init makes a new one",
		    conf->log_dirs);
	if (access(conf->log_dirs, R_OK | W_OK | X_OK) != 0)
		return complain("log.dirs: %s: %s", conf->log_dirs, strerror(errno));
	if (parts_metadata_file(conf, file, &why) != 0)
		return complain("%s", why.text);
	if (access(file, R_OK | W_OK) != 0)
		return complain("log.dirs: %s: %s", file, strerror(errno));
	if (store_look(conf->log_dirs, &why) != 0 || bootstrap_look(file, conf, &why) != 0)
		return complain("%s", why.text);
	return EXIT_SUCCESS;
}

/* What the configuration names must be there: a broker that is told to start or to
 * reload by somebody who asked us first should do it. Seen as the user that it would be. */
static int
check_names(const struct conf *conf)
{
	struct why why;
	if (geteuid() == 0 && conf->user != NULL && drop_to_user(conf->user, &why) != 0)
		return complain("user: %s", why.text);
	int status = check_data(conf);
	for (size_t i = 0; status == EXIT_SUCCESS && i < conf->listener_count; i++)
		status = check_listener(conf, &conf->listeners[i]);
	return status;
}

static int
command_check(struct conf *conf)
{
	conf_warnings(conf, print_warning, NULL);
	int status = check_names(conf);
	if (status == EXIT_SUCCESS)
		printf("%s: no errors\n", conf->file);
	return status;
}

static int
command_run(int argc, char **argv)
{
	const char *file = DEFAULT_FILE;
	char what = 0;
	static const struct option none[] = { { NULL, 0, NULL, 0 } };
	int c;
	struct conf *conf;
	while ((c = getopt_long(argc, argv, "+c:tT", none, NULL)) != -1) {
		if (c == 'c')
			file = optarg;
		else if (c == 't' || c == 'T')
			what = (char)c;
		else
			return usage_error();
	}
	if (optind != argc) {
		complain("%s: no such command", argv[optind]);
		return usage_error();
	}
	int status = load(file, &conf);
	if (status != EXIT_SUCCESS)
		return status;
	if (what == 0)
		return broker_run(conf);
	if (what == 't')
		status = command_check(conf);
	else
		conf_print(conf, stdout);
	conf_unref(&conf);
	return status;
}

static const struct option init_options[] = {
	{ "listen", required_argument, NULL, 'l' },
	{ "advertise", required_argument, NULL, 'a' },
	{ "admin", required_argument, NULL, 'n' },
	{ "system", no_argument, NULL, 's' },
	{ NULL, 0, NULL, 0 },
};

/* A word as a shell reads it. */
static void
print_word(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
	if (word[strspn(word, plain)] == '\0') {
		fputs(word, stdout);
		return;
	}
	putchar('\'');
	for (; *word != '\0'; word++)
		fputs(*word == '\'' ? "'\\''" : (char[2]){ *word, '\0' }, stdout);
	putchar('\'');
}

/* As we were called; our neighbour where there is one, else by its name alone. */
static void
print_program(const char *name)
{
	char path[PATH_MAX];
	const char *own = program_invocation_name, *slash = strrchr(own, '/');
	int dir = slash == NULL ? 0 : (int)(slash - own) + 1;
	snprintf(path, sizeof(path), "%.*s%s", dir, own, name);
	print_word(slash != NULL && access(path, X_OK) == 0 ? path : name);
}

static void
tell_init(const struct init_result *r, bool system)
{
	printf("Made a broker:\n"
	    "  configuration   %s\n"
	    "  client file     %s   (kcat -F, schlossctl -F)\n"
	    "  for Java        %s\n"
	    "Keep %s somewhere safe; the broker never reads it.\n", r->conf, r->client, r->java,
	    r->ca_key);
	if (system)
		printf("Start it:         systemctl enable --now schlossd\n"
		    "Then, as you:     schlossctl topic list\n");
	else {
		printf("Start it:         ");
		print_program("schlossd");
		printf(" -c ");
		print_word(r->conf);
		printf("\nThen:             ");
		print_program("schlossctl");
		printf(" -F ");
		print_word(r->client);
		printf(" topic list\n");
	}
}

static int
command_init(int argc, char **argv)
{
	struct init in = { .listen = INIT_LISTEN, .admin = INIT_ADMIN, .now = clock_wall_ms() / 1000,
	    .metadata = bootstrap_metadata };
	struct init_result result;
	struct why why;
	bool system = false;
	int c;
	while ((c = getopt_long(argc, argv, "", init_options, NULL)) != -1) {
		switch (c) {
		case 'l': in.listen = optarg; break;
		case 'a': in.advertise = optarg; break;
		case 'n': in.admin = optarg; break;
		case 's': system = true; break;
		default: return usage_error();
		}
	}
	if (optind + !system != argc) {
		complain("init: name one directory, or --system");
		return usage_error();
	}
	in.dir = system ? NULL : argv[optind];
	if (init_run(&in, &result, &why) != 0)
		return complain("init: %s", why.text);
	tell_init(&result, system);
	return EXIT_SUCCESS;
}

static const struct option passwd_options[] = {
	{ "tenant", required_argument, NULL, 't' },
	{ NULL, 0, NULL, 0 },
};

/* With the data directory locked, as the user whose files they are. */
static int
set_password(const struct conf *conf, const char *tenant, const char *user)
{
	char password[ASK_MAX] = "";
	struct why why;
	int lock = -1;
	int err = system_lock(conf->log_dirs, &lock, &why);
	if (err == 0)
		err = isatty(STDIN_FILENO) ? ask_new_password("New password", password, &why) :
		    ask_from_file("-", password, &why);
	if (err == 0)
		err = bootstrap_password(conf->log_dirs, str_from(tenant), str_from(user),
		    str_from(password), &why);
	mem_cleanse(password, sizeof(password));
	system_unlock(&lock);
	if (err != 0)
		return complain("passwd: %s", why.text);
	printf("The password of %s is set; put it into the client files of %s.\n", user, user);
	return EXIT_SUCCESS;
}

static int
command_passwd(int argc, char **argv)
{
	const char *file = DEFAULT_FILE, *tenant = "main";
	struct conf *conf;
	struct log_sink sink = { .fd = STDERR_FILENO, .level = LOG_LVL_ERR };
	struct event ev;
	struct why why;
	int c;
	while ((c = getopt_long(argc, argv, "c:", passwd_options, NULL)) != -1) {
		switch (c) {
		case 'c': file = optarg; break;
		case 't': tenant = optarg; break;
		default: return usage_error();
		}
	}
	if (optind + 1 != argc) {
		complain("passwd: name one user");
		return usage_error();
	}
	int status = load(file, &conf);
	if (status != EXIT_SUCCESS)
		return status;
	event_root(&ev, &sink);
	if (system_drop_privileges(conf, &ev, &why) != 0)
		status = complain("passwd: %s", why.text);
	else
		status = set_password(conf, tenant, argv[optind]);
	conf_unref(&conf);
	return status;
}

/* Replaces the server's file by a new one for the same names and more. */
struct renewal {
	const struct conf *conf;
	struct pki_names names;
	char *old, *key, *cert;
	size_t old_n, key_n, cert_n;
};

static int
read_renewal(struct renewal *r)
{
	char path[PATH_MAX];
	const char *store = r->conf->ssl_keystore_location;
	if (store == NULL)
		return complain("cert: ssl.keystore.location is not set in %s", r->conf->file);
	int dir = (int)(strrchr(store, '/') - store);
	snprintf(path, sizeof(path), "%.*s/ca.key", dir, store);
	if (!fs_exists(path))
		return complain("cert: %s is not there: put the key of the private authority back for "
		    "this, or ask the authority that you use for a certificate", path);
	int status = slurp(path, &r->key, &r->key_n);
	snprintf(path, sizeof(path), "%.*s/ca.pem", dir, store);
	if (status == EXIT_SUCCESS)
		status = slurp(path, &r->cert, &r->cert_n);
	if (status == EXIT_SUCCESS && fs_exists(store))
		status = slurp(store, &r->old, &r->old_n);
	return status;
}

static int
replace_keeping_owner(const char *path, const struct buf *text)
{
	struct stat st;
	bool known = stat(path, &st) == 0;
	int err = fs_replace(path, text->p, text->n);
	if (err != 0)
		return complain("cert: %s: %s", path, err_text(err));
	if (known && st.st_uid != geteuid() && chown(path, st.st_uid, st.st_gid) != 0)
		return complain("cert: %s: its owner could not be set again", path);
	return EXIT_SUCCESS;
}

static int
write_renewal(struct renewal *r)
{
	struct buf text;
	struct why why;
	int status;
	if (r->old != NULL && pki_names_of((struct str){ r->old, r->old_n }, &r->names, &why) != 0)
		return complain("cert: %s: %s", r->conf->ssl_keystore_location, why.text);
	if (r->names.n == 0)
		return complain("cert: there is no old certificate to take the names from: add --name NAME");
	buf_init(&text, 1 << 20);
	if (pki_make_server((struct str){ r->key, r->key_n }, (struct str){ r->cert, r->cert_n },
	    &r->names, clock_wall_ms() / 1000, &text, &why) != 0)
		status = complain("cert: %s", why.text);
	else
		status = replace_keeping_owner(r->conf->ssl_keystore_location, &text);
	buf_free_secret(&text);
	if (status != EXIT_SUCCESS)
		return status;
	printf("%s is new, for two years, for:", r->conf->ssl_keystore_location);
	for (size_t i = 0; i < r->names.n; i++)
		printf(" %s", r->names.v[i]);
	printf("\nA running broker takes it by SIGHUP (systemctl reload schlossd).\n");
	return EXIT_SUCCESS;
}

static void
free_secret(char *p, size_t n)
{
	if (p != NULL)
		mem_cleanse(p, n);
	mem_free(p);
}

static const struct option cert_options[] = {
	{ "name", required_argument, NULL, 'n' },
	{ NULL, 0, NULL, 0 },
};

static int
cert_arguments(int argc, char **argv, const char **ret_file, struct pki_names *names)
{
	int c;
	while ((c = getopt_long(argc, argv, "c:", cert_options, NULL)) != -1) {
		if (c == 'c')
			*ret_file = optarg;
		else if (c != 'n')
			return usage_error();
		else if (pki_names_add(names, str_from(optarg)) != 0)
			return complain("cert: --name: \"%s\" is neither a host name nor an address", optarg);
	}
	if (optind != argc) {
		complain("cert: %s is one word too many", argv[optind]);
		return usage_error();
	}
	return EXIT_SUCCESS;
}

static int
command_cert(int argc, char **argv)
{
	const char *file = DEFAULT_FILE;
	struct renewal r = { .names = { .n = 0 } };
	struct conf *conf = NULL;
	int status = cert_arguments(argc, argv, &file, &r.names);
	if (status == EXIT_SUCCESS)
		status = load(file, &conf);
	r.conf = conf;
	if (status == EXIT_SUCCESS)
		status = read_renewal(&r);
	if (status == EXIT_SUCCESS)
		status = write_renewal(&r);
	free_secret(r.old, r.old_n);
	free_secret(r.key, r.key_n);
	mem_free(r.cert);
	pki_names_free(&r.names);
	conf_unref(&conf);
	return status;
}

/* For somebody who waits at a terminal: a line that is written over, twice a second. */
static void
show_percent(uint64_t done, uint64_t total)
{
	static _Thread_local uint64_t next;
	uint64_t now = clock_mono_ns();
	if (!isatty(STDERR_FILENO) || (now < next && done < total))
		return;
	next = now + NS_PER_SEC / 2;
	fprintf(stderr, "\rrestore: %u %%%s", total == 0 ? 100 : (unsigned)(done * 100 / total), done >= total ? "\r\033[K" : "");
}

static int
command_restore(int argc, char **argv)
{
	static const struct option none[] = { { NULL, 0, NULL, 0 } };
	const char *file = DEFAULT_FILE;
	struct restored r;
	struct conf *conf;
	struct why why;
	char begun[WHEN_TEXT];
	int c;
	while ((c = getopt_long(argc, argv, "c:", none, NULL)) != -1) {
		if (c != 'c')
			return usage_error();
		file = optarg;
	}
	if (optind + 1 != argc) {
		complain("restore: name the directory of one backup");
		return usage_error();
	}
	int status = load(file, &conf);
	if (status != EXIT_SUCCESS)
		return status;
	if (restore_run(conf, argv[optind], show_percent, &r, &why) != 0)
		status = complain("restore: %s", why.text);
	else
		printf("%s holds the data of cluster %s as of %s: %lld files, %lld bytes.\n"
		    "It can be started; the configuration and its TLS files are those that are here now.\n", conf->log_dirs, r.cluster,
		    when_format(r.begun_ms - r.begun_ms % 1000, begun), (long long)r.files, (long long)r.bytes);
	conf_unref(&conf);
	return status;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "init", command_init },
	{ "passwd", command_passwd },
	{ "cert", command_cert },
	{ "restore", command_restore },
};

int
commands_main(int argc, char **argv)
{
	char title[32] = "schlossd"; /* what getopt begins its complaints with */
	umask(077);
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		printf("schlossd %s\n", PACKAGE_VERSION);
		return EXIT_SUCCESS;
	}
	for (int i = 1; i < argc && i < 3; i++) { /* schlossd --help, schlossd init --help */
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			fputs(help_text, stdout);
			return EXIT_SUCCESS;
		}
	}
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) == 0) {
			snprintf(title, sizeof(title), "schlossd: %s", commands[i].name);
			argv[1] = title;
			return commands[i].run(argc - 1, argv + 1);
		}
	}
	if (argc > 0)
		argv[0] = title;
	return command_run(argc, argv);
}
