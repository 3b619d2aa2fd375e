noinst_LIBRARIES += libcoord.a
libcoord_a_SOURCES =
EXTRA_DIST += src/coord/README.md
