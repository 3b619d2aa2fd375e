#!/bin/sh
# Makes ./configure from configure.ac. Needs autoconf, automake, pkg-config.
set -e
cd "$(dirname "$0")"
for tool in autoreconf automake aclocal pkg-config; do
	command -v $tool >/dev/null || {
		echo "autogen.sh: $tool is missing (Debian: apt-get install autoconf automake pkg-config)" >&2
		exit 1
	}
done
mkdir -p build-aux
exec autoreconf --install --force "$@"
