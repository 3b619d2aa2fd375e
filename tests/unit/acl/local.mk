# Unit tests of acl.
EXTRA_DIST += tests/unit/acl/README.md
acl_tests = \
	tests/unit/acl/test_check \
	tests/unit/acl/test_image \
	tests/unit/acl/test_rule \
	tests/unit/acl/test_change \
	tests/unit/acl/test_text \
	tests/unit/acl/test_describe \
	tests/unit/acl/test_compare \
	tests/unit/acl/test_denials
check_PROGRAMS += $(acl_tests)
acl_test_libs = libacl.a $(base_test_libs)
tests_unit_acl_test_check_SOURCES = tests/unit/acl/test_check.c tests/unit/acl/fixture.h
tests_unit_acl_test_check_LDADD = $(acl_test_libs)
tests_unit_acl_test_image_SOURCES = tests/unit/acl/test_image.c tests/unit/acl/fixture.h
tests_unit_acl_test_image_LDADD = $(acl_test_libs)
tests_unit_acl_test_rule_SOURCES = tests/unit/acl/test_rule.c tests/unit/acl/fixture.h
tests_unit_acl_test_rule_LDADD = $(acl_test_libs)
tests_unit_acl_test_change_SOURCES = tests/unit/acl/test_change.c tests/unit/acl/fixture.h
tests_unit_acl_test_change_LDADD = $(acl_test_libs)
tests_unit_acl_test_text_SOURCES = tests/unit/acl/test_text.c tests/unit/acl/fixture.h
tests_unit_acl_test_text_LDADD = $(acl_test_libs)
tests_unit_acl_test_describe_SOURCES = tests/unit/acl/test_describe.c tests/unit/acl/fixture.h
tests_unit_acl_test_describe_LDADD = $(acl_test_libs)
tests_unit_acl_test_compare_SOURCES = tests/unit/acl/test_compare.c tests/unit/acl/fixture.h
tests_unit_acl_test_compare_LDADD = $(acl_test_libs)
tests_unit_acl_test_denials_SOURCES = tests/unit/acl/test_denials.c tests/unit/acl/fixture.h
tests_unit_acl_test_denials_LDADD = $(acl_test_libs)
