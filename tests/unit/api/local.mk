# Unit tests of api.
check_PROGRAMS += tests/unit/api/test_answer tests/unit/api/test_memo tests/unit/api/test_roster tests/unit/api/test_waits
tests_unit_api_test_memo_SOURCES = tests/unit/api/test_memo.c
tests_unit_api_test_memo_LDADD = $(schloss_libs) $(system_libs) $(UNIT_LIBS)
tests_unit_api_test_roster_SOURCES = tests/unit/api/test_roster.c
tests_unit_api_test_roster_LDADD = $(schloss_libs) $(system_libs) $(UNIT_LIBS)
tests_unit_api_test_roster_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=conn_loop
tests_unit_api_test_answer_SOURCES = tests/unit/api/test_answer.c tests/small_broker.h
tests_unit_api_test_answer_LDADD = $(schloss_libs) $(system_libs) $(UNIT_LIBS)
tests_unit_api_test_answer_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=api_metadata
tests_unit_api_test_waits_SOURCES = tests/unit/api/test_waits.c tests/small_broker.h
tests_unit_api_test_waits_LDADD = $(schloss_libs) $(system_libs) $(UNIT_LIBS)
tests_unit_api_test_waits_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=partition_read,--wrap=partition_read_cold \
	-Wl,--wrap=partition_wait_data,--wrap=partition_wait_cancel,--wrap=partition_append \
	-Wl,--wrap=request_wake,--wrap=quota_step_aside
