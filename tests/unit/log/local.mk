log_tests = tests/unit/log/test_store tests/unit/log/test_recovery \
	tests/unit/log/test_model
check_PROGRAMS += $(log_tests)
log_test_libs = liblog.a libwire.a libbase.a $(ZLIB_LIBS) $(ZSTD_LIBS) $(LZ4_LIBS) $(ISAL_LIBS) $(UNIT_LIBS)
tests_unit_log_test_store_SOURCES = tests/unit/log/test_store.c tests/unit/log/support.h
tests_unit_log_test_store_LDADD = $(log_test_libs)
tests_unit_log_test_recovery_SOURCES = tests/unit/log/test_recovery.c tests/unit/log/support.h
tests_unit_log_test_recovery_LDADD = $(log_test_libs)
tests_unit_log_test_model_SOURCES = tests/unit/log/test_model.c tests/unit/log/support.h
tests_unit_log_test_model_LDADD = $(log_test_libs)
