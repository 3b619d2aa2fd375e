/* SPDX-License-Identifier: Apache-2.0
 *
 * A screen by the escapes that every terminal of the last thirty years knows: the other screen, home, clear to the end. It is
 * written as a whole, and nothing else of ncurses would be used: schlossctl starts for each command, and loads no
 * library for one of them. What restores the terminal is fit for a signal handler. */
#include "cli/term.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"

static _Thread_local struct termios before;
static _Thread_local volatile sig_atomic_t entered;

int
term_columns(FILE *out)
{
	struct winsize size;
	return isatty(fileno(out)) && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

bool
term_colours(FILE *out)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");
	return isatty(fileno(out)) && (no == NULL || no[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
}

#define MOMENT_NS	(NS_PER_SEC / 2)
#define AGAIN_NS	(NS_PER_SEC / 5)
#define BAR		30u

void
progress_at(struct progress *p, uint64_t done)
{
	static const char full[] = "##############################";
	uint64_t now = clock_mono_ns();
	if (p->next == 0)
		p->next = now + MOMENT_NS;
	if (now < p->next || !isatty(STDERR_FILENO))
		return;
	p->next = now + AGAIN_NS;
	p->shown = true;
	unsigned part = p->total == 0 ? 0 : done >= p->total ? 100 : (unsigned)(done * 100 / p->total);
	if (p->total == 0)
		fprintf(stderr, "\r%s: %llu\033[K", p->what, (unsigned long long)done);
	else
		fprintf(stderr, "\r%s: [%-*.*s] %u %%\033[K", p->what, (int)BAR, (int)(part * BAR / 100), full, part);
}

void
progress_end(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}

static void
say(const char *s)
{
	for (size_t n = strlen(s); n > 0;) {
		ssize_t put = write(STDOUT_FILENO, s, n);
		if (put < 0 && errno != EINTR)
			return;
		s += put > 0 ? put : 0;
		n -= put > 0 ? (size_t)put : 0;
	}
}

static void
go_raw(void)
{
	struct termios raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	say("\033[?1049h\033[?25l");
	entered = 1;
}

void
term_leave(void)
{
	if (!entered)
		return;
	entered = 0;
	say("\033[0m\033[?25h\033[?1049l");
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

/* What ends the program ends it, a moment later. */
static void
ends(int signal_number)
{
	int keep = errno;
	term_leave();
	signal(signal_number, SIG_DFL);
	raise(signal_number);
	errno = keep;
}

static void
stops(int signal_number)
{
	int keep = errno;
	(void)signal_number;
	term_leave();
	raise(SIGSTOP);
	go_raw();
	errno = keep;
}

static void
wakes(int signal_number)
{
	(void)signal_number; /* poll() has ended */
}

static void
catch(int signal_number, void (*handler)(int))
{
	struct sigaction sa = { .sa_handler = handler };
	sigemptyset(&sa.sa_mask);
	sigaction(signal_number, &sa, NULL);
}

bool
term_enter(void)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS };
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &before) != 0)
		return false;
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		catch(ending[i], ends);
	catch(SIGTSTP, stops);
	catch(SIGWINCH, wakes);
	atexit(term_leave);
	go_raw();
	return true;
}

int
term_key(int ms)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	unsigned char key;
	if (poll(&in, 1, ms) <= 0)
		return 0;
	ssize_t n = read(STDIN_FILENO, &key, 1);
	return n == 1 ? key : n < 0 && errno == EINTR ? 0 : -1;
}

void
term_size(int *ret_rows, int *ret_columns)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
		size = (struct winsize){ .ws_row = 24, .ws_col = 80 };
	*ret_rows = size.ws_row;
	*ret_columns = size.ws_col;
}
