noinst_LIBRARIES += libcoord.a
libcoord_a_SOURCES = \
	src/coord/budget.c src/coord/budget.h \
	src/coord/commit.c src/coord/coord.c src/coord/coord.h \
	src/coord/group.c src/coord/group.h src/coord/group_impl.h \
	src/coord/group_join.c src/coord/group_protocols.c src/coord/group_sync.c \
	src/coord/offsets.c src/coord/offsets.h \
	src/coord/pen.c src/coord/records.c src/coord/records.h \
	src/coord/replay.c src/coord/shard.h
EXTRA_DIST += src/coord/README.md
