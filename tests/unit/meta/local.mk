# Unit tests of meta.
check_PROGRAMS += tests/unit/meta/test_image
tests_unit_meta_test_image_SOURCES = tests/unit/meta/test_image.c
tests_unit_meta_test_image_LDADD = libmeta.a liblog.a libtenant.a libacl.a libsecurity.a libwire.a \
	libbase.a $(system_libs) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/meta/test_controller
tests_unit_meta_test_controller_SOURCES = tests/unit/meta/test_controller.c \
	tests/unit/meta/dump.h tests/unit/meta/token_changes.h tests/unit/meta/engine.h tests/unit/meta/room.h tests/unit/log/support.h
tests_unit_meta_test_controller_LDADD = $(tests_unit_meta_test_image_LDADD)

check_PROGRAMS += tests/unit/meta/test_operators
tests_unit_meta_test_operators_SOURCES = tests/unit/meta/test_operators.c \
	tests/unit/meta/engine.h tests/unit/meta/room.h tests/unit/log/support.h
tests_unit_meta_test_operators_LDADD = $(tests_unit_meta_test_image_LDADD)

check_PROGRAMS += tests/unit/meta/test_listening
tests_unit_meta_test_listening_SOURCES = tests/unit/meta/test_listening.c \
	tests/unit/meta/engine.h tests/unit/meta/room.h tests/unit/log/support.h
tests_unit_meta_test_listening_LDADD = $(tests_unit_meta_test_image_LDADD)

check_PROGRAMS += tests/unit/meta/test_epochs
tests_unit_meta_test_epochs_SOURCES = tests/unit/meta/test_epochs.c \
	tests/unit/meta/engine.h tests/unit/meta/room.h tests/unit/log/support.h
tests_unit_meta_test_epochs_LDADD = $(tests_unit_meta_test_image_LDADD)

check_PROGRAMS += tests/unit/meta/test_format
tests_unit_meta_test_format_SOURCES = tests/unit/meta/test_format.c
tests_unit_meta_test_format_LDADD = $(tests_unit_meta_test_image_LDADD)

check_PROGRAMS += tests/unit/meta/test_tokens
tests_unit_meta_test_tokens_SOURCES = tests/unit/meta/test_tokens.c tests/unit/meta/token_changes.h \
	tests/unit/meta/engine.h tests/unit/meta/room.h tests/unit/log/support.h
tests_unit_meta_test_tokens_LDADD = $(tests_unit_meta_test_image_LDADD)

check_PROGRAMS += tests/unit/meta/test_tenants
tests_unit_meta_test_tenants_SOURCES = tests/unit/meta/test_tenants.c \
	tests/unit/meta/engine.h tests/unit/meta/room.h tests/unit/log/support.h
tests_unit_meta_test_tenants_LDADD = $(tests_unit_meta_test_image_LDADD)
