#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts the metrics of src/web/metrics.def into schloss-metrics(7), between its marks, and checks that the dashboard and the alert
rules in contrib/ name metrics and labels that there are.

usage: man/metrics.py [--check]      --check changes nothing and exits 1 where something differs
"""
import json
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[1]
TABLE = ROOT / "src/web/metrics.def"
PAGE = ROOT / "man/schloss-metrics.7"
USERS = [ROOT / "contrib/grafana/schloss.json", ROOT / "contrib/prometheus/schloss.rules.yml"]
SUFFIXES = {"GAUGE": [""], "COUNTER": ["_total"], "SUMMARY": ["_sum", "_count"], "HISTOGRAM": ["_bucket", "_sum", "_count"]}
# What a server of Prometheus adds to each series by itself, and le of histograms.
LABELS_OF_ALL = {"job", "instance", "le"}


def rows():
    """("GROUP", title) and ("METRIC", id, type, family, of, labels, help, when)."""
    text = re.sub(r"/\*.*?\*/", "", TABLE.read_text(), flags=re.S)
    string = r'"((?:\\.|[^"\\])*)"'
    pattern = rf'METRIC_GROUP\({string}\)|METRIC\((\w+), (\w+), {string}, (\w+), {string},\s*{string},\s*{string}\)'
    for m in re.finditer(pattern, text):
        yield ("GROUP", m[1]) if m[1] is not None else ("METRIC", *m.groups()[1:])


def wrapped(text):
    sentences = re.sub(r"([.:]) (?=[A-Z])", lambda m: m[1] + ("\n" if m[1] == "." else " "), text).split("\n")
    return [line for s in sentences for line in textwrap.wrap(s, 78, break_long_words=False, break_on_hyphens=False)]


def generate():
    out, is_open = [], False
    for kind, *row in rows():
        if kind == "GROUP":
            out += ([".El"] if is_open else []) + [f".Ss {row[0]}", ".Bl -tag -width Ds"]
            is_open = True
            continue
        _, what, family, of, labels, about, when = row
        name = family + ("_total" if what == "COUNTER" else "")
        out.append(f".It Cm {name}")
        facts = what.lower() + (f" by {', '.join(labels.split(','))}" if labels else "") + \
            ("; operators only" if of in ("BROKER", "LIST") else "") + "."
        out += [facts[0].upper() + facts[1:]]
        out += wrapped(about) + [".br"] + wrapped(when)
    return out + [".El"]


def problems():
    """What dashboards and rules name, and there is not."""
    known = {}
    for kind, *row in rows():
        if kind == "METRIC":
            for suffix in SUFFIXES[row[1]]:
                known[row[2] + suffix] = set(filter(None, row[4].split(","))) | LABELS_OF_ALL
    for path in USERS:
        text = path.read_text()
        if path.suffix == ".json":
            exprs = [t["expr"] for p in json.loads(text)["panels"] for t in p.get("targets", [])]
            exprs += [v["query"] for v in json.loads(text)["templating"]["list"] if v["type"] == "query"]
        else:
            exprs = [m[1] for m in re.finditer(r"(?m)^\s+expr: (.*)$", text)]
        assert exprs
        for expr in exprs:
            named = set(re.findall(r"\b((?:kafka|schloss|process)_\w+)", expr))
            if not named:
                yield f"{path.relative_to(ROOT)}: no metric in {expr}"
            for name in sorted(named - set(known)):
                yield f"{path.relative_to(ROOT)}: there is no metric {name}"
            labels = set().union(*(known.get(n, set()) for n in named))
            for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expr) + [
                    w for m in re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", expr) for w in re.findall(r"\w+", m)]:
                if label not in labels:
                    yield f"{path.relative_to(ROOT)}: {expr}: there is no label {label}"


def main():
    page = PAGE.read_text()
    first, last = '.\\" METRICS BEGIN (man/metrics.py)\n', '.\\" METRICS END\n'
    head, rest = page.split(first)
    made = head + first + "\n".join(generate()) + "\n" + last + rest.split(last)[1]
    found = list(problems())
    if "--check" not in sys.argv:
        PAGE.write_text(made)
    elif made != page:
        found.append(f"{PAGE.relative_to(ROOT)}: differs from its table: run man/metrics.py")
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
