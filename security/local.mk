noinst_LIBRARIES += libsecurity.a
libsecurity_a_SOURCES =
EXTRA_DIST += security/README.md
