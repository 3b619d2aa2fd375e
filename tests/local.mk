# Unit tests mirror the source tree, one program a module; each directory has
# its local.mk. They need cmocka.
UNIT_LIBS = $(CMOCKA_LIBS)
if HAVE_CMOCKA
include tests/unit/base/local.mk
include tests/unit/wire/local.mk
include tests/unit/net/local.mk
include tests/unit/security/local.mk
include tests/unit/acl/local.mk
include tests/unit/tenant/local.mk
include tests/unit/audit/local.mk
include tests/unit/log/local.mk
include tests/unit/meta/local.mk
include tests/unit/coord/local.mk
include tests/unit/api/local.mk
include tests/unit/http/local.mk
include tests/unit/web/local.mk
include tests/unit/broker/local.mk
include tests/unit/cli/local.mk
endif
include tests/fuzz/local.mk
include tests/wire/local.mk
TESTS += $(check_PROGRAMS)
# One that hangs is to be named, not to be waited for.
LOG_COMPILER = $(srcdir)/tests/limited
EXTRA_DIST += tests/limited
