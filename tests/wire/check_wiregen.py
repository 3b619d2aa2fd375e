# SPDX-License-Identifier: Apache-2.0
"""The generator must stop at a schema that breaks a rule, and say which.

usage: check_wiregen.py WIREGEN
"""
import pathlib
import subprocess
import sys
import tempfile

GOOD = """variant kinds {
	1 topic
	2 plain
}
api probe 900 v0-3 flex 2+
request {
	kind i8
	what kinds by kind
	some [thing] {
		note str? 1+ opaque "a note"
	}
	more i32 2+ tag 0 = -1 lossy
}
response {
	error_code kerr
}
"""

# What to replace in the good one, by what, and a part of the complaint.
RULES = [
    ('opaque "a note"', "", "a semantic type, `secret`, or `opaque"),
    ("what kinds by kind", "what kinds", "may be plain, so say `by FIELD`"),
    ("by kind", "by other", "which is not in its block"),
    ("what kinds by kind", "what topic by kind", "hangs on no other field"),
    ("2+ tag 0", "1+ tag 0", "tagged before the first flexible version"),
    ("note str? 1+", "note str? 1-9", "are not within"),
    ("kind i8", "kind i9", "is no type"),
    ("more i32", "kind i32", "twice in a block"),
    ("more i32", "default i32", "is no name for a field"),
    ("= -1 lossy", "= -1 losy", "losy?"),
    ("response {", "reply {", "expected"),
    ("error_code kerr\n}", "error_code kerr\n", "not closed"),
    ("2 plain", "2 palin", "a value and one of"),
    ("more i32 2+ tag 0 = -1 lossy", "more [thing] {\n\t\tx i8\n\t}", "two structs named"),
]


def run(wiregen, text):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "probe.api"
        path.write_text(text)
        return subprocess.run([sys.executable, wiregen, "-o", folder, str(path)],
                              capture_output=True, text=True, check=False)


def main(wiregen):
    good = run(wiregen, GOOD)
    if good.returncode:
        raise SystemExit(f"the good schema was refused: {good.stderr}")
    for old, new, complaint in RULES:
        assert old in GOOD, old
        done = run(wiregen, GOOD.replace(old, new, 1))
        if done.returncode == 0 or complaint not in done.stderr:
            raise SystemExit(f"{new!r} for {old!r}: expected {complaint!r}, got {done.stderr!r}")
    print(f"{len(RULES)} broken schemas refused")


if __name__ == "__main__":
    main(*sys.argv[1:])
