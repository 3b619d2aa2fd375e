# Unit tests of acl.
acl_tests = tests/unit/acl/test_check
check_PROGRAMS += $(acl_tests)
acl_test_libs = libacl.a $(base_test_libs)
tests_unit_acl_test_check_SOURCES = tests/unit/acl/test_check.c tests/unit/acl/fixture.h
tests_unit_acl_test_check_LDADD = $(acl_test_libs)
