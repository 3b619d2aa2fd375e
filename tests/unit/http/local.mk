# Unit tests of http.
check_PROGRAMS += tests/unit/http/test_request tests/unit/http/test_server
tests_unit_http_test_request_SOURCES = tests/unit/http/test_request.c
tests_unit_http_test_request_LDADD = libhttp.a libnet.a libsecurity.a libbase.a $(system_libs) $(UNIT_LIBS)
tests_unit_http_test_server_SOURCES = tests/unit/http/test_server.c
tests_unit_http_test_server_LDADD = libhttp.a libnet.a libsecurity.a libbase.a $(system_libs) $(UNIT_LIBS)
