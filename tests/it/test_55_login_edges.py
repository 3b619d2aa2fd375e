# SPDX-License-Identifier: Apache-2.0
"""The traps of libsasl2 (A-T) are test_sasl.c's and test_gssapi.c's in tests/unit/security, by their letters."""
import re

from harness import ROOT


def test_every_trap_has_its_test():
    """CONTRIBUTING has no list of them; the letters are the list, and none may go."""
    text = "".join((ROOT / "tests/unit/security" / name).read_text() for name in ("test_sasl.c", "test_gssapi.c"))
    letters = set()
    for name in re.findall(r"^(t_\w+)\(void \*\*", text, re.M):
        assert f"S({name})" in text, name
        letters |= set(re.match(r"t((?:_[a-t](?=_))+)", name).group(1).replace("_", ""))
    assert letters == set("abcdefghijklmnopqrst")
