#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of APIs in PROTOCOL.md, made from src/wire/schema and src/api/api.def.

usage: apis.py [--check]     rewrites the table, or exits 1 where it is out of date
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "doc/PROTOCOL.md"
BEGIN, END = "<!-- apis.py -->\n", "<!-- end -->\n"


def schemas():
    for path in (ROOT / "src/wire/schema").glob("*.api"):
        m = re.search(r"^api (\w+) (\d+) v([\d-]+)", path.read_text(), re.M)
        if m:
            yield m[1], int(m[2]), m[3]


def rights():
    text = re.sub(r"/\*.*?\*/", "", (ROOT / "src/api/api.def").read_text(), flags=re.S)
    for row in re.findall(r"^API\(([^)]*)\)", text, re.M):
        name, _, phase, _, topic, group, txn, cluster, node = [w.strip() for w in row.split(",")]
        where = {"TENANT": "/TENANT", "ROOT": "the installation"}.get(node, "")
        asked = [f"{op} on {what}" for op, what in ((topic, "topic"), (group, "group"), (txn, "transactional id"),
                                                    (cluster, where)) if op != "NONE"]
        before = {"ANY": "before the login, too", "LOGIN": "the login"}.get(phase, "")
        yield name, ", ".join(asked) or before


def table():
    right = dict(rights())
    out = ["| API | key | versions | asks for |", "| --- | --- | --- | --- |"]
    for name, key, versions in sorted(schemas(), key=lambda s: s[1]):
        camel = "".join(w.capitalize() for w in name.split("_"))
        changes = "see schlossctl(1)" if key >= 20000 else "schloss-acl(5), WHO MAY CHANGE WHAT"
        out.append(f"| {camel} | {key} | {versions} | {right[name] or changes} |")
    return "\n".join(out) + "\n"


def main():
    text = PAGE.read_text()
    head, rest = text.split(BEGIN)
    new = head + BEGIN + table() + END + rest.split(END)[1]
    if "--check" in sys.argv:
        if new != text:
            print("the table of APIs is out of date: run doc/apis.py")
        return new != text
    PAGE.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
