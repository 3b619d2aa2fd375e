# Unit tests of audit.
check_PROGRAMS += tests/unit/audit/test_verify tests/unit/audit/test_record tests/unit/audit/test_audit \
	tests/unit/audit/test_goes_on
audit_test_libs = libaudit.a libmeta.a liblog.a libtenant.a libacl.a libsecurity.a libwire.a libbase.a \
	$(system_libs) $(UNIT_LIBS)
tests_unit_audit_test_verify_SOURCES = tests/unit/audit/test_verify.c
tests_unit_audit_test_verify_LDADD = $(audit_test_libs)
tests_unit_audit_test_record_SOURCES = tests/unit/audit/test_record.c
tests_unit_audit_test_record_LDADD = $(audit_test_libs)
audit_test_wraps = -Wl,--wrap=fs_pwrite,--wrap=fs_truncate,--wrap=fs_sync,--wrap=clock_mono_ns
tests_unit_audit_test_audit_SOURCES = tests/unit/audit/test_audit.c tests/unit/audit/place.h
tests_unit_audit_test_audit_LDADD = $(audit_test_libs)
tests_unit_audit_test_audit_LDFLAGS = $(AM_LDFLAGS) $(audit_test_wraps)
tests_unit_audit_test_goes_on_SOURCES = tests/unit/audit/test_goes_on.c tests/unit/audit/place.h
tests_unit_audit_test_goes_on_LDADD = $(audit_test_libs)
tests_unit_audit_test_goes_on_LDFLAGS = $(AM_LDFLAGS) $(audit_test_wraps)
