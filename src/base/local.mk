noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	src/base/addr.c src/base/addr.h src/base/principal.c src/base/principal.h \
	src/base/arena.c src/base/arena.h src/base/array.h src/base/be.h \
	src/base/buf.c src/base/buf.h \
	src/base/clock.c src/base/clock.h src/base/when.c src/base/when.h \
	src/base/err.c src/base/err.h src/base/err.def \
	src/base/event.c src/base/event.h \
	src/base/fs.c src/base/fs.h \
	src/base/hash.c src/base/hash.h \
	src/base/list.h \
	src/base/lock.c src/base/lock.h src/base/locks.def \
	src/base/map.c src/base/map.h \
	src/base/mem.c src/base/mem.h \
	src/base/piece.h src/base/pmap.c src/base/pmap.h \
	src/base/rand.c src/base/rand.h \
	src/base/rcu.c src/base/rcu.h \
	src/base/ration.h src/base/ref.h \
	src/base/str.c src/base/str.h \
	src/base/transport.h \
	src/base/timer.c src/base/timer.h \
	src/base/uuid.c src/base/uuid.h \
	src/base/worker.c src/base/worker.h
EXTRA_DIST += src/base/README.md
