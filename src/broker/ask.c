/* SPDX-License-Identifier: Apache-2.0
 *
 * The terminal is opened by name, so that a password can be typed while the
 * standard input is something else; its echo comes back however this ends. */
#include "broker/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"

/* One line without its end; ERR_SHORT where there is none, ERR_LIMIT. */
static int
read_line(FILE *in, char ret[ASK_MAX])
{
	size_t n = 0;
	int c;
	while ((c = fgetc(in)) != EOF && c != '\n') {
		if (n == ASK_MAX - 1)
			return ERR_LIMIT;
		ret[n++] = (char)c;
	}
	if (n > 0 && ret[n - 1] == '\r')
		n--;
	ret[n] = '\0';
	return c == EOF && n == 0 ? ERR_SHORT : 0;
}

static int
read_hidden(FILE *tty, const char *prompt, char ret[ASK_MAX])
{
	struct termios shown, hidden;
	if (tcgetattr(fileno(tty), &shown) != 0)
		return ERR_UNSUPPORTED;
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	fprintf(tty, "%s: ", prompt);
	fflush(tty);
	tcsetattr(fileno(tty), TCSAFLUSH, &hidden);
	int err = read_line(tty, ret);
	tcsetattr(fileno(tty), TCSAFLUSH, &shown);
	fputc('\n', tty);
	return err;
}

static int
ask_twice(FILE *tty, const char *prompt, char ret[ASK_MAX], struct why *why)
{
	char again[ASK_MAX] = "";
	int err = read_hidden(tty, prompt, ret);
	if (err == 0)
		err = read_hidden(tty, "Once more", again);
	bool same = strcmp(ret, again) == 0;
	mem_cleanse(again, sizeof(again));
	if (err != 0)
		return why_set(why, err, "no password was typed");
	if (!same)
		return why_set(why, ERR_INVAL, "the two passwords differ");
	return ret[0] != '\0' ? 0 : why_set(why, ERR_INVAL, "an empty password is none");
}

int
ask_new_password(const char *prompt, char ret[ASK_MAX], struct why *why)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	FILE *tty = fd < 0 ? NULL : fdopen(fd, "r+");
	if (tty == NULL) {
		if (fd >= 0)
			close(fd);
		return why_set(why, ERR_UNSUPPORTED, "there is no terminal to ask for a password");
	}
	setvbuf(tty, NULL, _IONBF, 0); /* no copy of a secret stays behind */
	int err = ask_twice(tty, prompt, ret, why);
	fclose(tty);
	return err;
}

int
ask_from_file(const char *path, char ret[ASK_MAX], struct why *why)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *in = is_stdin ? stdin : fopen(path, "re");
	if (in == NULL)
		return why_set(why, ERR_NOTFOUND, "%s: cannot be read: %s", path, strerror(errno));
	if (is_stdin)
		path = "standard input";
	int err = read_line(in, ret);
	if (!is_stdin)
		fclose(in);
	if (err == ERR_LIMIT)
		return why_set(why, err, "%s: the password is longer than %d bytes", path, ASK_MAX - 1);
	if (err != 0 || ret[0] == '\0')
		return why_set(why, ERR_INVAL, "%s: the first line is empty; it should be the password", path);
	return 0;
}
