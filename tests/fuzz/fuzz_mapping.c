/* SPDX-License-Identifier: Apache-2.0
 * F10, its part here: mapping rules and patterns as a hand may mistype them, over
 * names as anybody may send them. The input is two texts with a NUL between; a
 * result keeps its bounds, and an error says why. So do words that bind to tenants, over server names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "security/binds.h"
#include "security/mapping.h"
#include "security/names.h"
#include "security/rx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) do { if (!(x)) abort(); } while (0)

static void
match(struct str pattern, struct str name)
{
	struct rx *rx;
	struct rx_match m;
	struct why why = { "" };
	if (rx_compile(pattern, &rx, &why) != 0) {
		MUST(why.text[0] != '\0');
		return;
	}
	if (rx_find(rx, name, 0, &m) == 0) {
		MUST(m.group[0].start <= m.group[0].end && m.group[0].end <= name.n);
		for (unsigned g = 1; g <= m.groups; g++)
			MUST(m.group[g].start > m.group[g].end ||
			    (m.group[g].start >= m.group[0].start && m.group[g].end <= m.group[0].end));
	}
	if (rx_full(rx, name, &m) == 0)
		MUST(m.group[0].start == 0 && m.group[0].end == name.n);
	rx_destroy(&rx);
}

static void
map(struct str rules, struct str name)
{
	struct ssl_rules *ssl;
	struct krb_rules *krb;
	struct why why = { "" };
	struct buf out;
	buf_init(&out, 512);
	if (ssl_rules_parse(rules, &ssl, &why) == 0) {
		ssl_rules_map(ssl, name, &out);
		ssl_rules_destroy(&ssl);
	} else
		MUST(why.text[0] != '\0');
	buf_consume(&out, out.n);
	why.text[0] = '\0';
	if (krb_rules_parse(rules, STR("REALM"), &krb, &why) == 0) {
		if (krb_rules_map(krb, name, &out) == 0)
			MUST(out.n > 0 && memchr(out.p, '/', out.n) == NULL &&
			    memchr(out.p, '@', out.n) == NULL);
		krb_rules_destroy(&krb);
	} else
		MUST(why.text[0] != '\0');
	MUST(out.n <= 512);
	buf_free(&out);
}

/* Words that bind, and what a ClientHello may have for a server name. */
static void
bind_by(struct str words, struct str hello)
{
	char name[SERVER_NAME_MAX + 1] = "", word[256];
	const char *v = word, *option = NULL;
	struct binds *b = NULL;
	struct why why = { "" };
	struct str tenant = STR_NULL;
	snprintf(word, sizeof(word), "%.*s", (int)(words.n < 255 ? words.n : 255), words.n == 0 ? "" : words.p);
	if (server_name_parse((const uint8_t *)hello.p, hello.n, name) == 0)
		MUST(name[0] != '\0' && name[0] != '.' && strchr(name, '*') == NULL);
	if (binds_open(&(struct binds_setup){ .server_names = &v, .server_names_n = 1, .realms = &v, .realms_n = 1 }, &b, &option, &why) != 0)
		MUST(why.text[0] != '\0' && option != NULL && b == NULL);
	if (binds_server_name(b, str_from(name), &tenant))
		MUST(tenant.n > 0 && tenant_name_valid(tenant));
	if (binds_realm(b, hello, &tenant))
		MUST(tenant.n > 0 && tenant_name_valid(tenant));
	binds_close(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data, size }, rules;
	str_cut(&rest, '\0', &rules);
	if (rest.p == NULL)
		rest = STR("CN=anna,OU=x");
	match(rules, rest);
	map(rules, rest);
	bind_by(rules, rest);
	return 0;
}
