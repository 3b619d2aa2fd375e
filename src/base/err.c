/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *
err_text(int err)
{
	switch (err) {
	case ERR_OK:
		return "no error";
#define X(name, number, text) case ERR_##name: return text;
#include "base/err.def"
#undef X
	}
	return "unknown error";
}

int
err_from_errno(int errnum)
{
	switch (errnum) {
	case 0:		return ERR_OK;
	case ENOMEM:	return ERR_NOMEM;
	case EINVAL:	return ERR_INVAL;
	case ENOSPC:
	case EDQUOT:	return ERR_NOSPACE;
	case EEXIST:	return ERR_EXISTS;
	case ENOENT:	return ERR_NOTFOUND;
	case EACCES:
	case EPERM:	return ERR_DENIED;
	case ETIMEDOUT:	return ERR_TIMEOUT;
	case EAGAIN:	return ERR_AGAIN;
	case EMFILE:
	case ENFILE:	return ERR_LIMIT;
	case EISDIR:
	case ENOTDIR:	return ERR_KIND;
	case EADDRINUSE: return ERR_BUSY;
	case EPIPE:
	case ECONNRESET: return ERR_CLOSED;
	}
	return ERR_IO;
}

int
why_set(struct why *why, int err, const char *fmt, ...)
{
	if (why != NULL) {
		va_list ap;
		va_start(ap, fmt);
		vsnprintf(why->text, sizeof(why->text), fmt, ap);
		va_end(ap);
	}
	return err;
}

void
why_prefix(struct why *why, const char *fmt, ...)
{
	struct why old;
	va_list ap;
	if (why == NULL)
		return;
	old = *why;
	va_start(ap, fmt);
	int n = vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	size_t room = n < 0 ? 0 : sizeof(why->text) - 1;
	for (size_t at = (size_t)n, i = 0; room > 0 && at < room; at++) {
		why->text[at] = i < 2 ? ": "[i] : old.text[i - 2];
		why->text[at + 1] = '\0';
		if (i >= 2 && old.text[i - 2] == '\0')
			break;
		i++;
	}
}
