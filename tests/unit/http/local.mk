# Unit tests of http.
check_PROGRAMS += tests/unit/http/test_request
tests_unit_http_test_request_SOURCES = tests/unit/http/test_request.c
tests_unit_http_test_request_LDADD = libhttp.a libnet.a libsecurity.a libbase.a $(system_libs) $(UNIT_LIBS)
