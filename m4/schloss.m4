dnl SPDX-License-Identifier: Apache-2.0
dnl SCHLOSS_LIBRARY(PREFIX, MODULES, DEBIAN-PACKAGE): pkg-config, or a message
dnl that names what to install.
AC_DEFUN([SCHLOSS_LIBRARY], [
  PKG_CHECK_MODULES([$1], [$2], [],
    [AC_MSG_ERROR([$2 not found. Debian and its kin: apt-get install $3])])
])

AC_DEFUN([SCHLOSS_TRY_CFLAG], [
  AC_MSG_CHECKING([whether $CC takes $1])
  schloss_saved="$CFLAGS"
  CFLAGS="$CFLAGS -Werror $1"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
    [AC_MSG_RESULT([yes]); $2="$$2 $1"], [AC_MSG_RESULT([no])])
  CFLAGS="$schloss_saved"
])

AC_DEFUN([SCHLOSS_WARNINGS], [
  AC_ARG_ENABLE([werror],
    [AS_HELP_STRING([--enable-werror], [treat warnings as errors])], [], [enable_werror=no])
  WARN_CFLAGS=
  for flag in -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
      -Wpointer-arith -Wwrite-strings -Wvla -Wundef -Wformat=2 -Wno-format-nonliteral \
      -Wno-missing-field-initializers; do
    SCHLOSS_TRY_CFLAG([$flag], [WARN_CFLAGS])
  done
  AS_IF([test "$enable_werror" = yes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
  AC_SUBST([WARN_CFLAGS])
])

AC_DEFUN([SCHLOSS_HARDENING], [
  HARDEN_CFLAGS=
  for flag in -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE; do
    SCHLOSS_TRY_CFLAG([$flag], [HARDEN_CFLAGS])
  done
  HARDEN_LDFLAGS="-pie -Wl,-z,relro,-z,now"
  AC_SUBST([HARDEN_CFLAGS])
  AC_SUBST([HARDEN_LDFLAGS])
])

AC_DEFUN([SCHLOSS_SANITIZER], [
  AC_ARG_WITH([sanitizer],
    [AS_HELP_STRING([--with-sanitizer=LIST], [address,undefined or thread])],
    [], [with_sanitizer=no])
  SAN_CFLAGS=
  AS_IF([test "$with_sanitizer" != no],
    [SAN_CFLAGS="-fsanitize=$with_sanitizer -fno-omit-frame-pointer -fno-sanitize-recover=all"],
    [HARDEN_CFLAGS="-D_FORTIFY_SOURCE=3 $HARDEN_CFLAGS"])
  AC_SUBST([SAN_CFLAGS])
])

AC_DEFUN([SCHLOSS_FUZZER], [
  AC_ARG_WITH([fuzzer],
    [AS_HELP_STRING([--with-fuzzer], [link fuzz targets with libFuzzer (needs clang); without it
      they are programs that replay their corpus])], [], [with_fuzzer=no])
  AS_IF([test "$with_fuzzer" != no],
    [SAN_CFLAGS="$SAN_CFLAGS -fsanitize=fuzzer-no-link"; FUZZ_LDFLAGS="-fsanitize=fuzzer"])
  AM_CONDITIONAL([WITH_FUZZER], [test "$with_fuzzer" != no])
  AC_SUBST([FUZZ_LDFLAGS])
])

AC_DEFUN([SCHLOSS_COVERAGE], [
  AC_ARG_ENABLE([coverage],
    [AS_HELP_STRING([--enable-coverage], [build for gcov])], [], [enable_coverage=no])
  AS_IF([test "$enable_coverage" = yes], [SAN_CFLAGS="$SAN_CFLAGS --coverage"])
])
