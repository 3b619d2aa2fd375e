check_PROGRAMS += tests/unit/cli/test_cli
tests_unit_cli_test_cli_SOURCES = tests/unit/cli/test_cli.c
tests_unit_cli_test_cli_LDADD = libcli.a libbroker.a libaudit.a libacl.a libsecurity.a libwire.a libbase.a \
	$(system_libs) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/cli/test_site
tests_unit_cli_test_site_SOURCES = tests/unit/cli/test_site.c
tests_unit_cli_test_site_LDADD = $(tests_unit_cli_test_cli_LDADD)
