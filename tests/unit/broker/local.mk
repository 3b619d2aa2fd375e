broker_tests = tests/unit/broker/test_conf tests/unit/broker/test_pki
check_PROGRAMS += $(broker_tests)
broker_test_libs = libbroker.a libsecurity.a libbase.a $(OPENSSL_LIBS) $(YAML_LIBS) $(ISAL_LIBS) $(UNIT_LIBS)
tests_unit_broker_test_conf_SOURCES = tests/unit/broker/test_conf.c
tests_unit_broker_test_conf_LDADD = $(broker_test_libs)
tests_unit_broker_test_pki_SOURCES = tests/unit/broker/test_pki.c
tests_unit_broker_test_pki_LDADD = $(broker_test_libs)
