broker_tests = tests/unit/broker/test_conf
check_PROGRAMS += $(broker_tests)
broker_test_libs = libbroker.a libbase.a $(YAML_LIBS) $(ISAL_LIBS) $(UNIT_LIBS)
tests_unit_broker_test_conf_SOURCES = tests/unit/broker/test_conf.c
tests_unit_broker_test_conf_LDADD = $(broker_test_libs)
