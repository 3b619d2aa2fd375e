/* SPDX-License-Identifier: Apache-2.0 */
/* The mechanisms by number and by name, both from mechs.def. */
#include "security/cred.h"

#include "base/err.h"

static const struct {
	struct str name;
	bool sasl;
} mechs[MECH_COUNT] = {
#define X(id, number, text, in_sasl) [MECH_##id] = { { (text), sizeof(text) - 1 }, (in_sasl) },
#include "security/mechs.def"
#undef X
};

const char *
mech_name(enum mech mech)
{
	return mech < MECH_COUNT ? mechs[mech].name.p : "?";
}

int
mech_parse(struct str s, enum mech *ret)
{
	for (unsigned i = 0; i < MECH_COUNT; i++) {
		if (str_eq(s, mechs[i].name)) {
			*ret = (enum mech)i;
			return 0;
		}
	}
	return ERR_INVAL;
}

bool
mech_is_sasl(enum mech mech)
{
	return mech < MECH_COUNT && mechs[mech].sasl;
}

bool
mech_needs_tls(enum mech mech)
{
	return mech == MECH_PLAIN || mech == MECH_OAUTHBEARER;
}

bool
mech_is_mapped(enum mech mech)
{
	return mech == MECH_GSSAPI || mech == MECH_TLS || mech == MECH_OAUTHBEARER;
}
