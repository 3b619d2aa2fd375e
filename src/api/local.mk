noinst_LIBRARIES += libapi.a
libapi_a_SOURCES =
EXTRA_DIST += src/api/README.md
