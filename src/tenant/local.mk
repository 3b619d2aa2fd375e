noinst_LIBRARIES += libtenant.a
libtenant_a_SOURCES =
EXTRA_DIST += src/tenant/README.md
