broker_tests = tests/unit/broker/test_conf tests/unit/broker/test_pki tests/unit/broker/test_init \
	tests/unit/broker/test_bootstrap tests/unit/broker/test_manifest
check_PROGRAMS += $(broker_tests)
broker_test_libs = $(schloss_libs) $(system_libs) $(UNIT_LIBS)
tests_unit_broker_test_conf_SOURCES = tests/unit/broker/test_conf.c
tests_unit_broker_test_conf_LDADD = $(broker_test_libs)
tests_unit_broker_test_pki_SOURCES = tests/unit/broker/test_pki.c
tests_unit_broker_test_pki_LDADD = $(broker_test_libs)
tests_unit_broker_test_init_SOURCES = tests/unit/broker/test_init.c
tests_unit_broker_test_init_LDADD = $(broker_test_libs)
tests_unit_broker_test_bootstrap_SOURCES = tests/unit/broker/test_bootstrap.c
tests_unit_broker_test_bootstrap_LDADD = $(broker_test_libs)
tests_unit_broker_test_manifest_SOURCES = tests/unit/broker/test_manifest.c
tests_unit_broker_test_manifest_LDADD = $(broker_test_libs)
