# SPDX-License-Identifier: Apache-2.0
# Sourced by quickstart, runtests and bench: installs Debian packages that are missing.
BUILD_PACKAGES="gcc make autoconf automake pkg-config python3 git libssl-dev libsasl2-dev
	libsasl2-modules libsasl2-modules-gssapi-mit libkrb5-dev libjansson-dev libcurl4-openssl-dev libyaml-dev libsqlite3-dev
	zlib1g-dev libzstd-dev liblz4-dev libisal-dev libseccomp-dev libhttp-parser-dev"
SHOW_PACKAGES="kcat"
TEST_PACKAGES="libcmocka-dev mandoc python3-pytest python3-cryptography python3-confluent-kafka python3-kafka
	krb5-kdc krb5-admin-server krb5-user openssl xz-utils sqlite3 systemd iproute2 procps util-linux haproxy
	curl prometheus python3-prometheus-client zsh"
LONG_PACKAGES="clang libclang-rt-14-dev g++ rapidjson-dev unzip
	e2fsprogs xfsprogs"
BENCH_PACKAGES="librdkafka-dev"		# 100-byte messages
COMPARE_PACKAGES="python3-matplotlib default-jdk-headless maven openssl"
REGRESS_PACKAGES="valgrind python3-kafka"	# bench/regress

need() { # PACKAGE ...: installs those that are missing, says so, fails with the reason
	local missing=
	for p in "$@"; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
	done
	[ -n "$missing" ] || return 0
	local sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	if [ -n "$sudo" ] && ! command -v sudo >/dev/null; then
		echo "Needed and missing:$missing. Install them as root: apt-get install$missing" >&2
		return 1
	fi
	echo "installing:$missing" >&2
	local log; log=$(mktemp)
	if ! { $sudo apt-get update && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y \
			--no-install-recommends $missing; } >"$log" 2>&1 </dev/null; then
		tail -5 "$log" >&2
		echo "apt-get could not install:$missing (all of its output: $log)" >&2
		return 1
	fi
	rm -f "$log"
}

# build DIR [configure arguments]: configures once, then makes what changed.
build() {
	local dir=$1; shift
	[ -x ./configure ] && [ ! configure.ac -nt configure ] || ./autogen.sh >/dev/null 2>&1 ||
		./autogen.sh
	mkdir -p "$dir"
	if [ ! -f "$dir/Makefile" ] || [ "$(cat "$dir/.configured" 2>/dev/null)" != "$*" ]; then
		( cd "$dir" && "$OLDPWD/configure" -q "$@" >configure.out 2>&1 ) || {
			tail -5 "$dir/configure.out" >&2; return 1; }
		echo "$*" >"$dir/.configured"
	fi
	make -s -C "$dir" -j"$(nproc)" all >"$dir/make.out" 2>&1 || {
		grep -nE 'error|warning|undefined|\*\*\*' "$dir/make.out" | head -20 >&2
		echo "the build failed; all of its output: $dir/make.out" >&2
		return 1
	}
}
