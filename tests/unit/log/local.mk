log_tests = tests/unit/log/test_store tests/unit/log/test_kafka tests/unit/log/test_recovery \
	tests/unit/log/test_model tests/unit/log/test_pin tests/unit/log/test_retain \
	tests/unit/log/test_crash tests/unit/log/test_fault \
	tests/unit/log/test_compact tests/unit/log/test_sequence \
	tests/unit/log/test_partition tests/unit/log/test_journal \
	tests/unit/log/test_direct tests/unit/log/test_fdcache tests/unit/log/test_load \
	tests/unit/log/test_keep tests/unit/log/test_writer tests/unit/log/test_unread \
	tests/unit/log/test_damage tests/unit/log/test_mark
check_PROGRAMS += $(log_tests)
log_test_libs = liblog.a libwire.a libbase.a $(ZLIB_LIBS) $(ZSTD_LIBS) $(LZ4_LIBS) $(ISAL_LIBS) $(UNIT_LIBS)
tests_unit_log_test_store_SOURCES = tests/unit/log/test_store.c tests/unit/log/support.h
tests_unit_log_test_store_LDADD = $(log_test_libs)
tests_unit_log_test_recovery_SOURCES = tests/unit/log/test_recovery.c tests/unit/log/support.h
tests_unit_log_test_recovery_LDADD = $(log_test_libs)
tests_unit_log_test_model_SOURCES = tests/unit/log/test_model.c tests/unit/log/support.h
tests_unit_log_test_model_LDADD = $(log_test_libs)
tests_unit_log_test_retain_SOURCES = tests/unit/log/test_retain.c tests/unit/log/support.h
tests_unit_log_test_retain_LDADD = $(log_test_libs)
tests_unit_log_test_crash_SOURCES = tests/unit/log/test_crash.c tests/unit/log/support.h
tests_unit_log_test_crash_LDADD = $(log_test_libs)
tests_unit_log_test_crash_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fs_open,--wrap=fs_pwrite,--wrap=fs_pwritev \
	-Wl,--wrap=fs_truncate,--wrap=fs_sync,--wrap=fs_sync_dir,--wrap=fs_rename,--wrap=fs_unlink \
	-Wl,--wrap=fs_mkdir,--wrap=fs_replace
tests_unit_log_test_fault_SOURCES = tests/unit/log/test_fault.c tests/unit/log/support.h
tests_unit_log_test_fault_LDADD = $(log_test_libs)
tests_unit_log_test_fault_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fs_open,--wrap=fs_pwrite,--wrap=fs_pwritev \
	-Wl,--wrap=fs_sync,--wrap=fs_space
tests_unit_log_test_compact_SOURCES = tests/unit/log/test_compact.c tests/unit/log/keyed.h tests/unit/log/support.h
tests_unit_log_test_compact_LDADD = $(log_test_libs)
tests_unit_log_test_sequence_SOURCES = tests/unit/log/test_sequence.c tests/unit/log/support.h tests/unit/log/snapshot.h
tests_unit_log_test_sequence_LDADD = $(log_test_libs)
tests_unit_log_test_partition_SOURCES = tests/unit/log/test_partition.c tests/unit/log/support.h
tests_unit_log_test_partition_LDADD = $(log_test_libs)
tests_unit_log_test_journal_SOURCES = tests/unit/log/test_journal.c tests/unit/log/support.h
tests_unit_log_test_journal_LDADD = $(log_test_libs)
tests_unit_log_test_kafka_SOURCES = tests/unit/log/test_kafka.c tests/unit/log/support.h tests/unit/log/snapshot.h
tests_unit_log_test_kafka_LDADD = $(log_test_libs)
tests_unit_log_test_direct_SOURCES = tests/unit/log/test_direct.c tests/unit/log/support.h
tests_unit_log_test_direct_LDADD = $(log_test_libs)
tests_unit_log_test_direct_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fs_open
tests_unit_log_test_fdcache_SOURCES = tests/unit/log/test_fdcache.c tests/unit/log/support.h
tests_unit_log_test_fdcache_LDADD = $(log_test_libs)
EXTRA_DIST += tests/unit/log/data
tests_unit_log_test_load_SOURCES = tests/unit/log/test_load.c tests/unit/log/support.h
tests_unit_log_test_load_LDADD = $(log_test_libs)
tests_unit_log_test_keep_SOURCES = tests/unit/log/test_keep.c tests/unit/log/keyed.h tests/unit/log/support.h
tests_unit_log_test_keep_LDADD = $(log_test_libs)
tests_unit_log_test_keep_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fs_open,--wrap=fs_pread,--wrap=fs_pwrite \
	-Wl,--wrap=fs_sync,--wrap=fs_sync_dir,--wrap=fs_rename,--wrap=fs_unlink
tests_unit_log_test_writer_SOURCES = tests/unit/log/test_writer.c tests/unit/log/support.h
tests_unit_log_test_writer_LDADD = $(log_test_libs)
tests_unit_log_test_damage_SOURCES = tests/unit/log/test_damage.c tests/unit/log/numbered.h tests/unit/log/support.h
tests_unit_log_test_damage_LDADD = $(log_test_libs)
tests_unit_log_test_mark_SOURCES = tests/unit/log/test_mark.c tests/unit/log/numbered.h tests/unit/log/keyed.h tests/unit/log/support.h
tests_unit_log_test_mark_LDADD = $(log_test_libs)
tests_unit_log_test_mark_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fs_open,--wrap=fs_list,--wrap=fs_slurp,--wrap=fs_path_size
tests_unit_log_test_unread_SOURCES = tests/unit/log/test_unread.c tests/unit/log/support.h
tests_unit_log_test_unread_LDADD = $(log_test_libs)
tests_unit_log_test_unread_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fs_open,--wrap=fs_list,--wrap=fs_slurp \
	-Wl,--wrap=fs_sync,--wrap=fs_sync_dir,--wrap=fs_sync_all,--wrap=fs_replace,--wrap=fs_drop_cache
tests_unit_log_test_pin_SOURCES = tests/unit/log/test_pin.c tests/unit/log/support.h
tests_unit_log_test_pin_LDADD = $(log_test_libs)
tests_unit_log_test_pin_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fs_link
