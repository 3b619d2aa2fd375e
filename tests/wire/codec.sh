#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# C codec, Python twin and Apache's bytes must agree. Skipped without python3.
command -v python3 >/dev/null || { echo "python3 is not installed"; exit 77; }
top=${srcdir:-.}
export SCHLOSS_SCHEMA="$top/src/wire/schema" PYTHONDONTWRITEBYTECODE=1
python3 "$top/tests/wire/check_wiregen.py" "$top/src/wire/wiregen.py" || exit 1
exec python3 "$top/tests/wire/check_codec.py" tests/wire/recode "$top/tests/wire/golden/golden.txt" \
	"$top/tests/wire/recorded" "$@"
