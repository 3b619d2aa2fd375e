# SPDX-License-Identifier: Apache-2.0
"""The examples of the manual, out of its source: what a reader sees, for tests that do what he does."""
import re

from harness import ROOT


def source(page, section):
    return re.search(rf"(?ms)^\.Sh {section}\n(.*?)(?=^\.Sh )", (ROOT / "man" / page).read_text()).group(1)


def literal(text):
    """The literal blocks of a text, each a list of lines; a .Dl line is a block of one."""
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


def examples(page, section):
    """The literal blocks of a section."""
    return literal(source(page, section))


def examples_by_part(page, section):
    """The same by the title of the subsection (.Ss) that they stand in."""
    parts = re.split(r"(?m)^\.Ss (.*)\n", source(page, section))
    return {title: literal(text) for title, text in zip(parts[1::2], parts[2::2], strict=True)}
