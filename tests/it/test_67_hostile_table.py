# SPDX-License-Identifier: Apache-2.0
"""The tables in README.md: what hostile peers send, what libsasl2, logs and groups elsewhere get wrong, and which test holds it."""
import re

from harness import ROOT

ROWS = re.findall(r"^\| (.+?) \| ((?:it|unit|fuzz|lint)/.+?) \|$", (ROOT / "tests/it/README.md").read_text(), re.M)
TRAPS = "ABCDEFGHIJKLMNOPQRST"
FAULTS = "A10 A15 A16 A17 A18 A20 B1 B2 B3 B4 B6 B7 D1 D2 D3 D4 D5 D6 D7 D8 D9".split()


def test_every_row_has_its_tests():
    assert len(ROWS) >= 35 + len(TRAPS) + len(FAULTS)
    for what, tests in ROWS:
        for test in tests.split():
            path, _, name = test.partition(":")
            text = (ROOT / "tests" / path).read_text()
            if path.endswith(".py"):
                assert re.search(rf"^def {name}\(", text, re.M), (what, test)
            elif path.endswith("lint.py"):  # every rule_ is run
                assert re.search(rf"^def {name}\(", text, re.M) and name.startswith("rule_"), (what, test)
            elif name:  # written, and in the list of those that run
                assert re.search(rf"^{name}\(void \*\*", text, re.M), (what, test)
                assert re.search(rf"\({name}[,)]", text), (what, test)
            else:
                assert f"fuzz/{path[5:-2]}" in (ROOT / "tests/fuzz/local.mk").read_text(), (what, test)


def test_every_test_of_hostile_input_has_its_row():
    named = {t for _, tests in ROWS for t in tests.split()}
    for path in ("test_60_hostile.py", "test_62_floods.py", "test_64_greed.py", "test_65_bad_batches.py", "test_66_extremes.py",
                 "test_69_memory.py"):
        for name in re.findall(r"^def (test_\w+)\(", (ROOT / "tests/it" / path).read_text(), re.M):
            assert f"it/{path}:{name}" in named, name


def test_every_trap_and_every_fault_has_its_row():
    letters = [(what[0], tests) for what, tests in ROWS if re.match(r"[A-Z]\. ", what)]
    assert "".join(letter for letter, _ in letters) == TRAPS
    for letter, tests in letters:
        assert re.search(rf":t(_[a-t])*_{letter.lower()}_", tests), letter
    named = [f for what, _ in ROWS for f in re.findall(r"\b([A-D]\d+)\b(?=[^:]*:)", what)]
    assert named == FAULTS
