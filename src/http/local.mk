noinst_LIBRARIES += libhttp.a
libhttp_a_SOURCES = \
	src/http/exchange.c src/http/private.h src/http/request.c src/http/request.h src/http/server.c src/http/server.h
EXTRA_DIST += src/http/README.md
