# Unit tests of net.
check_PROGRAMS += tests/unit/net/test_conn
net_test_libs = libnet.a libbase.a $(system_libs) $(UNIT_LIBS)
tests_unit_net_test_conn_SOURCES = tests/unit/net/test_conn.c tests/unit/net/echo.h
tests_unit_net_test_conn_LDADD = $(net_test_libs)
