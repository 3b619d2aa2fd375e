# SPDX-License-Identifier: Apache-2.0
"""The table in README.md: what hostile peers send, and which test holds it."""
import re

from harness import ROOT

ROWS = re.findall(r"^\| (.+?) \| ((?:it|unit|fuzz)/.+?) \|$", (ROOT / "tests/it/README.md").read_text(), re.M)


def test_every_row_has_its_tests():
    assert len(ROWS) >= 35
    for what, tests in ROWS:
        for test in tests.split():
            path, _, name = test.partition(":")
            text = (ROOT / "tests" / path).read_text()
            if path.endswith(".py"):
                assert re.search(rf"^def {name}\(", text, re.M), (what, test)
            elif name:  # written, and in the list of those that run
                assert re.search(rf"^{name}\(void \*\*", text, re.M), (what, test)
                assert re.search(rf"\({name}[,)]", text), (what, test)
            else:
                assert f"fuzz/{path[5:-2]}" in (ROOT / "tests/fuzz/local.mk").read_text(), (what, test)


def test_every_test_of_hostile_input_has_its_row():
    named = {t for _, tests in ROWS for t in tests.split()}
    for path in ("test_60_hostile.py", "test_64_greed.py", "test_65_bad_batches.py", "test_66_extremes.py"):
        for name in re.findall(r"^def (test_\w+)\(", (ROOT / "tests/it" / path).read_text(), re.M):
            assert f"it/{path}:{name}" in named, name
