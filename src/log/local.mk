noinst_LIBRARIES += liblog.a
liblog_a_SOURCES =
EXTRA_DIST += src/log/README.md
