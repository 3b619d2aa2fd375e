noinst_LIBRARIES += libbroker.a
libbroker_a_SOURCES = \
	src/broker/conf.c src/broker/conf.h src/broker/conf_print.c \
	src/broker/options.c src/broker/options.h src/broker/options.def \
	src/broker/rules.c src/broker/rules.h \
	src/broker/yaml.c src/broker/yaml.h
EXTRA_DIST += src/broker/README.md
