noinst_LIBRARIES += libsecurity.a
libsecurity_a_SOURCES = \
	security/base64.c security/base64.h \
	security/binds.c security/binds.h \
	security/checks.c security/checks.h \
	security/claim.c \
	security/cred.c security/cred.h security/mechs.def \
	security/drop.c security/drop.h \
	security/gss.c security/gss.h \
	security/jsondoc.c security/jsondoc.h \
	security/jwks.c security/jwks.h security/jwks_fetch.c security/jwks_fetch.h \
	security/jwks_source.c security/jwks_source.h \
	security/jwt.c security/jwt.h \
	security/listener.c security/listener.h \
	security/mapping.h security/mapping_private.h \
	security/mapping_krb.c security/mapping_ssl.c \
	security/names.c security/names.h \
	security/network.h \
	security/oauth.c security/oauth.h \
	security/penalty.c security/penalty.h \
	security/rx.h security/rx_compile.c security/rx_match.c security/rx_private.h \
	security/sandbox.h security/sandbox_calls.c security/sandbox_calls.def security/sandbox_files.c \
	security/sasl.h security/sasl_private.h security/login_states.def \
	security/sasl_conn.c security/sasl_lib.c security/sasl_login.c security/sasl_oauth.c security/sasl_scram.c \
	security/scram.c security/scram.h \
	security/scram_keys.c security/scram_keys.h \
	security/subst.c security/subst.h \
	security/token.c security/token.h
libsecurity_a_SOURCES += \
	security/tls.c security/tls.h security/tls_context.c security/tls_context.h \
	security/tls_hello.c security/tls_hello.h security/tls_name.c security/tls_name.h \
	security/tls_staple.c security/tls_staple.h security/tls_tickets.c security/tls_tickets.h
EXTRA_DIST += security/README.md doc/THREATMODEL.md
