# Unit tests of wire.
check_PROGRAMS += tests/unit/wire/test_reader tests/unit/wire/test_writer tests/unit/wire/test_kerr \
	tests/unit/wire/test_header tests/unit/wire/test_codec
wire_test_libs = libwire.a libbase.a $(ISAL_LIBS) $(UNIT_LIBS)
tests_unit_wire_test_reader_SOURCES = tests/unit/wire/test_reader.c
tests_unit_wire_test_reader_LDADD = $(wire_test_libs)
tests_unit_wire_test_writer_SOURCES = tests/unit/wire/test_writer.c
tests_unit_wire_test_writer_LDADD = $(wire_test_libs)
tests_unit_wire_test_kerr_SOURCES = tests/unit/wire/test_kerr.c
tests_unit_wire_test_kerr_LDADD = $(wire_test_libs)
tests_unit_wire_test_header_SOURCES = tests/unit/wire/test_header.c
tests_unit_wire_test_header_LDADD = $(wire_test_libs)
tests_unit_wire_test_codec_SOURCES = tests/unit/wire/test_codec.c
tests_unit_wire_test_codec_LDADD = $(wire_test_libs)
check_PROGRAMS += tests/unit/wire/test_batch
tests_unit_wire_test_batch_SOURCES = tests/unit/wire/test_batch.c
tests_unit_wire_test_batch_LDADD = libwire.a libbase.a $(system_libs) $(UNIT_LIBS)
