#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""House rules that a machine can see. No exemption list: mend the code, or the rule.

usage: lint.py [RULE ...]      from anywhere; prints FILE:LINE: what, exits 1 on a finding
"""
import pathlib
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Lower never includes higher; a room may include itself and what stands here.
LAYERS = {
    "base": [],
    "wire": ["base"],
    "net": ["base"],
    "security": ["base"],
    "acl": ["base"],
    "tenant": ["base", "wire", "net", "acl", "security"],
    "log": ["base", "wire", "net", "acl", "security", "tenant"],
    "meta": ["base", "wire", "net", "acl", "security", "tenant", "log"],
    "audit": ["base", "wire", "net", "acl", "security", "tenant", "log", "meta"],
    "replica": ["base", "wire", "net", "acl", "security", "tenant", "log", "meta"],
    "coord": ["base", "wire", "net", "acl", "security", "tenant", "log", "meta"],
    "api": ["base", "wire", "net", "acl", "security", "tenant", "log", "meta", "audit", "replica", "coord"],
    "http": ["base", "net", "security"],
    "web": ["base", "wire", "net", "acl", "security", "tenant", "log", "meta", "audit", "replica", "coord", "api", "http"],
    "broker": ["base", "wire", "net", "acl", "security", "tenant", "log", "meta", "audit", "replica",
               "coord", "api", "http", "web"],
    "cli": ["base", "wire", "net", "acl", "security", "audit", "broker"],
}
BANNED = ("strcpy strcat sprintf vsprintf gets strtok atoi atol atoll alloca tmpnam mktemp "
          "rand srand system popen").split()
FILE_MAX, FILE_MEDIAN, FUNCTION_MAX, FUNCTION_MEDIAN, BRANCHES_MAX = 800, 300, 80, 15, 15

findings = []


def say(path, line, what):
    findings.append(f"{path.relative_to(ROOT)}:{line}: {what}")


def room(path):
    parts = path.relative_to(ROOT).parts
    return parts[1] if parts[0] == "src" else parts[0]


def sources():
    for top in ("src", "acl", "security"):
        for path in sorted((ROOT / top).rglob("*.[ch]")):
            if "Made by wiregen.py" not in path.read_text()[:200]:     # a tarball has it here
                yield path


def without_comments(text):
    """The text with comments and strings blanked, line numbers kept."""
    def blank(m):
        s = m.group(0)
        if s.startswith("/"):
            return re.sub(r"[^\n]", " ", s)
        return s[0] + " " * (len(s) - 2) + s[-1]
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)


def functions(text):
    """(name, first line, last line, body) of each function: braces in column 0."""
    lines = text.split("\n")
    start = None
    for i, line in enumerate(lines):
        if line.startswith("{"):
            start = i
        elif line.startswith("}") and start is not None:
            head = " ".join(lines[max(0, start - 6):start])
            names = re.findall(r"(\w+)\(", head)
            yield (names[-1] if names else "?"), start + 1, i + 1, "\n".join(lines[start:i])
            start = None


def rule_layers():
    for path in sources():
        here = room(path)
        for i, line in enumerate(path.read_text().split("\n"), 1):
            m = re.match(r'#include "(\w+)/', line)
            if m and m.group(1) in LAYERS and m.group(1) != here and m.group(1) not in LAYERS[here]:
                say(path, i, f"{here} must not include {m.group(1)}")


def rule_sizes():
    sizes, lengths = [], []
    for path in sorted([*(ROOT / "tests").rglob("*.[ch]"), *(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").glob("*.[ch]")]):
        n = path.read_text().count("\n")
        if n > FILE_MAX:
            say(path, 1, f"{n} lines, at most {FILE_MAX}")
    for path in sources():
        text = path.read_text()
        n = text.count("\n")
        sizes.append(n)
        if n > FILE_MAX:
            say(path, 1, f"{n} lines, at most {FILE_MAX}")
        if path.suffix != ".c":
            continue
        for name, first, last, body in functions(without_comments(text)):
            length = last - first
            lengths.append(length)
            if length > FUNCTION_MAX:
                say(path, first, f"{name}() has {length} lines, at most {FUNCTION_MAX}")
            branches = 1 + len(re.findall(r"\b(?:if|for|while|case)\b|&&|\|\||\?", body))
            # A switch that only maps values to values is a table, not branching.
            arms = len(re.findall(r"\bcase\b[^:]*:\s*(?:return\b[^;]*;|case\b)", body))
            if branches - arms > BRANCHES_MAX:
                say(path, first, f"{name}() branches {branches - arms} times, at most {BRANCHES_MAX}")
    if sizes and statistics.median(sizes) > FILE_MEDIAN:
        say(ROOT / "src", 1, f"median file has {statistics.median(sizes)} lines")
    if lengths and statistics.median(lengths) > FUNCTION_MEDIAN:
        say(ROOT / "src", 1, f"median function has {statistics.median(lengths)} lines")


def rule_calls():
    banned = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
    for path in sources():
        for i, line in enumerate(without_comments(path.read_text()).split("\n"), 1):
            m = banned.search(line)
            if m:
                say(path, i, f"{m.group(1)}() is banned")
            if room(path) not in ("base", "cli") and re.search(r"\b(fsync|fdatasync|pwrite|unlink)\s*\(", line):
                say(path, i, "the disk is reached through base/fs.h only")


def rule_secrets():
    """What proves a password is compared in a time that tells nothing; names and words of the protocol need not be."""
    public = re.compile(r"s->user|l->login|authid|offered|options|wanted|realm\b|mech|STR\(|got|code|flag|\bname\b", re.A)
    for path in sorted((ROOT / "security").glob("*.c")):
        if not re.match(r"(scram|sasl|checks|claim|cred)", path.name):
            continue
        for i, line in enumerate(without_comments(path.read_text()).split("\n"), 1):
            if re.search(r"(?<!CRYPTO_)\b(memcmp|bcmp|strn?cmp|str_eq|str_is)\s*\(", line) and not public.search(line):
                say(path, i, "a comparison that stops at the first difference")
            if re.search(r"(?<!CRYPTO_)\bmemcmp\(.*\b(stored|server|proof|nonce|key|salted|hash)", line):
                say(path, i, "a secret is compared by CRYPTO_memcmp()")
        if path.name in ("scram.c", "scram_keys.c") and "CRYPTO_memcmp(" not in path.read_text():
            say(path, 1, "no CRYPTO_memcmp()")


def rule_headers():
    for path in sources():
        text = path.read_text()
        if not text.startswith("/* SPDX-License-Identifier: Apache-2.0"):
            say(path, 1, "no SPDX line")
        if path.suffix == ".h" and "#pragma once" not in text:
            say(path, 1, "no #pragma once")
        for i, line in enumerate(text.split("\n"), 1):
            if re.search(r"\b(TODO|FIXME|XXX|HACK)\b|not implemented yet", line):
                say(path, i, "unfinished")
            if line.rstrip() != line:
                say(path, i, "white space at the end")


def rule_globals():
    """File-scope objects that can change. Thread-locals, pthread_once and const are fine."""
    decl = re.compile(r"^(?:static\s+)?(?!typedef|extern|enum|struct\s+\w+\s*[{;]|union|const|return)"
                      r"[A-Za-z_][\w\s\*]*?\b(\w+)(?:\[[^\]]*\])*\s*(?:=|;)")
    for path in sources():
        if path.suffix != ".c" or path.name == "main.c":
            continue
        depth = 0
        for i, line in enumerate(without_comments(path.read_text()).split("\n"), 1):
            if depth == 0 and not line.startswith(("#", "\t", " ", "}")):
                m = decl.match(line)
                if m and "(" not in line.split("=")[0] and not re.search(
                        r"\bconst\b|_Thread_local|pthread_once_t", line.split("=")[0]):
                    say(path, i, f"mutable global {m.group(1)}")
            depth += line.count("{") - line.count("}")


def rule_words():
    """What does not belong in a file of the project."""
    tracked = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True)
    bad = re.compile(r"(^|[^\w.])/(root|work|farm)/")
    for name in tracked.stdout.split():
        path = ROOT / name
        if path.suffix in (".hex", ".bin", ".xz") or not path.is_file() or path.name == "lint.py":
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        for i, line in enumerate(text.split("\n"), 1):
            if bad.search(line):
                say(path, i, "a path of one machine")


# Data, and rooms that the README above them is for.
COVERED = r"m4|doc/adr|tests/unit/.*|tests/fuzz/corpus.*|tests/wire/recorded"


def rule_readmes():
    """Of each directory that has a source of something, and not of those that are made."""
    skipped = re.compile(r"(.*/)?(\..*|__pycache__|build.*|autom4te\.cache|quickstart\.d|schloss-\d.*)")
    for d in [d for top in ROOT.iterdir() if top.is_dir() for d in (top, *(x for x in top.rglob("*") if x.is_dir()))]:
        name = str(d.relative_to(ROOT))
        if any(skipped.fullmatch(part) for part in name.split("/")) or re.fullmatch(COVERED, name) or name == "src":
            continue
        readme = d / "README.md"
        if not readme.is_file() or readme.stat().st_size < 200:
            say(d, 1, "no README.md that says what belongs here")


def rule_manual():
    """Every option, every metric, every API and every verb of schlossctl is in its page."""
    check = subprocess.run([sys.executable, str(ROOT / "man/options.py"), "--check"],
                           capture_output=True, text=True)
    if check.returncode != 0:
        say(ROOT / "man/schlossd.yaml.5", 1, check.stdout.strip() or check.stderr.strip())
    check = subprocess.run([sys.executable, str(ROOT / "man/metrics.py"), "--check"], capture_output=True, text=True)
    if check.returncode != 0:
        say(ROOT / "src/web/metrics.def", 1, check.stdout.strip() or check.stderr.strip())
    check = subprocess.run([sys.executable, str(ROOT / "doc/apis.py"), "--check"],
                           capture_output=True, text=True)
    if check.returncode != 0:
        say(ROOT / "doc/PROTOCOL.md", 1, check.stdout.strip() or check.stderr.strip())
    for path in sorted(ROOT.glob("man/*.[1-8]")):
        literal = False
        for i, line in enumerate(path.read_text().split("\n"), 1):
            literal = line.startswith(".Bd -literal") or literal and line != ".Ed"
            if not literal and line[:1] != "." and len(line.encode()) > 80:
                say(path, i, "a line of more than 80 bytes")
    page = (ROOT / "man/schlossctl.1").read_text()
    for path in sorted((ROOT / "src/cli").glob("*.c")):
        for noun, verb in re.findall(r'\{ (?:NULL|"(\w+)"), "(\w+)", \w+_\w+,', path.read_text()):
            words = f"{noun} {verb}".strip()
            if not re.search(rf"Cm {words}\b", page):
                say(ROOT / "man/schlossctl.1", 1, f"no word about schlossctl {words}")


def tests_named(line):
    """What stands in backquotes in the last cell of a table's row."""
    return re.findall(r"`([^`]*)`", line.rstrip(" |").rsplit(" | ", 1)[1])


class Tests:
    """The tests that there are: FILE, FILE: FUNCTION (which may end in *), or a path under tests/."""

    def __init__(self):
        paths = [*ROOT.glob("tests/unit/*/*.c"), *ROOT.glob("tests/fuzz/*.c"), *ROOT.glob("tests/it/*.py"), ROOT / "tests/lint/lint.py"]
        self.files = {p.name: p.read_text() for p in paths}
        self.made = "".join(p.read_text() for p in ROOT.glob("tests/**/local.mk"))

    def has(self, test):
        name, _, function = test.partition(": ")
        text = self.files.get(name)
        if text is None:
            return test.startswith("tests/") and (ROOT / test).exists()
        if name.endswith(".c") and f"/{name[:-2]}" not in self.made:
            return False
        wanted = re.escape(function).replace(r"\*", r"\w*")
        if name.endswith(".py"):
            return re.search(rf"(?m)^def {wanted}\(", text) if function else True
        # Written, and in the list of those that run.
        return not function or any(re.search(rf"\({n}[,)]", text) for n in re.findall(rf"(?m)^({wanted})\(void \*\*", text))


def rows_of(page, heads):
    """(number, line) of the rows of a page's tables, without what begins with one of heads."""
    for i, line in enumerate(page.read_text().split("\n"), 1):
        if line.startswith("| ") and not line.startswith(("| --- |", *heads)):
            yield i, line


def rule_model():
    """Every rule of the permission model names tests, and they exist and run."""
    page, tests = ROOT / "doc/MODEL.md", Tests()
    cells = {line.split("|")[0].strip() for line in (ROOT / "tests/it/matrix.table").read_text().split("\n")}
    for i, line in rows_of(page, ["| rule |"]):
        if not tests_named(line):
            say(page, i, "a rule without a test")
        for test in tests_named(line):
            if not (tests.has(test) if ": " in test else test in cells):
                say(page, i, f"there is no test {test}")


# Public faults of which each kind could be ours.
FAULTS = """CVE-2017-12610 CVE-2018-1288 CVE-2018-17196 CVE-2019-12399 CVE-2021-38153 CVE-2022-34917 CVE-2023-34455
    CVE-2023-25194 CVE-2025-27818 CVE-2025-27819 CVE-2024-27309 CVE-2024-31141 CVE-2025-27817 CVE-2024-56128
    CVE-2026-35554 CVE-2019-19906 CVE-2022-24407 CVE-2026-107161 CVE-2013-7239 CVE-2026-47783""".split()


def rule_threats():
    """Every mitigation of the threat model names tests that exist and run, and no fault of others is without a row."""
    page, tests, seen = ROOT / "doc/THREATMODEL.md", Tests(), []
    for i, line in rows_of(page, ["| what |", "| fault |"]):
        if not tests_named(line):
            say(page, i, "a mitigation without a test")
        for test in tests_named(line):
            if not tests.has(test):
                say(page, i, f"there is no test {test}")
        head = line.split(":")[0]
        seen += re.findall(r"CVE-\d+-\d+", head) if head.startswith("| CVE-") else []
    for fault in FAULTS:
        if seen.count(fault) != 1:
            say(page, 1, f"{fault} has {seen.count(fault)} rows, not one")


def rule_options():
    """Every option is named in a test, and something reads it: the code, the settings of topics, or it can only be one thing."""
    page = ROOT / "src/broker/options.def"
    tests = "".join(p.read_text() for d, kinds in (("it", "*.py"), ("unit/broker", "*.c"), ("long", "*"))
                    for p in sorted((ROOT / "tests" / d).glob(kinds)) if p.is_file()).replace("\\n", "\n")
    code = "".join(without_comments(p.read_text()) for p in sources())
    topics = (ROOT / "src/meta/topic_config.def").read_text()
    row = re.compile(r'(?:OPTION|LISTENER)\((\w+), (\w+), "([^"]+)", "[^"]*", ([^,]+), ([^,]+), "([^"]*)"')
    for i, line in enumerate(page.read_text().split("\n"), 1):
        m = row.match(line)
        if m is None:
            continue
        kind, field, name, least, most, words = m.groups()
        if not re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", tests):
            say(page, i, f"no test names {name}")
        one = least == most if kind == "INT" else kind == "ENUM" and "|" not in words
        if not one and f'"{name}", ' not in topics and not re.search(rf"(?:->|\.){field}\b", code):
            say(page, i, f"nothing reads {name}")


RULES = {n[5:]: f for n, f in list(globals().items()) if n.startswith("rule_")}


def main():
    names = sys.argv[1:] or list(RULES)
    for name in names:
        RULES[name]()
    print("\n".join(findings))
    print(f"lint: {len(names)} rules, {len(findings)} findings")
    return 1 if findings else 0


sys.exit(main())
