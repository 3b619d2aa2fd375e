noinst_LIBRARIES += libmeta.a
libmeta_a_SOURCES = \
	src/meta/address.c src/meta/address.h \
	src/meta/controller.c src/meta/controller.h src/meta/results.def src/meta/plan.h \
	src/meta/format.c src/meta/format.h \
	src/meta/image.c src/meta/image.h src/meta/image_apply.c src/meta/image_impl.h \
	src/meta/image_tokens.c src/meta/image_tokens.h \
	src/meta/load.c src/meta/load.h src/meta/meta.c src/meta/meta.h src/meta/meta_sqlite.c src/meta/meta_sqlite.h \
	src/meta/record.c src/meta/record.h src/meta/rule_ends.c \
	src/meta/scram_record.c src/meta/scram_record.h src/meta/tokens.c src/meta/tokens.h \
	src/meta/tenants.c src/meta/tenants.h \
	src/meta/topic_config.c src/meta/topic_config.h src/meta/topic_config.def \
	src/meta/topics.c src/meta/topics.h src/meta/tree.c src/meta/tree.h \
	src/meta/users.c src/meta/users.h
EXTRA_DIST += src/meta/README.md
