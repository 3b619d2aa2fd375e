# Unit tests of security.
security_tests = tests/unit/security/test_scram tests/unit/security/test_scram_keys \
	tests/unit/security/test_names tests/unit/security/test_penalty tests/unit/security/test_binds \
	tests/unit/security/test_checks tests/unit/security/test_rx \
	tests/unit/security/test_mapping tests/unit/security/test_sasl \
	tests/unit/security/test_interop tests/unit/security/test_gssapi \
	tests/unit/security/test_certificate tests/unit/security/test_drop tests/unit/security/test_sandbox \
	tests/unit/security/test_token tests/unit/security/test_sasl_token \
	tests/unit/security/test_jwt tests/unit/security/test_oauth
EXTRA_DIST += tests/unit/security/kdc.sh
check_PROGRAMS += $(security_tests)
security_test_libs = libsecurity.a libbase.a $(OPENSSL_LIBS) $(SASL_LIBS) $(KRB5_LIBS) $(JANSSON_LIBS) $(CURL_LIBS) $(SECCOMP_LIBS) \
	$(ISAL_LIBS) $(UNIT_LIBS)
tests_unit_security_test_scram_SOURCES = tests/unit/security/test_scram.c \
	tests/unit/security/scram_client.h
tests_unit_security_test_scram_LDADD = $(security_test_libs)
tests_unit_security_test_scram_keys_SOURCES = tests/unit/security/test_scram_keys.c
tests_unit_security_test_scram_keys_LDADD = $(security_test_libs)
tests_unit_security_test_names_SOURCES = tests/unit/security/test_names.c
tests_unit_security_test_names_LDADD = $(security_test_libs)
tests_unit_security_test_binds_SOURCES = tests/unit/security/test_binds.c tests/unit/security/sasl_fixture.h \
	tests/unit/security/scram_client.h
tests_unit_security_test_binds_LDADD = $(security_test_libs)
tests_unit_security_test_penalty_SOURCES = tests/unit/security/test_penalty.c
tests_unit_security_test_penalty_LDADD = $(security_test_libs)
tests_unit_security_test_checks_SOURCES = tests/unit/security/test_checks.c
tests_unit_security_test_checks_LDADD = $(security_test_libs)
tests_unit_security_test_rx_SOURCES = tests/unit/security/test_rx.c
tests_unit_security_test_rx_LDADD = $(security_test_libs)
tests_unit_security_test_mapping_SOURCES = tests/unit/security/test_mapping.c
tests_unit_security_test_mapping_LDADD = $(security_test_libs)
tests_unit_security_test_sasl_SOURCES = tests/unit/security/test_sasl.c \
	tests/unit/security/sasl_between.h tests/unit/security/sasl_fixture.h
tests_unit_security_test_sasl_LDADD = $(security_test_libs)
tests_unit_security_test_interop_SOURCES = tests/unit/security/test_interop.c \
	tests/unit/security/cyrus_client.h tests/unit/security/sasl_fixture.h
tests_unit_security_test_interop_LDADD = $(security_test_libs)
tests_unit_security_test_gssapi_SOURCES = tests/unit/security/test_gssapi.c \
	tests/unit/security/cyrus_client.h tests/unit/security/sasl_fixture.h
tests_unit_security_test_gssapi_LDADD = $(security_test_libs)
tests_unit_security_test_certificate_SOURCES = tests/unit/security/test_certificate.c
tests_unit_security_test_certificate_LDADD = $(security_test_libs)
tests_unit_security_test_drop_SOURCES = tests/unit/security/test_drop.c
tests_unit_security_test_drop_LDADD = $(security_test_libs)
tests_unit_security_test_sandbox_SOURCES = tests/unit/security/test_sandbox.c
tests_unit_security_test_sandbox_LDADD = $(security_test_libs)
tests_unit_security_test_sasl_token_SOURCES = tests/unit/security/test_sasl_token.c \
	tests/unit/security/sasl_fixture.h
tests_unit_security_test_sasl_token_LDADD = $(security_test_libs)
tests_unit_security_test_token_SOURCES = tests/unit/security/test_token.c
tests_unit_security_test_token_LDADD = $(security_test_libs)
tests_unit_security_test_jwt_SOURCES = tests/unit/security/test_jwt.c tests/unit/security/jwt_maker.h
tests_unit_security_test_jwt_LDADD = $(security_test_libs)
tests_unit_security_test_oauth_SOURCES = tests/unit/security/test_oauth.c tests/unit/security/jwt_maker.h \
	tests/unit/security/sasl_fixture.h
tests_unit_security_test_oauth_LDADD = $(security_test_libs)
check_PROGRAMS += tests/unit/security/test_tls
tests_unit_security_test_tls_SOURCES = tests/unit/security/test_tls.c tests/unit/net/echo.h
tests_unit_security_test_tls_LDADD = libsecurity.a libnet.a libbase.a $(system_libs) $(UNIT_LIBS)
