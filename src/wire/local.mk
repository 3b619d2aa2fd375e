noinst_LIBRARIES += libwire.a
libwire_a_SOURCES =
EXTRA_DIST += src/wire/README.md
