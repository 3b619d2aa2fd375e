# Unit tests of tenant.
tenant_tests = tests/unit/tenant/test_tenant tests/unit/tenant/test_quota tests/unit/tenant/test_promise tests/unit/tenant/test_amounts
check_PROGRAMS += $(tenant_tests)
tenant_test_libs = libtenant.a libacl.a $(base_test_libs) -lm
tests_unit_tenant_test_tenant_SOURCES = tests/unit/tenant/test_tenant.c
tests_unit_tenant_test_tenant_LDADD = $(tenant_test_libs)
tests_unit_tenant_test_quota_SOURCES = tests/unit/tenant/test_quota.c tests/unit/tenant/quota_fixture.h
tests_unit_tenant_test_quota_LDADD = $(tenant_test_libs)
tests_unit_tenant_test_promise_SOURCES = tests/unit/tenant/test_promise.c tests/unit/tenant/quota_fixture.h
tests_unit_tenant_test_promise_LDADD = $(tenant_test_libs)
tests_unit_tenant_test_amounts_SOURCES = tests/unit/tenant/test_amounts.c tests/unit/tenant/quota_fixture.h
tests_unit_tenant_test_amounts_LDADD = $(tenant_test_libs)
