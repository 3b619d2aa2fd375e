# src/log
noinst_LIBRARIES += liblog.a
liblog_a_SOURCES = \
	src/log/log.h src/log/store.h src/log/partition.h src/log/impl.h src/log/head.h \
	src/log/checkpoint.c src/log/checkpoint.h \
	src/log/compact.c src/log/compact.h src/log/compact_batch.c \
	src/log/direct.c src/log/direct.h \
	src/log/epochs.c src/log/epochs.h \
	src/log/fdcache.c src/log/fdcache.h \
	src/log/files.c \
	src/log/indexes.c src/log/indexes.h \
	src/log/journal.c src/log/journal.h src/log/journal_format.h src/log/journal_replay.c \
	src/log/journal_group.c src/log/journal_group.h \
	src/log/keymap.c src/log/keymap.h \
	src/log/load.c src/log/swap.c \
	src/log/lookup.c \
	src/log/maintain.c src/log/maintain.h \
	src/log/mark.c src/log/mark.h src/log/mend.c src/log/mend.h \
	src/log/open.c \
	src/log/ops.c \
	src/log/partition.c \
	src/log/pass.c src/log/pin.c src/log/pin.h \
	src/log/producers.c src/log/producers.h \
	src/log/read.c src/log/read.h \
	src/log/records.c src/log/records.h \
	src/log/replay.c \
	src/log/retain.c src/log/retain.h \
	src/log/room.c src/log/room.h \
	src/log/scan.c src/log/scan.h \
	src/log/seal.c src/log/seal.h \
	src/log/segment.c src/log/segment.h \
	src/log/sequence.c src/log/sequence.h \
	src/log/state.c src/log/state.h \
	src/log/store.c \
	src/log/tail.c src/log/tail.h \
	src/log/writer.c
EXTRA_DIST += src/log/README.md doc/FORMATS.md
