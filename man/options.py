#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts the options of src/broker/options.def into schlossd.yaml(5), between its marks; what a default of a
topic's setting does is said in the words of src/meta/topic_config.def. Puts what src/audit/audit.def tells of into
schloss-audit(5).

usage: man/options.py [--check]      --check changes nothing and exits 1 if the page differs
"""
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[1]
TABLE = ROOT / "src/broker/options.def"
TOPICS = ROOT / "src/meta/topic_config.def"
PAGE = ROOT / "man/schlossd.yaml.5"
AUDIT_TABLE = ROOT / "src/audit/audit.def"
AUDIT_PAGE = ROOT / "man/schloss-audit.5"
BIG = {"INT32_MAX": str(2**31 - 1), "INT64_MAX": str(2**63 - 1)}


def rows(text):
    """(macro, [arguments]) for each row; strings without their quotes."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = "\n".join(line for line in text.split("\n") if not line.startswith("#"))
    for m in re.finditer(r"^(OPTION_GROUP|OPTION|LISTENER)\(((?:\"(?:\\.|[^\"\\])*\"|[^\"()])*)\)",
                         text, flags=re.M):
        args = re.findall(r'\s*("(?:\\.|[^"\\])*"|[^,"]+)\s*(?:,|$)', m.group(2).strip())
        yield m.group(1), [a.strip().strip('"') for a in args]


def topic_settings():
    """Of each option that is the default of a topic's setting, what the setting does."""
    row = r'^X\(\w+, \w+, [\w.]+, "[^"]*", "[^"]*", [^"]*, "[^"]*", "([^"]+)", true,\n\s+"([^"]*)"\)'
    return dict(re.findall(row, TOPICS.read_text(), flags=re.M))


def escape(text):
    """Words of a sentence as they must stand in mdoc."""
    return re.sub(r"\. (?=[A-Za-z])", ".\n", text.replace("\\", "\\e").replace("-1", "\\-1"))


def describe(kind, low, high, unit):
    if kind == "BOOL":
        return "true or false"
    if kind in ("ENUM", "LIST") and unit:
        words = unit.replace("|", ", ")
        return f"list of: {words}" if kind == "LIST" else f"one of: {words}" if "|" in unit else words
    if kind == "INT":
        low, high = BIG.get(low, low), BIG.get(high, high)
        span = f"{low} to {high}" if high != BIG["INT64_MAX"] else f"{low} or more"
        return f"{span} {unit}".strip()
    if kind == "REAL":
        return f"{low} to {high}"
    return {"PATH": "path", "TEXT": unit or "text", "LIST": "list"}[kind]


def item(args):
    kind, _, name, default, low, high, unit, flags, help_text = args
    bare = re.match(r"Default of [\w.]+\.(?= |$)", help_text)
    if bare:
        help_text = f"{bare.group()} {topic_settings()[name]}{help_text[bare.end():]}"
    out = [f".It Cm {name}", f"{describe(kind, low, high, unit)}".replace("-1", "\\-1")]
    if "REQ" in flags:
        out[-1] += "; must be set"
    elif default:
        out[-1] += f"; default {default}".replace(" -1", " \\-1")
    out[-1] += "."
    out.append(escape(help_text))
    if "LIVE" in flags:
        out.append("A reload takes it.")
    return [part for line in "\n".join(out).split("\n") for part in
            textwrap.wrap(line, 78, break_long_words=False, break_on_hyphens=False)]


def generate(macro):
    out, open_list = [], False
    for kind, args in rows(TABLE.read_text()):
        if kind == "OPTION_GROUP" and macro == "OPTION":
            if open_list:
                out.append(".El")
            out += [f".Ss {args[0]}", ".Bl -tag -width Ds"]
            open_list = True
        elif kind == macro:
            if not open_list:
                out.append(".Bl -tag -width Ds")
                open_list = True
            out += item(args)
    return out + [".El"]


def generate_audit():
    out = ['.Bl -tag -width "login-failed"']
    for word, text in re.findall(r'^X\(\w+,\s*"([^"]+)",\s*"([^"]+)"\)', AUDIT_TABLE.read_text(), flags=re.M):
        out += [f".It Cm {word}", *textwrap.wrap(f"{text[0].upper()}{text[1:]}.", 78, break_on_hyphens=False)]
    return out + [".El"]


def replaced(text, mark, lines):
    first, last = f'.\\" {mark} BEGIN (man/options.py)\n', f'.\\" {mark} END\n'
    head, rest = text.split(first)
    return head + first + "\n".join(lines) + "\n" + last + rest.split(last)[1]


def main():
    pages = {PAGE: [(macro, generate(macro)) for macro in ("OPTION", "LISTENER")], AUDIT_PAGE: [("WHAT", generate_audit())]}
    for path, parts in pages.items():
        page = made = path.read_text()
        for mark, lines in parts:
            made = replaced(made, mark, lines)
        if "--check" not in sys.argv:
            path.write_text(made)
        elif made != page:
            print(f"{path.relative_to(ROOT)}: differs from its table: run man/options.py")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
