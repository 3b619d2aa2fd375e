noinst_LIBRARIES += libnet.a
libnet_a_SOURCES = \
	src/net/acceptor.c src/net/acceptor.h src/net/conn.c src/net/conn.h src/net/conn_about.c src/net/conn_private.h src/net/listener.c src/net/listener.h \
	src/net/loop.c src/net/loop.h src/net/plain.c src/net/plain.h src/net/traffic.h src/net/holding.c src/net/holding.h \
	src/net/payers.c src/net/payers.h src/net/proxy.c src/net/proxy.h src/net/callers.c src/net/callers.h
EXTRA_DIST += src/net/README.md
