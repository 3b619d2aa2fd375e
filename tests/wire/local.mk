# The C codec against its Python twin and against golden bytes.
EXTRA_PROGRAMS += tests/wire/recode
CLEANFILES += tests/wire/recode
tests_wire_recode_SOURCES = tests/wire/recode.c
tests_wire_recode_LDADD = libwire.a libbase.a $(ISAL_LIBS)
TESTS += tests/wire/codec.sh
check_DATA += tests/wire/recode$(EXEEXT)
EXTRA_DIST += tests/wire/codec.sh tests/wire/check_codec.py \
	tests/wire/check_wiregen.py tests/wire/twin.py \
	tests/wire/README.md tests/wire/golden/Golden.java tests/wire/golden/README.md \
	tests/wire/golden/golden.txt tests/wire/record tests/wire/recorded
