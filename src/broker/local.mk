noinst_LIBRARIES += libbroker.a
libbroker_a_SOURCES = \
	src/broker/ask.c src/broker/ask.h \
	src/broker/client_file.c src/broker/client_file.h \
	src/broker/commands.c src/broker/commands.h \
	src/broker/bootstrap.c src/broker/bootstrap.h \
	src/broker/broker.c src/broker/broker.h src/broker/parts.h src/broker/parts_audit.c src/broker/parts_data.c src/broker/parts_doors.c src/broker/parts_login.c src/broker/parts_options.c src/broker/parts_rules.c src/broker/parts_sandbox.c src/broker/parts_serve.c src/broker/parts_tick.c src/broker/parts_tokens.c src/broker/parts_web.c \
	src/broker/conf.c src/broker/conf.h src/broker/conf_print.c \
	src/broker/init.c src/broker/init.h \
	src/broker/options.c src/broker/options.h src/broker/options.def \
	src/broker/pki.c src/broker/pki.h \
	src/broker/manifest.c src/broker/manifest.h src/broker/restore.c src/broker/restore.h \
	src/broker/notify.c src/broker/notify.h \
	src/broker/rules.c src/broker/rules.h \
	src/broker/system.c src/broker/system.h \
	src/broker/yaml.c src/broker/yaml.h
EXTRA_DIST += src/broker/README.md

sbin_PROGRAMS += schlossd
schlossd_SOURCES = src/broker/main.c
schlossd_LDADD = $(schloss_libs) $(system_libs)
