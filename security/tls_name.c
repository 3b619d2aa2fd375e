/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distinguished names as Java prints them, because mapping rules are written
 * for what Kafka shows: RFC 2253 order (last first), nine attribute types by
 * name, all others as OID=#hex of their DER value. OpenSSL's own RFC 2253
 * output names more attributes, so rules made for Kafka would not match it.
 */
#include <openssl/asn1.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "security/tls.h"
#include "security/tls_name.h"

static const char *
java_name(const ASN1_OBJECT *type)
{
	static const struct { int nid; const char *name; } known[] = {
		{ NID_commonName, "CN" }, { NID_countryName, "C" }, { NID_localityName, "L" },
		{ NID_stateOrProvinceName, "ST" }, { NID_organizationName, "O" },
		{ NID_organizationalUnitName, "OU" }, { NID_streetAddress, "STREET" },
		{ NID_domainComponent, "DC" }, { NID_userId, "UID" },
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (OBJ_obj2nid(type) == known[i].nid)
			return known[i].name;
	return NULL;
}

static int
add_escaped(struct buf *out, const unsigned char *p, int n)
{
	int err = 0;
	for (int i = 0; i < n && err == 0; i++) {
		bool edge = (p[i] == ' ' && (i == 0 || i == n - 1)) || (p[i] == '#' && i == 0);
		if (p[i] == '\0') {
			err = buf_add(out, "\\00", 3);
			continue;
		}
		if (edge || strchr(",+\"\\<>;", p[i]) != NULL)
			err = buf_add(out, "\\", 1);
		if (err == 0)
			err = buf_add(out, &p[i], 1);
	}
	return err;
}

static int
add_der(struct buf *out, const ASN1_OBJECT *type, ASN1_STRING *value)
{
	char oid[128];
	unsigned char *der = NULL;
	OBJ_obj2txt(oid, sizeof(oid), type, 1);
	ASN1_TYPE wrap = { .type = ASN1_STRING_type(value), .value.asn1_string = value };
	int n = i2d_ASN1_TYPE(&wrap, &der), err = n < 0 ? ERR_CORRUPT : 0;
	if (err == 0)
		err = buf_printf(out, "%s=#", oid);
	for (int i = 0; i < n && err == 0; i++)
		err = buf_printf(out, "%02x", der[i]);
	OPENSSL_free(der);
	return err;
}

static int
add_entry(struct buf *out, const X509_NAME_ENTRY *entry)
{
	const ASN1_OBJECT *type = X509_NAME_ENTRY_get_object(entry);
	ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
	const char *name = java_name(type);
	unsigned char *text = NULL;
	if (name == NULL)
		return add_der(out, type, value);
	int n = ASN1_STRING_to_UTF8(&text, value);
	int err = n < 0 ? ERR_CORRUPT : buf_printf(out, "%s=", name);
	if (err == 0)
		err = add_escaped(out, text, n);
	OPENSSL_free(text);
	return err;
}

int
tls_name_format(const X509_NAME *name, char *out, size_t size)
{
	struct buf b;
	int last = X509_NAME_entry_count(name) - 1, err = 0;
	buf_init(&b, size);
	for (int i = last; i >= 0 && err == 0; i--) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
		const X509_NAME_ENTRY *before = i < last ? X509_NAME_get_entry(name, i + 1) : NULL;
		if (before != NULL) /* values of one RDN are joined by '+' */
			err = buf_add(&b, X509_NAME_ENTRY_set(before) == X509_NAME_ENTRY_set(entry) ? "+" : ",", 1);
		if (err == 0)
			err = add_entry(&b, entry);
	}
	if (err == 0)
		err = buf_add(&b, "", 1);
	if (err == 0)
		memcpy(out, b.p, b.n);
	buf_free(&b);
	return err;
}

int
tls_subject_of_der(const uint8_t *der, size_t n, char *out, size_t size)
{
	const unsigned char *p = der;
	X509 *cert = n > INT32_MAX ? NULL : d2i_X509(NULL, &p, (long)n);
	if (cert == NULL)
		return ERR_CORRUPT;
	int err = tls_name_format(X509_get_subject_name(cert), out, size);
	X509_free(cert);
	return err;
}
