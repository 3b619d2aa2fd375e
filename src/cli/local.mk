# schlossctl: the administration command.
noinst_LIBRARIES += libcli.a
libcli_a_SOURCES = \
	src/cli/args.c src/cli/cli.c src/cli/cli.h \
	src/cli/conn.c src/cli/conn.h \
	src/cli/login.c src/cli/login.h src/cli/scram.c \
	src/cli/print.c src/cli/print.h \
	src/cli/props.c src/cli/props.h \
	src/cli/topic.c src/cli/tree.c src/cli/tree.h
EXTRA_DIST += src/cli/README.md
