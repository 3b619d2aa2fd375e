/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * The file with which a client finds and trusts a broker and logs in: made by
 * `schlossd init` and `schlossctl user create --conf`, read by kcat -F,
 * schlossctl -F, and (in the second form) by Java clients. It holds a password:
 * mode 0600.
 */
struct client_file {
	const char *bootstrap;		/* HOST:PORT */
	const char *protocol;		/* "SASL_SSL", ... */
	const char *mechanism;		/* "SCRAM-SHA-256", ...; NULL: no SASL */
	const char *login;		/* as it is typed: anna, or anna@acme */
	const char *password;
	const char *ca_path;		/* absolute; NULL: none (first form only) */
	struct str ca_pem;		/* null: none (second form only) */
};

/* librdkafka's properties, one key=value a line. ERR_INVAL where a value would
 * not come back the same (a line break, a space at an end). */
int client_file_rdkafka(const struct client_file *cf, struct buf *ret);
/* A Java properties file with the authority inside of it. */
int client_file_java(const struct client_file *cf, struct buf *ret);

/* Writes the form that the name asks for: Java's where it ends in .properties.
 * Replaces what is there, whole or not at all. May block. */
int client_file_write(const char *path, const struct client_file *cf, struct why *why);

/* A random password of 24 letters and digits that are hard to mistake for each
 * other: more than 117 bits. */
#define PASSWORD_TEXT 25
void password_make(char out[PASSWORD_TEXT]);
