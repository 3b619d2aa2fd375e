# src/log
noinst_LIBRARIES += liblog.a
liblog_a_SOURCES = \
	src/log/log.h src/log/store.h src/log/partition.h
EXTRA_DIST += src/log/README.md
