noinst_LIBRARIES += libacl.a
libacl_a_SOURCES = \
	acl/acl.h acl/check.c acl/ops.def acl/steps.def acl/names.c \
	acl/image.c acl/image.h acl/index.c acl/index.h acl/ends.c acl/ends.h \
	acl/rule.c acl/rule.h \
	acl/change.c acl/change.h \
	acl/text.h acl/path.c acl/mode.c acl/rule_text.c acl/explain.c acl/escape.h \
	acl/compare.c acl/compare.h \
	acl/describe.c acl/describe.h acl/denials.c acl/denials.h
EXTRA_DIST += acl/README.md
