# Unit tests of api.
check_PROGRAMS += tests/unit/api/test_answer
tests_unit_api_test_answer_SOURCES = tests/unit/api/test_answer.c tests/small_broker.h
tests_unit_api_test_answer_LDADD = $(schloss_libs) $(system_libs) $(UNIT_LIBS)
tests_unit_api_test_answer_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=api_metadata
