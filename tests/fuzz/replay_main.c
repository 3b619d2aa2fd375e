/* SPDX-License-Identifier: Apache-2.0
 * Runs a fuzz target without libFuzzer: over the files and directories named,
 * else over its corpus in the source tree (make check). With -r ROUNDS each
 * file is also run spoilt in ROUNDS ways, the same ones every time. */
#include <dirent.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_MAX_BYTES = 1 << 20, PATH_BYTES = 4096 };

static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void
run_spoilt(const uint8_t *data, size_t size, long rounds)
{
	uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
	for (long i = 0; i < rounds && size > 0; i++) {
		size_t n = next_random(&state) % 8 == 0 ? next_random(&state) % size : size;
		uint8_t *copy = malloc(n + 1);
		if (copy == NULL)
			abort();
		memcpy(copy, data, n);
		for (unsigned k = 0; n > 0 && k <= next_random(&state) % 4; k++)
			copy[next_random(&state) % n] = (uint8_t)(next_random(&state) % 3 == 0 ? 0xff : next_random(&state));
		LLVMFuzzerTestOneInput(copy, n);
		free(copy);
	}
}

static int
run_file(const char *path, long rounds)
{
	FILE *f = fopen(path, "rb");
	if (f == NULL) {
		perror(path);
		return -1;
	}
	uint8_t *big = malloc(FILE_MAX_BYTES);
	if (big == NULL)
		abort();
	size_t n = fread(big, 1, FILE_MAX_BYTES, f);
	fclose(f);
	/* Its exact size, so that a sanitizer sees the first byte past it. */
	uint8_t *data = malloc(n > 0 ? n : 1);
	if (data == NULL)
		abort();
	memcpy(data, big, n);
	free(big);
	LLVMFuzzerTestOneInput(data, n);
	run_spoilt(data, n, rounds);
	free(data);
	return 1;
}

/* How many files were run; -1: the path cannot be read. */
static int
run_path(const char *path, long rounds)
{
	struct stat st;
	if (stat(path, &st) != 0) {
		perror(path);
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return run_file(path, rounds);
	int count = 0;
	DIR *dir = opendir(path);
	for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
		char inner[PATH_BYTES];
		if (e->d_name[0] == '.')
			continue;
		snprintf(inner, sizeof(inner), "%s/%s", path, e->d_name);
		count += run_file(inner, rounds) > 0;
	}
	if (dir != NULL)
		closedir(dir);
	return count;
}

int
main(int argc, char **argv)
{
	long rounds = 0;
	int first = 1, count = 0;
	char own[PATH_BYTES];
	if (argc > 2 && strcmp(argv[1], "-r") == 0) {
		rounds = strtol(argv[2], NULL, 10);
		first = 3;
	}
	const char *srcdir = getenv("srcdir");
	snprintf(own, sizeof(own), "%s/tests/fuzz/corpus/%s", srcdir == NULL ? "." : srcdir, basename(argv[0]));
	char *only[] = { own };
	char **paths = first < argc ? argv + first : only;
	for (int i = 0; i < (first < argc ? argc - first : 1); i++) {
		int n = run_path(paths[i], rounds);
		if (n < 0)
			return 1;
		count += n;
	}
	printf("%d inputs\n", count);
	return count > 0 ? 0 : 1;
}
