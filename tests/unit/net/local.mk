# Unit tests of net.
check_PROGRAMS += tests/unit/net/test_conn tests/unit/net/test_holding tests/unit/net/test_proxy
net_test_libs = libnet.a libbase.a $(system_libs) $(UNIT_LIBS)
tests_unit_net_test_conn_SOURCES = tests/unit/net/test_conn.c tests/unit/net/echo.h
tests_unit_net_test_conn_LDADD = $(net_test_libs)
tests_unit_net_test_holding_SOURCES = tests/unit/net/test_holding.c tests/unit/test.h
tests_unit_net_test_holding_LDADD = $(net_test_libs)
tests_unit_net_test_proxy_SOURCES = tests/unit/net/test_proxy.c tests/unit/test.h
tests_unit_net_test_proxy_LDADD = $(net_test_libs)
