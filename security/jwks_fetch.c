/* SPDX-License-Identifier: Apache-2.0 */
/* A handle that is made anew for each fetch: once an hour, that costs nothing, and
 * no connection, cookie or cached session is left between two. */
#include "security/jwks_fetch.h"

#include <curl/curl.h>

#include "base/buf.h"
#include "base/mem.h"

#define CONNECT_MS 5000L
#define WHOLE_MS 10000L
#define HTTP_OK 200L

struct jwks_fetcher {
	const atomic_bool *stop;
};

struct answer {
	struct buf body;
	bool too_large;
};

int
jwks_fetcher_create(const atomic_bool *stop, struct jwks_fetcher **ret, struct why *why)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return why_set(why, ERR_UNSUPPORTED, "libcurl does not start");
	*ret = MEM_NEW(struct jwks_fetcher);
	(*ret)->stop = stop;
	return 0;
}

void
jwks_fetcher_destroy(struct jwks_fetcher **fetcher)
{
	if (*fetcher == NULL)
		return;
	curl_global_cleanup();
	mem_free(*fetcher);
	*fetcher = NULL;
}

static size_t
take(char *p, size_t size, size_t n, void *arg)
{
	struct answer *a = arg;
	if (buf_add(&a->body, p, size * n) == 0)
		return size * n;
	a->too_large = true;
	return 0;
}

/* Asked about once a second. */
static int
go_on(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
	const struct jwks_fetcher *f = arg;
	(void)down_total;
	(void)down;
	(void)up_total;
	(void)up;
	return atomic_load(f->stop);
}

static bool
set_trust(CURL *c, const char *url, const char *ca)
{
	bool ok = curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
	if (ok && ca != NULL)	/* these and no others */
		ok = curl_easy_setopt(c, CURLOPT_CAINFO, ca) == CURLE_OK &&
		    curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK;
	return ok;
}

static bool
set_bounds(CURL *c, struct jwks_fetcher *f, struct answer *a, char *error)
{
	return curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK && /* nor wait for a name server */
	    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, WHOLE_MS) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_WRITEDATA, a) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, go_on) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_XFERINFODATA, f) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error) == CURLE_OK;
}

static int
perform(CURL *c, const char *url, const struct answer *a, const char *error, struct why *why)
{
	long status = 0;
	CURLcode code = curl_easy_perform(c);
	if (a->too_large)
		return why_set(why, ERR_LIMIT, "%s: more than %zu bytes", url, JWKS_BYTES_MAX);
	if (code != CURLE_OK)
		return why_set(why, ERR_IO, "%s: %s", url, error[0] != '\0' ? error : curl_easy_strerror(code));
	if (curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status != HTTP_OK)
		return why_set(why, ERR_IO, "%s: HTTP status %ld%s", url, status,
		    status / 100 == 3 ? ": redirects are not followed" : "");
	return 0;
}

int
jwks_fetch(struct jwks_fetcher *f, const char *url, const char *ca, struct jwks **ret, struct why *why)
{
	char error[CURL_ERROR_SIZE] = "";
	struct answer a = { .too_large = false };
	CURL *c = curl_easy_init();
	buf_init(&a.body, JWKS_BYTES_MAX);
	int err = c != NULL && set_trust(c, url, ca) && set_bounds(c, f, &a, error) ? perform(c, url, &a, error, why)
	    : why_set(why, ERR_UNSUPPORTED, "libcurl does not take the address");
	curl_easy_cleanup(c);
	if (err == 0 && (err = jwks_parse(buf_str(&a.body), ret, why)) != 0)
		why_prefix(why, "%s", url);
	buf_free(&a.body);
	return err;
}
