# Unit tests of the group coordinator.
check_PROGRAMS += tests/unit/coord/test_group tests/unit/coord/test_static tests/unit/coord/test_coord \
	tests/unit/coord/test_budget tests/unit/coord/test_protocols
coord_test_libs = libcoord.a libtenant.a libwire.a libacl.a libbase.a $(system_libs) $(UNIT_LIBS)
coord_world = tests/unit/coord/group_world.c tests/unit/coord/group_world.h
tests_unit_coord_test_group_SOURCES = tests/unit/coord/test_group.c $(coord_world)
tests_unit_coord_test_group_LDADD = $(coord_test_libs)
tests_unit_coord_test_coord_SOURCES = tests/unit/coord/test_coord.c
tests_unit_coord_test_coord_LDADD = $(coord_test_libs)
tests_unit_coord_test_budget_SOURCES = tests/unit/coord/test_budget.c
tests_unit_coord_test_budget_LDADD = $(coord_test_libs)
tests_unit_coord_test_static_SOURCES = tests/unit/coord/test_static.c $(coord_world)
tests_unit_coord_test_static_LDADD = $(coord_test_libs)
tests_unit_coord_test_protocols_SOURCES = tests/unit/coord/test_protocols.c $(coord_world)
tests_unit_coord_test_protocols_LDADD = $(coord_test_libs)
