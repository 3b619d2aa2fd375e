noinst_LIBRARIES += libbroker.a
libbroker_a_SOURCES =
EXTRA_DIST += src/broker/README.md
