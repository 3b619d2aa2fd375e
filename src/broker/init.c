/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps are functions in a table; each writes below the temporary
 * directories. The first that fails ends it, and what was made is removed. Only
 * then come the renames; should the second fail, the first is taken back. */
#include "broker/init.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/principal.h"
#include "broker/client_file.h"
#include "broker/pki.h"
#include "broker/rules.h"

/* A directory that is made under another name first. */
struct place {
	char final[PATH_MAX];
	char tmp[PATH_MAX];
	bool made, placed;
};

struct work {
	const struct init *in;
	struct why *why;
	struct arena *arena;
	bool system;
	struct place conf, data;	/* data.final empty: inside of conf */
	char client_dir[PATH_MAX];	/* final */
	struct conf_hostport listen, told;
	struct buf ca_key, ca_cert, server;
	char password[PASSWORD_TEXT];
	struct passwd daemon, caller;	/* of an installation */
};

static int __attribute__((format(printf, 3, 4)))
join(struct work *w, char out[PATH_MAX], const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(out, PATH_MAX, fmt, ap);
	va_end(ap);
	return n >= 0 && n < PATH_MAX ? 0 : why_set(w->why, ERR_LIMIT, "the path is too long");
}

static int
failed(struct work *w, int err, const char *path)
{
	return why_set(w->why, err, "%s: %s", path, err_text(err));
}

/* ERR_EXISTS unless the path is free or an empty directory. */
static int
check_unused(struct work *w, const char *path)
{
	size_t entries = 0;
	int err = fs_count(path, &entries);
	if (err == ERR_NOTFOUND)
		return 0;
	if (err != 0)
		return failed(w, err, path);
	return entries == 0 ? 0 : why_set(w->why, ERR_EXISTS, "%s is in use: it is not empty; name a "
	    "directory that does not exist yet", path);
}

static int
step_addresses(struct work *w)
{
	const struct init *in = w->in;
	int err = rules_hostport(str_from(in->listen), w->arena, &w->listen, w->why);
	if (err != 0) {
		why_prefix(w->why, "--listen");
		return err;
	}
	w->told = w->listen;
	if (in->advertise != NULL) {
		err = rules_hostport(str_from(in->advertise), w->arena, &w->told, w->why);
		if (err != 0) {
			why_prefix(w->why, "--advertise");
			return err;
		}
	}
	if (strcmp(w->told.host, "*") == 0)
		return why_set(w->why, ERR_INVAL, "clients cannot connect to %s: add --advertise HOST:PORT "
		    "with the name or address by which they reach this machine",
		    in->advertise != NULL ? in->advertise : in->listen);
	if (user_name_check(str_from(in->admin), NULL) != 0)
		return why_set(w->why, ERR_INVAL, "--admin: \"%s\" cannot be the name of a user", in->admin);
	return 0;
}

/* Copies what is needed: the next getpw call reuses its memory. */
static int
find_user(struct work *w, const char *name, struct passwd *ret)
{
	struct passwd *pw = getpwnam(name);
	if (pw == NULL)
		return why_set(w->why, ERR_NOTFOUND, "there is no system user %s: make it by "
		    "systemd-sysusers, or useradd --system --user-group --shell /usr/sbin/nologin %s",
		    name, name);
	*ret = *pw;
	ret->pw_name = (char *)arena_str(w->arena, str_from(pw->pw_name)).p;
	ret->pw_dir = (char *)arena_str(w->arena, str_from(pw->pw_dir)).p;
	return 0;
}

/* Who ran sudo, or who we are. */
static int
find_caller(struct work *w)
{
	const char *name = getenv("SUDO_USER");
	struct passwd *me;
	if (geteuid() == 0 && name != NULL && name[0] != '\0')
		return find_user(w, name, &w->caller);
	me = getpwuid(getuid());
	if (me == NULL)
		return why_set(w->why, ERR_NOTFOUND, "you have no entry in the list of system users");
	return find_user(w, me->pw_name, &w->caller);
}

static int
places_of_system(struct work *w)
{
	const struct init *in = w->in;
	char client[PATH_MAX];
	int err = find_user(w, in->user != NULL ? in->user : "schloss", &w->daemon);
	if (err == 0)
		err = find_caller(w);
	if (err == 0)
		err = join(w, w->conf.final, "%s",
		    in->conf_dir != NULL ? in->conf_dir : SYSCONFDIR "/schloss");
	if (err == 0)
		err = join(w, w->data.final, "%s",
		    in->data_dir != NULL ? in->data_dir : LOCALSTATEDIR "/lib/schloss");
	if (err == 0)
		err = join(w, w->client_dir, "%s/.config/schloss", w->caller.pw_dir);
	if (err == 0)
		err = join(w, client, "%s/admin.conf", w->client_dir);
	if (err == 0 && fs_exists(client))
		err = why_set(w->why, ERR_EXISTS, "%s is there already: move it away first", client);
	return err;
}

/* An absolute path that need not exist, without trailing slashes. */
static int
places_of_dir(struct work *w)
{
	char cwd[PATH_MAX] = "";
	struct str dir = str_from(w->in->dir);
	while (dir.n > 1 && dir.p[dir.n - 1] == '/')
		dir.n--;
	if (dir.n == 0 || str_is(dir, "/"))
		return why_set(w->why, ERR_INVAL, "\"%s\" cannot be the directory of a broker", w->in->dir);
	if (dir.p[0] != '/' && getcwd(cwd, sizeof(cwd)) == NULL)
		return failed(w, err_from_errno(errno), ".");
	while (str_starts(dir, STR("./")) && dir.n > 2)
		dir = (struct str){ dir.p + 2, dir.n - 2 };
	int err = str_is(dir, ".") ? join(w, w->conf.final, "%s", cwd) :
	    join(w, w->conf.final, "%s%s%.*s", cwd, cwd[0] != '\0' ? "/" : "", STR_ARG(dir));
	return err != 0 ? err : join(w, w->client_dir, "%s", w->conf.final);
}

static int
make_tmp(struct work *w, struct place *p)
{
	int err = check_unused(w, p->final);
	if (err == 0)
		err = join(w, p->tmp, "%s.init-%ld", p->final, (long)getpid());
	if (err != 0)
		return err;
	err = fs_mkdir(p->tmp);
	if (err == ERR_NOTFOUND)
		return why_set(w->why, err, "the directory above %s does not exist", p->final);
	if (err != 0)
		return failed(w, err, p->tmp);
	p->made = true;
	return 0;
}

static int
step_places(struct work *w)
{
	int err = w->system ? places_of_system(w) : places_of_dir(w);
	if (err == 0)
		err = make_tmp(w, &w->conf);
	if (err == 0 && w->system)
		return make_tmp(w, &w->data);
	char data[PATH_MAX];
	if (err == 0)
		err = join(w, data, "%s/data", w->conf.tmp);
	if (err == 0) {
		err = fs_mkdir(data);
		if (err != 0)
			return failed(w, err, data);
	}
	return err;
}

/* Names that clients may use for this broker. */
static int
server_names(struct work *w, struct pki_names *names)
{
	char host[256];
	int err = pki_names_add(names, str_from(w->told.host));
	if (err == 0 && strcmp(w->listen.host, "*") != 0)
		err = pki_names_add(names, str_from(w->listen.host));
	if (err == 0 && gethostname(host, sizeof(host) - 1) == 0) {
		host[sizeof(host) - 1] = '\0';
		(void)pki_names_add(names, str_from(host)); /* a courtesy; may be no host name */
	}
	pki_names_add_local(names);
	return err == 0 ? 0 : why_set(w->why, err, "\"%s\" cannot stand in a certificate", w->told.host);
}

static int
step_certificates(struct work *w)
{
	struct pki_names names = { .n = 0 };
	char subject[300];
	snprintf(subject, sizeof(subject), "Schloss CA of %s", w->told.host);
	int err = server_names(w, &names);
	if (err == 0)
		err = pki_make_ca(subject, w->in->now, &w->ca_key, &w->ca_cert, w->why);
	if (err == 0)
		err = pki_make_server(buf_str(&w->ca_key), buf_str(&w->ca_cert), &names, w->in->now,
		    &w->server, w->why);
	pki_names_free(&names);
	return err;
}

static int
put_file(struct work *w, const char *name, struct str text)
{
	char path[PATH_MAX];
	int err = join(w, path, "%s/%s", w->conf.tmp, name);
	if (err != 0)
		return err;
	err = fs_replace(path, text.p, text.n);
	return err == 0 ? 0 : failed(w, err, path);
}

static int
step_tls_files(struct work *w)
{
	char dir[PATH_MAX];
	int err = join(w, dir, "%s/tls", w->conf.tmp);
	if (err != 0)
		return err;
	err = fs_mkdir(dir);
	if (err != 0)
		return failed(w, err, dir);
	err = put_file(w, "tls/ca.key", buf_str(&w->ca_key));
	if (err == 0)
		err = put_file(w, "tls/ca.pem", buf_str(&w->ca_cert));
	if (err == 0)
		err = put_file(w, "tls/server.pem", buf_str(&w->server));
	if (err == 0 && w->system)
		err = put_file(w, "ca.pem", buf_str(&w->ca_cert));
	return err;
}

/* Whose tenant the login name says, unless its @ would name one for the administrator. */
static const char *
tenant_lines(const struct work *w)
{
	return strchr(w->in->admin, '@') != NULL ? "" :
	    "    # anna@acme logs in to the tenant acme, anna to main; without this line @ is a plain character.\n"
	    "    tenant: from-login\n";
}

static int
step_config(struct work *w)
{
	struct str user = !w->system ? STR("") :
	    arena_printf(w->arena, "user: \"%s\"\n", w->daemon.pw_name);
	struct str text = arena_printf(w->arena,
	    "# Made by schlossd init. schlossd.yaml(5) explains every option;\n"
	    "# schlossd -t checks this file, schlossd -T prints all that is in effect.\n\n"
	    "log.dirs: \"%s\"\n%.*s\n"
	    "listeners:\n"
	    "  main:\n"
	    "    address: \"%.*s\"\n"
	    "    advertised: \"%.*s\"\n"
	    "    protocol: SASL_SSL\n%s"
	    "    mechanisms: [SCRAM-SHA-256, SCRAM-SHA-512]\n\n"
	    "# The server's key and certificate, and the authority for client certificates.\n"
	    "# A new server certificate: schlossd cert.\n"
	    "ssl.keystore.location: tls/server.pem\n"
	    "ssl.truststore.location: tls/ca.pem\n",
	    w->system ? w->data.final : "data", STR_ARG(user),
	    STR_ARG(rules_hostport_text(&w->listen, w->arena)), STR_ARG(rules_hostport_text(&w->told, w->arena)), tenant_lines(w));
	return put_file(w, "schlossd.yaml", text);
}

static int
step_metadata(struct work *w)
{
	char data[PATH_MAX];
	int err = w->system ? join(w, data, "%s", w->data.tmp) :
	    join(w, data, "%s/data", w->conf.tmp);
	password_make(w->password);
	return err != 0 ? err :
	    w->in->metadata(data, str_from(w->in->admin), str_from(w->password), w->why);
}

static int
write_clients(struct work *w, const char *dir)
{
	char path[PATH_MAX];
	struct client_file cf = {
		.bootstrap = rules_hostport_text(&w->told, w->arena).p,
		.protocol = "SASL_SSL",
		.mechanism = "SCRAM-SHA-256",
		.login = w->in->admin,
		.password = w->password,
		.ca_path = arena_printf(w->arena, "%s/%s", w->conf.final,
		    w->system ? "ca.pem" : "tls/ca.pem").p,
		.ca_pem = buf_str(&w->ca_cert),
	};
	int err = join(w, path, "%s/admin.conf", dir);
	if (err == 0)
		err = client_file_write(path, &cf, w->why);
	if (err == 0)
		err = join(w, path, "%s/admin.properties", dir);
	return err != 0 ? err : client_file_write(path, &cf, w->why);
}

static int
step_clients(struct work *w)
{
	return w->system ? 0 : write_clients(w, w->conf.tmp);
}

static int
own(struct work *w, const char *dir, const char *name, const struct passwd *who, mode_t mode)
{
	char path[PATH_MAX];
	int err = join(w, path, "%s%s%s", dir, name[0] != '\0' ? "/" : "", name);
	if (err != 0)
		return err;
	if (who != NULL && chown(path, who->pw_uid, who->pw_gid) != 0)
		return failed(w, err_from_errno(errno), path);
	return chmod(path, mode) == 0 ? 0 : failed(w, err_from_errno(errno), path);
}

struct owning {
	struct work *w;
	const char *dir;
};

static int
own_data(const char *name, void *arg)
{
	struct owning *o = arg;
	char path[PATH_MAX];
	struct stat st;
	int err = join(o->w, path, "%s/%s", o->dir, name);
	if (err != 0 || lstat(path, &st) != 0)
		return err != 0 ? err : failed(o->w, err_from_errno(errno), path);
	if (S_ISDIR(st.st_mode)) {
		struct owning below = { o->w, path };
		err = fs_list(path, own_data, &below);
	}
	return err != 0 ? err :
	    own(o->w, o->dir, name, &o->w->daemon, S_ISDIR(st.st_mode) ? 0700 : 0600);
}

/* The daemon reads its key and owns its data; the authority's key stays ours. */
static int
step_owners(struct work *w)
{
	int err = own(w, w->conf.tmp, "tls/ca.pem", NULL, 0644);
	if (!w->system || err != 0)
		return err;
	struct owning data = { w, w->data.tmp };
	const struct passwd *d = &w->daemon;
	const struct { const char *name; const struct passwd *who; mode_t mode; } files[] = {
		{ "", NULL, 0755 }, { "schlossd.yaml", NULL, 0644 }, { "ca.pem", NULL, 0644 },
		{ "tls", d, 0700 }, { "tls/server.pem", d, 0600 }, { "tls/ca.pem", d, 0644 },
	};
	for (size_t i = 0; err == 0 && i < sizeof(files) / sizeof(files[0]); i++)
		err = own(w, w->conf.tmp, files[i].name, files[i].who, files[i].mode);
	if (err == 0)
		err = fs_list(w->data.tmp, own_data, &data);
	return err != 0 ? err : own(w, w->data.tmp, "", d, 0700);
}

static int
put_in_place(struct work *w, struct place *p)
{
	int err = fs_rename(p->tmp, p->final);
	if (err == ERR_IO && errno == EBUSY)
		return why_set(w->why, err, "%s cannot be replaced, perhaps it is where a disk is "
		    "mounted: name a directory in it", p->final);
	if (err != 0)
		return failed(w, err, p->final);
	p->placed = true;
	return 0;
}

static int
step_rename(struct work *w)
{
	int err = w->system ? put_in_place(w, &w->data) : 0;
	return err != 0 ? err : put_in_place(w, &w->conf);
}

static int
make_owned_dir(struct work *w, const char *path)
{
	int err = fs_mkdir(path);
	if (err == ERR_EXISTS)
		return 0;
	if (err == 0 && chown(path, w->caller.pw_uid, w->caller.pw_gid) != 0)
		err = err_from_errno(errno);
	return err == 0 ? 0 : failed(w, err, path);
}

/* Into the caller's home, after the authority's file is where they point. */
static int
step_system_clients(struct work *w)
{
	char above[PATH_MAX];
	if (!w->system)
		return 0;
	int err = join(w, above, "%s/.config", w->caller.pw_dir);
	if (err == 0)
		err = make_owned_dir(w, above);
	if (err == 0)
		err = make_owned_dir(w, w->client_dir);
	if (err == 0)
		err = write_clients(w, w->client_dir);
	if (err == 0)
		err = own(w, w->client_dir, "admin.conf", &w->caller, 0600);
	return err != 0 ? err : own(w, w->client_dir, "admin.properties", &w->caller, 0600);
}

static void
take_back(struct place *p)
{
	if (p->placed)
		(void)fs_rmtree(p->final);
	else if (p->made)
		(void)fs_rmtree(p->tmp);
}

static int
run_steps(struct work *w)
{
	static int (*const steps[])(struct work *) = {
		step_addresses, step_places, step_certificates, step_tls_files, step_config,
		step_metadata, step_clients, step_owners, step_rename, step_system_clients,
	};
	int err = 0;
	for (size_t i = 0; err == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
		err = steps[i](w);
	return err;
}

static int
tell(struct work *w, struct init_result *ret)
{
	int err = join(w, ret->conf, "%s/schlossd.yaml", w->conf.final);
	if (err == 0)
		err = join(w, ret->client, "%s/admin.conf", w->client_dir);
	if (err == 0)
		err = join(w, ret->java, "%s/admin.properties", w->client_dir);
	return err != 0 ? err : join(w, ret->ca_key, "%s/tls/ca.key", w->conf.final);
}

int
init_run(const struct init *in, struct init_result *ret, struct why *why)
{
	struct work *w = MEM_NEW(struct work);
	w->in = in;
	w->why = why;
	w->arena = arena_create(SIZE_MAX);
	w->system = in->dir == NULL;
	buf_init(&w->ca_key, 1 << 16);
	buf_init(&w->ca_cert, 1 << 16);
	buf_init(&w->server, 1 << 16);
	int err = run_steps(w);
	if (err == 0)
		err = tell(w, ret);
	if (err != 0) {
		take_back(&w->conf);
		take_back(&w->data);
	}
	buf_free_secret(&w->ca_key);
	buf_free(&w->ca_cert);
	buf_free_secret(&w->server);
	arena_destroy(&w->arena);
	mem_cleanse(w, sizeof(*w));
	mem_free(w);
	return err;
}
