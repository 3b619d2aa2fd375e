# The audit log.
noinst_LIBRARIES += libaudit.a
libaudit_a_SOURCES = \
	src/audit/audit.c src/audit/audit.h src/audit/audit.def \
	src/audit/chain.c src/audit/chain.h \
	src/audit/file.c src/audit/file.h \
	src/audit/journal.c src/audit/journal.h \
	src/audit/nodes.c src/audit/nodes.h \
	src/audit/paths.c src/audit/paths.h \
	src/audit/record.c src/audit/record.h \
	src/audit/verify.c src/audit/verify.h
EXTRA_DIST += src/audit/README.md
