# schlossctl: the administration command.
noinst_LIBRARIES += libcli.a
libcli_a_SOURCES = \
	src/cli/args.c src/cli/audit.c src/cli/backup.c src/cli/cli.c src/cli/cli.h \
	src/cli/complete.c src/cli/complete.h src/cli/complete_names.c \
	src/cli/conn.c src/cli/conn.h src/cli/connection.c \
	src/cli/facl.c src/cli/group.c src/cli/lag.c \
	src/cli/login.c src/cli/login.h src/cli/scram.c \
	src/cli/print.c src/cli/print.h \
	src/cli/props.c src/cli/props.h \
	src/cli/quota.c src/cli/rehearse.c src/cli/rehearse.h src/cli/secret.c src/cli/secret.h \
	src/cli/site.c src/cli/site.h src/cli/site_ask.c src/cli/site_do.h src/cli/site_plan.c src/cli/site_read.c \
	src/cli/site_run.c src/cli/site_text.c src/cli/site_topics.c src/cli/site_tree.c src/cli/site_users.c \
	src/cli/site_verbs.c src/cli/site_write.c \
	src/cli/team.c src/cli/tenant.c \
	src/cli/ticket.c src/cli/ticket.h src/cli/token.c \
	src/cli/tail.c src/cli/term.c src/cli/term.h src/cli/top.c \
	src/cli/topic.c src/cli/tree.c src/cli/tree.h \
	src/cli/usage.c src/cli/usage.h src/cli/user.c src/cli/verbs.c src/cli/verbs.h src/cli/who.c
EXTRA_DIST += src/cli/README.md

bin_PROGRAMS += schlossctl
schlossctl_SOURCES = src/cli/main.c
# It starts for each command: no library that it does not use, such as libcurl with all of its own.
schlossctl_LDFLAGS = $(AM_LDFLAGS) -Wl,--as-needed
schlossctl_LDADD = libcli.a libbroker.a libaudit.a libacl.a libsecurity.a libwire.a libbase.a $(system_libs)
