noinst_LIBRARIES += libacl.a
libacl_a_SOURCES = \
	acl/acl.h acl/ops.def acl/steps.def acl/rule.h acl/image.h acl/change.h acl/text.h acl/describe.h acl/denials.h
EXTRA_DIST += acl/README.md
