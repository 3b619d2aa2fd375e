noinst_LIBRARIES += libmeta.a
libmeta_a_SOURCES =
EXTRA_DIST += src/meta/README.md
