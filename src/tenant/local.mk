noinst_LIBRARIES += libtenant.a
libtenant_a_SOURCES = \
	src/tenant/limits.c src/tenant/limits.h src/tenant/limits.def \
	src/tenant/bucket.c src/tenant/bucket.h \
	src/tenant/amounts.c src/tenant/quota.c src/tenant/quota_image.c src/tenant/quota.h src/tenant/quota.def src/tenant/quota_impl.h \
	src/tenant/tenant.c src/tenant/tenant.h
EXTRA_DIST += src/tenant/README.md
