# Load generators and what counts; not built by default.
EXTRA_PROGRAMS += bench/logbench bench/logstart
bench_logbench_SOURCES = bench/logbench.c
bench_logbench_LDADD = liblog.a libwire.a libbase.a $(system_libs)
bench_logstart_SOURCES = bench/logstart.c
bench_logstart_LDADD = liblog.a libwire.a libbase.a $(system_libs)
EXTRA_PROGRAMS += bench/load
bench_load_SOURCES = bench/load.c bench/load.h bench/calls.c bench/stamp.c bench/stamp.h bench/stream.c bench/stream.h
bench_load_LDADD = libcli.a libbroker.a libaudit.a libacl.a libsecurity.a libwire.a libbase.a $(system_libs)
EXTRA_PROGRAMS += bench/small
bench_small_SOURCES = bench/small.c
bench_small_LDADD = -lrdkafka
EXTRA_PROGRAMS += bench/floor
bench_floor_SOURCES = bench/floor.c
bench_floor_LDADD = libbase.a $(system_libs)
# Scripts and figures, whatever they are called; what was built here does not go along.
EXTRA_DIST += $(filter-out $(EXTRA_PROGRAMS:%=$(srcdir)/%) %.o,$(wildcard $(srcdir)/bench/*.*) $(wildcard $(srcdir)/bench/[a-z]*))
