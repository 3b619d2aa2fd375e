noinst_LIBRARIES += libtenant.a
libtenant_a_SOURCES = \
	src/tenant/quota.h src/tenant/quota.def src/tenant/tenant.h src/tenant/limits.h src/tenant/limits.def
EXTRA_DIST += src/tenant/README.md
