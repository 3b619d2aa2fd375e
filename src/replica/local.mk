noinst_LIBRARIES += libreplica.a
libreplica_a_SOURCES =
EXTRA_DIST += src/replica/README.md
