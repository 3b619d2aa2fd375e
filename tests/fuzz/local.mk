# Fuzz targets; without libFuzzer each replays its corpus under make check:
# tests/fuzz/corpus/NAME for tests/fuzz/NAME. Add yours to fuzz_targets.
if WITH_FUZZER
noinst_PROGRAMS = $(fuzz_targets)
fuzz_main =
else
check_PROGRAMS += $(fuzz_targets)
fuzz_main = tests/fuzz/replay_main.c
endif
EXTRA_DIST += tests/fuzz/corpus tests/fuzz/README.md tests/fuzz/wire_corpus.py \
	tests/fuzz/batch_corpus.py tests/fuzz/coord_corpus.py tests/fuzz/broker_corpus.py \
	tests/fuzz/http_corpus.py tests/fuzz/jwt_corpus.py tests/fuzz/proxy_corpus.py

fuzz_targets = \
	tests/fuzz/fuzz_acl \
	tests/fuzz/fuzz_audit \
	tests/fuzz/fuzz_batch \
	tests/fuzz/fuzz_broker \
	tests/fuzz/fuzz_coord \
	tests/fuzz/fuzz_decompress \
	tests/fuzz/fuzz_http \
	tests/fuzz/fuzz_jwt \
	tests/fuzz/fuzz_proxy \
	tests/fuzz/fuzz_records \
	tests/fuzz/fuzz_request \
	tests/fuzz/fuzz_response \
	tests/fuzz/fuzz_sasl \
	tests/fuzz/fuzz_manifest \
	tests/fuzz/fuzz_site \
	tests/fuzz/fuzz_mapping \
	tests/fuzz/fuzz_recovery

# What tests/long/fuzz needs, and nothing else.
.PHONY: fuzz-targets
# What is generated is there first, as in make all.
fuzz-targets: $(BUILT_SOURCES)
	$(MAKE) $(AM_MAKEFLAGS) $(fuzz_targets)

tests_fuzz_fuzz_request_SOURCES = tests/fuzz/fuzz_request.c tests/fuzz/wire_fuzz.h $(fuzz_main)
tests_fuzz_fuzz_request_LDADD = libwire.a libbase.a $(ISAL_LIBS)
tests_fuzz_fuzz_request_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_response_SOURCES = tests/fuzz/fuzz_response.c tests/fuzz/wire_fuzz.h $(fuzz_main)
tests_fuzz_fuzz_response_LDADD = libwire.a libbase.a $(ISAL_LIBS)
tests_fuzz_fuzz_response_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

fuzz_security_libs = libsecurity.a libbase.a $(OPENSSL_LIBS) $(SASL_LIBS) $(KRB5_LIBS) $(JANSSON_LIBS) $(CURL_LIBS) $(ISAL_LIBS)
tests_fuzz_fuzz_sasl_SOURCES = tests/fuzz/fuzz_sasl.c tests/unit/security/sasl_fixture.h \
	tests/unit/security/scram_client.h $(fuzz_main)
tests_fuzz_fuzz_sasl_LDADD = $(fuzz_security_libs)
tests_fuzz_fuzz_sasl_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_jwt_SOURCES = tests/fuzz/fuzz_jwt.c tests/unit/security/jwt_maker.h $(fuzz_main)
tests_fuzz_fuzz_jwt_LDADD = $(fuzz_security_libs)
tests_fuzz_fuzz_jwt_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_proxy_SOURCES = tests/fuzz/fuzz_proxy.c $(fuzz_main)
tests_fuzz_fuzz_proxy_LDADD = libnet.a libbase.a $(ISAL_LIBS)
tests_fuzz_fuzz_proxy_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_http_SOURCES = tests/fuzz/fuzz_http.c $(fuzz_main)
tests_fuzz_fuzz_http_LDADD = libhttp.a $(fuzz_security_libs) $(HTTP_PARSER_LIBS)
tests_fuzz_fuzz_http_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_mapping_SOURCES = tests/fuzz/fuzz_mapping.c $(fuzz_main)
tests_fuzz_fuzz_mapping_LDADD = $(fuzz_security_libs)
tests_fuzz_fuzz_mapping_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_manifest_SOURCES = tests/fuzz/fuzz_manifest.c $(fuzz_main)
tests_fuzz_fuzz_manifest_LDADD = libbroker.a libbase.a $(system_libs)
tests_fuzz_fuzz_manifest_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_site_SOURCES = tests/fuzz/fuzz_site.c $(fuzz_main)
tests_fuzz_fuzz_site_LDADD = libcli.a libbroker.a libaudit.a libacl.a libsecurity.a libwire.a libbase.a $(system_libs)
tests_fuzz_fuzz_site_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_acl_SOURCES = tests/fuzz/fuzz_acl.c $(fuzz_main)
tests_fuzz_fuzz_acl_LDADD = libtenant.a libacl.a libbase.a $(ISAL_LIBS)
tests_fuzz_fuzz_acl_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_audit_SOURCES = tests/fuzz/fuzz_audit.c $(fuzz_main)
tests_fuzz_fuzz_audit_LDADD = libaudit.a libbase.a $(OPENSSL_LIBS) $(ISAL_LIBS)
tests_fuzz_fuzz_audit_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_recovery_SOURCES = tests/fuzz/fuzz_recovery.c $(fuzz_main)
tests_fuzz_fuzz_recovery_LDADD = liblog.a libwire.a libbase.a $(ZLIB_LIBS) $(ZSTD_LIBS) $(LZ4_LIBS) $(ISAL_LIBS)
tests_fuzz_fuzz_recovery_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_batch_SOURCES = tests/fuzz/fuzz_batch.c $(fuzz_main)
tests_fuzz_fuzz_batch_LDADD = liblog.a libwire.a libbase.a $(ZLIB_LIBS) $(ZSTD_LIBS) $(LZ4_LIBS) $(ISAL_LIBS)
tests_fuzz_fuzz_batch_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_decompress_SOURCES = tests/fuzz/fuzz_decompress.c $(fuzz_main)
tests_fuzz_fuzz_decompress_LDADD = libwire.a libbase.a $(ZLIB_LIBS) $(ZSTD_LIBS) $(LZ4_LIBS) $(ISAL_LIBS)
tests_fuzz_fuzz_decompress_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
fuzz_coord_libs = libcoord.a libtenant.a libwire.a libacl.a libbase.a $(system_libs)
tests_fuzz_fuzz_records_SOURCES = tests/fuzz/fuzz_records.c $(fuzz_main)
tests_fuzz_fuzz_records_LDADD = $(fuzz_coord_libs)
tests_fuzz_fuzz_records_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_coord_SOURCES = tests/fuzz/fuzz_coord.c $(fuzz_main)
tests_fuzz_fuzz_coord_LDADD = $(fuzz_coord_libs)
tests_fuzz_fuzz_coord_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_broker_SOURCES = tests/fuzz/fuzz_broker.c tests/small_broker.h $(fuzz_main)
tests_fuzz_fuzz_broker_LDADD = $(schloss_libs) $(system_libs)
tests_fuzz_fuzz_broker_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
