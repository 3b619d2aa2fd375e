noinst_LIBRARIES += libacl.a
libacl_a_SOURCES =
EXTRA_DIST += acl/README.md
