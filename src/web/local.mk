noinst_LIBRARIES += libweb.a
libweb_a_SOURCES = \
	src/web/gate.c src/web/health.c src/web/lists.c src/web/login.c src/web/metrics.def src/web/routes.c \
	src/web/scrape.c src/web/scrape.h src/web/text.c src/web/text.h src/web/values.c src/web/web.h
EXTRA_DIST += src/web/README.md
