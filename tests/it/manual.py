# SPDX-License-Identifier: Apache-2.0
"""The examples of the manual, out of its source: what a reader sees, for tests that do what he does."""
import re

from harness import ROOT


def examples(page, section):
    """The literal blocks of a section, each a list of lines; a .Dl line is a block of one."""
    text = re.search(rf"(?ms)^\.Sh {section}\n(.*?)(?=^\.Sh )", (ROOT / "man" / page).read_text()).group(1)
    blocks, block = [], None
    for line in text.split("\n"):
        plain = line.replace("\\(dq", '"').replace("\\&", "").replace("\\-", "-").replace("\\e", "\\")
        if line.startswith(".Bd -literal"):
            block = []
        elif line == ".Ed":
            blocks.append(block)
            block = None
        elif block is not None:
            block.append(plain)
        elif line.startswith(".Dl "):
            blocks.append([plain[4:]])
    return blocks
