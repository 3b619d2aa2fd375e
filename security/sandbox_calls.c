/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call that is not listed raises SIGSYS in the thread that made it, whose handler notes its number and answers
 * ENOSYS in its place: libraries know that answer from older kernels and do without, and the log can say what it
 * was, which the kernel's own log would say to root alone. A thread must not block that signal: it would end the
 * process instead (base/worker.c). Where the machine's registers are not known here the kernel answers by itself,
 * and its log is all that tells.
 */
#include "config.h"

#include "security/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANDBOX_SANITIZER 1
#endif
#endif

bool
sandbox_is_wide(void)
{
#ifdef SANDBOX_SANITIZER
	return true;
#else
	return false;
#endif
}

#ifndef HAVE_SECCOMP

int
sandbox_hold_calls(struct why *why)
{
	return why_set(why, ERR_UNSUPPORTED, "seccomp: this schlossd was built without libseccomp");
}

bool
sandbox_refused(char ret_name[SANDBOX_NAME], unsigned *ret_times)
{
	(void)ret_name;
	(void)ret_times;
	return false;
}

#else

#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <ucontext.h>
#include <unistd.h>

#define NUMBERS 512	/* of system calls; greater ones are counted as the last */

static const struct {
	const char *name;
	uint32_t action;
} calls[] = {
#define CALL(name) { #name, SCMP_ACT_ALLOW },
#define UNKNOWN(name) { #name, SCMP_ACT_ERRNO(ENOSYS) },
#define KILL(name) { #name, SCMP_ACT_KILL_PROCESS },
#ifdef SANDBOX_SANITIZER
#define SANITIZER(name) { #name, SCMP_ACT_ALLOW },
#endif
#include "security/sandbox_calls.def"
};

/* ---- what was refused ---- */

/* How often the call was refused: of the whole process, as the handler of a signal is. */
static _Atomic unsigned *
refused(unsigned nr)
{
	static _Atomic unsigned counts[NUMBERS];
	return &counts[nr < NUMBERS ? nr : NUMBERS - 1];
}

#if defined(__x86_64__)
#define ANSWER(context) ((context)->uc_mcontext.gregs[REG_RAX])
#elif defined(__aarch64__)
#define ANSWER(context) ((context)->uc_mcontext.regs[0])
#endif

#ifdef ANSWER
static void
note_refused(int signal, siginfo_t *info, void *arg)
{
	ucontext_t *context = arg;
	(void)signal;
	atomic_fetch_add(refused((unsigned)info->si_syscall), 1);
	ANSWER(context) = -ENOSYS;
}
#endif

/* What happens to all that is not listed. */
static uint32_t
otherwise(void)
{
#ifdef ANSWER
	const struct sigaction act = { .sa_sigaction = note_refused, .sa_flags = SA_SIGINFO };
	if (sigaction(SIGSYS, &act, NULL) == 0)
		return SCMP_ACT_TRAP;
#endif
	return SCMP_ACT_ERRNO(ENOSYS);
}

bool
sandbox_refused(char ret_name[SANDBOX_NAME], unsigned *ret_times)
{
	for (int nr = 0; nr < NUMBERS; nr++) {
		unsigned times = atomic_exchange(refused((unsigned)nr), 0);
		if (times == 0)
			continue;
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);
		if (name != NULL)
			snprintf(ret_name, SANDBOX_NAME, "%s", name);
		else
			snprintf(ret_name, SANDBOX_NAME, "number %d", nr);
		free(name);
		*ret_times = times;
		return true;
	}
	return false;
}

/* ---- the filter ---- */

static int
add_plain(scmp_filter_ctx ctx)
{
	int rc = 0;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && rc == 0; i++) {
		int nr = seccomp_syscall_resolve_name(calls[i].name);
		if (nr != __NR_SCMP_ERROR)
			rc = seccomp_rule_add(ctx, calls[i].action, nr, 0);
	}
	return rc;
}

static int
allow(scmp_filter_ctx ctx, int nr, struct scmp_arg_cmp arg)
{
	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, nr, 1, &arg);
}

/* All rows of PART, but those that a sanitizer has as a whole. */
static int
add_parts(scmp_filter_ctx ctx)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
	static const unsigned long asks[] = { FIONREAD, FIONBIO, TCGETS };
	const scmp_datum_t exec = PROT_EXEC, both = PROT_EXEC | PROT_WRITE;
	int rc = 0;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]) && rc == 0; i++)
		rc = allow(ctx, SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]) && rc == 0; i++)
		rc = allow(ctx, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, asks[i]));
	/* Both bits clear, or one of them. */
	for (scmp_datum_t bits = 0; bits < both && rc == 0; bits++)
		if ((bits & ~both) == 0)
			rc = allow(ctx, SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, both, bits));
	if (sandbox_is_wide() || rc != 0)
		return rc;
	rc = allow(ctx, SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, exec, 0));
	if (rc == 0)
		rc = allow(ctx, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (rc == 0)
		rc = allow(ctx, SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	if (rc == 0)
		rc = allow(ctx, SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	if (rc == 0)
		rc = allow(ctx, SCMP_SYS(prlimit64), SCMP_A2(SCMP_CMP_EQ, 0));
	return rc;
}

int
sandbox_hold_calls(struct why *why)
{
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
		return why_set(why, ERR_UNSUPPORTED, "seccomp: %s", strerror(errno));
	scmp_filter_ctx ctx = seccomp_init(otherwise());
	if (ctx == NULL)
		return why_set(why, ERR_UNSUPPORTED, "seccomp: the kernel has no filters");
	/* Without new privileges there is nothing to do for it; calls by number find their rule in a tree. */
	int rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	if (rc == 0)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc == 0)
		rc = add_plain(ctx);
	if (rc == 0)
		rc = add_parts(ctx);
	if (rc == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc == 0 ? 0 : why_set(why, ERR_IO, "seccomp: %s", strerror(-rc));
}

#endif
