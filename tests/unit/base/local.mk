base_tests = tests/unit/base/test_addr \
	tests/unit/base/test_str tests/unit/base/test_mem tests/unit/base/test_map \
	tests/unit/base/test_pmap tests/unit/base/test_timer tests/unit/base/test_hash \
	tests/unit/base/test_thread tests/unit/base/test_fs tests/unit/base/test_event \
	tests/unit/base/test_principal tests/unit/base/test_ration tests/unit/base/test_when
check_PROGRAMS += $(base_tests)
base_test_libs = libbase.a $(ISAL_LIBS) $(UNIT_LIBS)
tests_unit_base_test_str_SOURCES = tests/unit/base/test_str.c tests/unit/test.h
tests_unit_base_test_str_LDADD = $(base_test_libs)
tests_unit_base_test_mem_SOURCES = tests/unit/base/test_mem.c
tests_unit_base_test_mem_LDADD = $(base_test_libs)
tests_unit_base_test_map_SOURCES = tests/unit/base/test_map.c
tests_unit_base_test_map_LDADD = $(base_test_libs)
tests_unit_base_test_pmap_SOURCES = tests/unit/base/test_pmap.c
tests_unit_base_test_pmap_LDADD = $(base_test_libs)
tests_unit_base_test_timer_SOURCES = tests/unit/base/test_timer.c
tests_unit_base_test_timer_LDADD = $(base_test_libs)
tests_unit_base_test_hash_SOURCES = tests/unit/base/test_hash.c
tests_unit_base_test_hash_LDADD = $(base_test_libs)
tests_unit_base_test_thread_SOURCES = tests/unit/base/test_thread.c
tests_unit_base_test_thread_LDADD = $(base_test_libs)
tests_unit_base_test_fs_SOURCES = tests/unit/base/test_fs.c
tests_unit_base_test_fs_LDADD = $(base_test_libs)
tests_unit_base_test_event_SOURCES = tests/unit/base/test_event.c
tests_unit_base_test_event_LDADD = $(base_test_libs)
tests_unit_base_test_when_SOURCES = tests/unit/base/test_when.c
tests_unit_base_test_when_LDADD = $(base_test_libs)
tests_unit_base_test_addr_SOURCES = tests/unit/base/test_addr.c
tests_unit_base_test_addr_LDADD = $(base_test_libs)
tests_unit_base_test_principal_SOURCES = tests/unit/base/test_principal.c tests/unit/test.h
tests_unit_base_test_principal_LDADD = $(base_test_libs)
tests_unit_base_test_ration_SOURCES = tests/unit/base/test_ration.c tests/unit/test.h
tests_unit_base_test_ration_LDADD = $(base_test_libs)
