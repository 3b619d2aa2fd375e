# Unit tests of web.
check_PROGRAMS += tests/unit/web/test_text tests/unit/web/test_tally
tests_unit_web_test_text_SOURCES = tests/unit/web/test_text.c
tests_unit_web_test_text_LDADD = $(schloss_libs) $(system_libs) $(UNIT_LIBS)
tests_unit_web_test_tally_SOURCES = tests/unit/web/test_tally.c
tests_unit_web_test_tally_LDADD = $(schloss_libs) $(system_libs) $(UNIT_LIBS)
