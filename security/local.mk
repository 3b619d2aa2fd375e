noinst_LIBRARIES += libsecurity.a
libsecurity_a_SOURCES = \
	security/cred.h security/mechs.def \
	security/scram_keys.h security/names.h security/penalty.h security/checks.h \
	security/rx.h security/mapping.h security/gss.h security/sasl.h
libsecurity_a_SOURCES += \
	security/tls.c security/tls.h security/tls_context.c security/tls_context.h \
	security/tls_name.c security/tls_name.h
EXTRA_DIST += security/README.md
