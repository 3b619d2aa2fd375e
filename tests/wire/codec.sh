#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# C codec, Python twin and Apache's bytes must agree. Skipped without python3.
command -v python3 >/dev/null || { echo "python3 is not installed"; exit 77; }
SCHLOSS_SCHEMA=${srcdir:-.}/src/wire/schema PYTHONDONTWRITEBYTECODE=1 \
	exec python3 "${srcdir:-.}/tests/wire/check_codec.py" tests/wire/recode \
	"${srcdir:-.}/tests/wire/golden/golden.txt" "$@"
