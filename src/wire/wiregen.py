#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes msg.h and msg.c (structs and tables of the codec) from schema/*.api.

usage: wiregen.py -o DIR SCHEMA.api ...      README.md explains the notation.
A schema that breaks a rule of it stops the build with FILE:LINE.
"""
import os
import re
import sys

SCALARS = {"bool": ("WIRE_BOOL", "bool", 1), "i8": ("WIRE_I8", "int8_t", 1),
           "i16": ("WIRE_I16", "int16_t", 2), "u16": ("WIRE_U16", "uint16_t", 2),
           "i32": ("WIRE_I32", "int32_t", 4), "u32": ("WIRE_U32", "uint32_t", 4),
           "i64": ("WIRE_I64", "int64_t", 8), "f64": ("WIRE_F64", "double", 8),
           "uuid": ("WIRE_UUID", "struct uuid", 16), "broker": ("WIRE_I32", "int32_t", 4),
           "kerr": ("WIRE_I16", "int16_t", 2)}
NAMES = ("topic", "group", "txnid", "user")
TEXTS = {"str": ("WIRE_STR", "struct str"), "bytes": ("WIRE_BYTES", "struct bytes")}
KINDS = NAMES + ("tenant", "client", "share", "token", "plain")
KEYWORDS = set("auto break case char const continue default do double else enum extern float for "
               "goto if inline int long register restrict return short signed sizeof static struct "
               "switch typedef union unsigned void volatile while bool".split())
OWN_FROM = 20000	# keys of Schloss's own APIs
FOREVER = 127


class Wrong(Exception):
    pass


class Field:
    """One line of a request or response; `fields` where it opens a block."""

    def __init__(self):
        self.array = self.lossy = self.secret = self.classic = False
        self.null_lo, self.tag = FOREVER, -1
        self.by = self.default = self.opaque = self.fields = None

    def struct(self):
        return self.fields is not None


class Api:
    def __init__(self, name, key):
        self.name, self.key = name, key
        self.lo = self.hi = 0
        self.flex = FOREVER
        self.about = ""
        self.blocks = {}


def versions(word, hi):
    m = re.fullmatch(r"(\d+)(?:-(\d+)|(\+))?", word)
    if m is None:
        return None
    lo = int(m[1])
    return lo, hi if m[3] else int(m[2] or lo)


def words_of(line):
    return re.findall(r'"[^"]*"|#.*|[^\s"#]+', line)


class Parser:
    def __init__(self, path, variants):
        self.path, self.line, self.variants, self.api = path, 0, variants, None
        with open(path, encoding="utf-8") as f:
            self.lines = f.read().split("\n")

    def wrong(self, what):
        return Wrong(f"{self.path}:{self.line}: {what}")

    def next(self):
        while self.line < len(self.lines):
            words = [w for w in words_of(self.lines[self.line]) if not w.startswith("#")]
            self.line += 1
            if words:
                return words
        return None

    def parse(self):
        while (words := self.next()) is not None:
            if words[0] == "variant" and words[2:] == ["{"]:
                self.variants[words[1]] = self.cases()
            elif words[0] == "api":
                self.parse_api(words)
            elif words[0] in ("request", "response") and words[1:] == ["{"] and self.api:
                self.api.blocks[words[0]] = self.block(self.api.lo, self.api.hi)
            else:
                raise self.wrong("variant, api, request or response expected")
        return self.api

    def cases(self):
        rows = []
        while (words := self.next()) != ["}"]:
            if words is None or len(words) != 2 or words[1] not in KINDS:
                raise self.wrong("a value and one of: " + " ".join(KINDS))
            rows.append((words[0], words[1]))
        return rows

    def parse_api(self, words):
        api = self.api = Api(words[1], int(words[2]))
        rest = words[3:]
        span = re.fullmatch(r"v(\d+)(?:-(\d+))?", rest.pop(0))
        api.lo, api.hi = int(span[1]), int(span[2] or span[1])
        while rest:
            what, value = rest.pop(0), rest.pop(0).rstrip("+")
            if what != "flex":
                raise self.wrong(f"{what}?")
            setattr(api, what, int(value))

    def block(self, lo, hi):
        fields = []
        while (words := self.next()) != ["}"]:
            if words is None:
                raise self.wrong("the block is not closed")
            fields.append(self.field(words, lo, hi))
        names = [f.name for f in fields]
        for f in fields:
            if names.count(f.name) > 1:
                raise self.wrong(f"{f.name} twice in a block")
            if f.by is not None and f.by not in names:
                raise self.wrong(f"{f.name} hangs on {f.by}, which is not in its block")
        return fields

    def field(self, words, lo, hi):
        f = Field()
        f.name, kind = words[0], words[1]
        f.lo, f.hi = lo, hi
        if f.name in KEYWORDS or not re.fullmatch(r"[a-z][a-z0-9_]*", f.name):
            raise self.wrong(f"{f.name} is no name for a field")
        m = re.fullmatch(r"(\[)?(\w+)\]?(?:(\?)(?:(\d+)\+)?)?", kind)
        if m is None:
            raise self.wrong(f"{kind} is no type")
        f.array, f.type = m[1] is not None, m[2]
        rest = words[2:]
        if rest and (span := versions(rest[0], hi)):
            f.lo, f.hi = span
            rest.pop(0)
        if m[3]:
            f.null_lo = max(int(m[4] or 0), f.lo)
        if f.lo > f.hi or f.lo < lo or f.hi > hi:
            raise self.wrong(f"{f.name}: versions {f.lo}-{f.hi} are not within {lo}-{hi}")
        self.attributes(f, rest)
        if rest == ["{"]:
            f.fields = self.block(f.lo, f.hi)
        elif rest:
            raise self.wrong(f"{' '.join(rest)}?")
        self.check(f)
        return f

    def attributes(self, f, rest):
        while rest and rest[0] != "{":
            word = rest.pop(0)
            if word in ("lossy", "secret", "classic"):
                setattr(f, word, True)
            elif word == "by":
                f.by = rest.pop(0)
            elif word == "tag":
                f.tag = int(rest.pop(0))
            elif word == "=":
                f.default = rest.pop(0)
            elif word == "opaque" and rest and rest[0].startswith('"'):
                f.opaque = rest.pop(0).strip('"')
            else:
                raise self.wrong(f"{word}?")

    def check(self, f):
        known = f.type in SCALARS or f.type in NAMES or f.type in TEXTS or f.type == "records"
        if f.struct():
            return
        if not known and f.type not in self.variants:
            raise self.wrong(f"{f.type} is no type")
        if f.type in TEXTS and not f.opaque and not f.secret:
            raise self.wrong(f"{f.name}: a semantic type, `secret`, or `opaque \"reason\"` is missing")
        if f.type in self.variants and f.by is None \
                and any(k == "plain" for _, k in self.variants[f.type]):
            raise self.wrong(f"{f.name}: {f.type} may be plain, so say `by FIELD`")
        if f.by is not None and f.type not in self.variants:
            raise self.wrong(f"{f.name}: {f.type} hangs on no other field")
        if f.tag >= 0 and f.lo < self.api.flex:
            raise self.wrong(f"{f.name}: tagged before the first flexible version")


def camel(name):
    return "".join(w.capitalize() for w in name.split("_"))


def has_secrets(fields):
    return any(has_secrets(f.fields) if f.struct() else f.secret for f in fields)


class Type:
    """A struct of C and its table."""

    def __init__(self, name, fields, api):
        self.name, self.fields, self.api = name, fields, api
        tagged = sorted((f for f in fields if f.tag >= 0), key=lambda f: f.tag)
        self.rows = [f for f in fields if f.tag < 0] + tagged


def types_of(api, block, name):
    """Inner ones first."""
    found, seen = [], set()

    def walk(fields, full):
        for f in fields:
            if f.struct():
                f.cname = f"{name}_{f.type}"
                if f.cname in seen:
                    raise Wrong(f"{api.name}: two structs named {f.cname}")
                seen.add(f.cname)
                walk(f.fields, f.cname)
        found.append(Type(full, fields, api))
    walk(block, name)
    return found


class Maker:
    def __init__(self, variants):
        self.variants = variants

    def kind(self, f):
        if f.struct():
            return "WIRE_STRUCT"
        if f.type in SCALARS:
            return SCALARS[f.type][0]
        if f.type in TEXTS:
            return TEXTS[f.type][0]
        return "WIRE_RECORDS" if f.type == "records" else "WIRE_NAME"

    def ctype(self, f):
        if f.struct():
            one = "struct " + f.cname
        elif f.type in SCALARS:
            one = SCALARS[f.type][1]
        elif f.type in TEXTS:
            one = TEXTS[f.type][1]
        else:
            one = "struct pieces" if f.type == "records" else "struct name"
        if f.array:
            return f"ARRAY({one}) "
        return one + (" *" if f.struct() and f.null_lo != FOREVER else " ")

    def sem(self, f):
        if f.type in NAMES + ("broker", "kerr"):
            return "WIRE_SEM_" + f.type.upper()
        return "WIRE_SEM_OPAQUE" if f.opaque else "WIRE_SEM_NONE"

    def pointer(self, f):
        return f.struct() and not f.array and f.null_lo != FOREVER

    def empty(self, f):
        """Whether absent is "" or no elements, not null."""
        return f.default != "null" if f.array else f.null_lo == FOREVER

    def flags(self, f, fields):
        flags = []
        if f.array:
            flags.append("WIRE_F_ARRAY")
        elif self.pointer(f):
            flags.append("WIRE_F_POINTER")
        if f.secret:
            flags.append("WIRE_F_SECRET")
        if self.empty(f):
            flags.append("WIRE_F_EMPTY")
        if f.by and next(g for g in fields if g.name == f.by).type == "str":
            flags.append("WIRE_F_TEXT")
        return " | ".join(flags) or "0"

    def number(self, f):
        if f.default in (None, "null"):
            return "0"
        if f.default in ("true", "false"):
            return "1" if f.default == "true" else "0"
        value = int(f.default, 0)
        return f"INT64_C({value})" if abs(value) > 0x7fffffff else str(value)

    def absent(self, f):
        """The initializer of a field that is absent."""
        text = '""' if self.empty(f) else "NULL"
        kind = self.kind(f)
        if f.array:
            return "{ NULL, 0 }" if self.empty(f) else "{ NULL, -1 }"
        if self.pointer(f):
            return "NULL"
        if f.struct():
            return self.absent_struct(f.fields)
        if kind in ("WIRE_STR", "WIRE_BYTES"):
            return f"{{ {'(const uint8_t *)' if kind == 'WIRE_BYTES' else ''}{text}, 0 }}"
        return {"WIRE_NAME": f"{{ .s = {{ {text}, 0 }} }}", "WIRE_UUID": "{ { 0 } }",
                "WIRE_RECORDS": "{ NULL, 0 }" if self.empty(f) else "{ NULL, -1 }"}.get(kind) \
            or self.number(f)

    def absent_struct(self, fields):
        return "{ " + ", ".join(f".{f.name} = {self.absent(f)}" for f in fields) + " }"

    def least(self, f, v, flex):
        """The bytes that the shortest form of a value takes in version v."""
        if f.struct():
            inner = [g for g in f.fields if g.tag < 0 and g.lo <= v <= g.hi]
            return flex + sum(self.least_of_field(g, v, flex) for g in inner)
        if f.type in SCALARS:
            return SCALARS[f.type][2]
        if flex and not f.classic:
            return 1
        return 4 if f.type in ("records", "bytes") else 2

    def least_of_field(self, f, v, flex):
        if f.array:
            return 1 if flex else 4
        return 1 if self.pointer(f) else self.least(f, v, flex)

    def length(self, f, flex, wide):
        if not wide and (f.struct() or f.type in SCALARS):
            return "WIRE_LEN_NONE"
        if flex and not f.classic:
            return "WIRE_LEN_COMPACT"
        return "WIRE_LEN_32" if wide or f.type in ("records", "bytes") else "WIRE_LEN_16"

    def steps(self, t, f, v):
        """A step, and for an array that of its elements, which may not be null."""
        flex = v >= t.api.flex
        row, off, null = t.rows.index(f), f"offsetof(struct {t.name}, {f.name})", v >= f.null_lo

        def step(off, op, length, least, null, size="0"):
            return (f"\t{{ {off}, {row}, {size}, {op}, {length}, {min(255, max(1, least))}, "
                    f"{str(null).lower()} }},")
        least, length = self.least(f, v, flex), self.length(f, flex, False)
        if f.array:
            size = f"sizeof(*((struct {t.name} *)0)->{f.name}.v)"
            return [step(off, "WIRE_OP_ARRAY", self.length(f, flex, True), 1 if flex else 4, null, size),
                    step("0", self.kind(f), length, least, False)]
        op = "WIRE_OP_POINTER" if self.pointer(f) else self.kind(f)
        return [step(off, op, length, self.least_of_field(f, v, flex), null)]

    def fixed(self, f):
        """Whether it is one value without a length."""
        return f.type in SCALARS and not f.array and not f.struct()

    def joins(self, f, run):
        return self.fixed(f) and sum(SCALARS[g.type][2] for g in [*run, f]) <= 255

    def run(self, t, fields, v):
        """Values that stand together; one alone needs no head."""
        steps = [step for f in fields for step in self.steps(t, f, v)]
        size = sum(SCALARS[f.type][2] for f in fields)
        head = f"\t{{ 0, 0, {len(fields)}, WIRE_OP_RUN, WIRE_LEN_NONE, {size}, false }},"
        return [head, *steps] if len(fields) > 1 else steps

    def plan(self, t, v):
        """What version v carries: steps, tagged steps, rows of what must not be lost, and whether
        there is more than the steps fill."""
        steps, tagged, lacks, run = [], [], [], []
        for i, f in enumerate(t.rows):
            if f.lo <= v <= f.hi and (f.tag < 0 or v >= t.api.flex):
                if f.tag < 0 and not self.joins(f, run):
                    steps += self.run(t, run, v)
                    run = []
                if f.tag < 0 and self.fixed(f):
                    run.append(f)
                else:
                    (steps if f.tag < 0 else tagged).extend(self.steps(t, f, v))
            elif not f.lossy:
                lacks.append(str(i))
        steps += self.run(t, run, v)
        carried = sum(f.tag < 0 and f.lo <= v <= f.hi for f in t.rows)
        return steps, tagged, lacks, carried < len(t.rows)

    def plans(self, t):
        """Equal versions share one."""
        out, made, names = [], {}, []
        for v in range(t.api.hi + 1):
            if v < t.api.lo:
                names.append("NULL")
                continue
            plan = self.plan(t, v)
            if (key := repr(plan)) not in made:
                made[key] = name = f"{t.name}_v{v}"
                out += self.plan_text(name, *plan)
            names.append("&" + made[key])
        return out + [f"static const struct wire_plan *const {t.name}_plans[] = {{ {', '.join(names)} }};"]

    def plan_text(self, name, steps, tagged, lacks, partial):
        out = []
        if steps or tagged:
            out += [f"static const struct wire_step {name}_steps[] = {{"] + steps + tagged + ["};"]
        if lacks:
            out.append(f"static const uint16_t {name}_lacks[] = {{ {', '.join(lacks)} }};")
        return out + [f"static const struct wire_plan {name} = {{ "
                      f"{name + '_steps' if steps or tagged else 'no_steps'}, "
                      f"{name + '_lacks' if lacks else 'NULL'}, {len(steps)}, {len(tagged)}, "
                      f"{len(lacks)}, {str(partial).lower()} }};"]

    def header_struct(self, t):
        out = [f"struct {t.name} {{"]
        for f in t.fields:
            about = []
            if (f.lo, f.hi) != (t.api.lo, t.api.hi):
                about.append(f"v{f.lo}" + (f"-{f.hi}" if f.hi > f.lo else ""))
            if f.null_lo != FOREVER:
                about.append("may be null")
            if f.secret:
                about.append("secret")
            if f.by:
                about.append("by " + f.by)
            tail = f"\t/* {'; '.join(about)} */" if about else ""
            out.append(f"\t{self.ctype(f)}{f.name};{tail}")
        return out + ["};", f"extern const struct wire_type {t.name}_type;", ""]

    def row(self, t, f):
        sub = f"&{f.cname}_type" if f.struct() else "NULL"
        variant = f"&variant_{f.type}" if f.type in self.variants and not f.struct() else "NULL"
        by = "NULL"
        if f.by:
            at = next(i for i, g in enumerate(t.rows) if g.name == f.by)
            by = f"&{t.name}_fields[{at}]"
        return (f"\t{{ \"{f.name}\", {sub}, {variant}, {by}, {self.number(f)}, "
                f"offsetof(struct {t.name}, {f.name}), {self.kind(f)}, {self.sem(f)}, "
                f"{self.flags(f, t.fields)}, {f.lo}, {f.hi}, {f.tag} }},")

    def table(self, t):
        fix = any(f.by and any(k == "plain" for _, k in self.variants[f.type]) for f in t.fields)
        secret = has_secrets(t.fields)
        rows = [self.row(t, f) for f in t.rows]
        fields = f"{t.name}_fields" if rows else "NULL"
        out = [f"static const struct wire_field {t.name}_fields[] = {{"] + rows + ["};"] if rows else []
        out.append(f"static const struct {t.name} {t.name}_absent = "
                   f"{self.absent_struct(t.fields) if rows else '{ 0 }'};")
        out += self.plans(t)
        out.append(f"const struct wire_type {t.name}_type = {{ \"{t.name}\", {fields}, {len(rows)}, "
                   f"sizeof(struct {t.name}), {str(fix).lower()}, {str(secret).lower()}, "
                   f"&{t.name}_absent, {t.name}_plans }};")
        return out + [""]

    def message(self, api, name):
        return (f"const struct wire_msg {name}_msg = {{ &{name}_type, {api.lo}, {api.hi}, "
                f"{api.flex} }};")

    def variant(self, name, cases):
        out = [f"static const struct wire_case variant_{name}_cases[] = {{"]
        for value, kind in cases:
            text, number = (value, 0) if value.startswith('"') else ("NULL", value)
            out.append(f"\t{{ {text}, {number}, WIRE_SEM_{kind.upper()} }},")
        out.append("};")
        out.append(f"static const struct wire_variant variant_{name} = {{ \"{name}\", "
                   f"variant_{name}_cases, {len(cases)} }};")
        return out + [""]


NOTICE = ["/* SPDX-License-Identifier: Apache-2.0",
          " * Made by wiregen.py from the schema: do not edit. */"]


def header(maker, apis):
    out = NOTICE + ["#pragma once", "", '#include "wire/codec.h"', "", "enum wire_key {"]
    out += [f"\tWIRE_KEY_{a.name.upper()} = {a.key}," for a in apis] + ["};", ""]
    for api in apis:
        for types in api.types:
            for t in types:
                if not t.fields:
                    out += [f"struct {t.name} {{", "\tchar none;", "};",
                            f"extern const struct wire_type {t.name}_type;", ""]
                else:
                    out += maker.header_struct(t)
        out += [f"extern const struct wire_msg {api.name}_req_msg, {api.name}_rsp_msg;", ""]
    return out


def source(maker, apis):
    out = NOTICE + ['#include "wire/msg.h"', "", '#include "wire/table.h"', "",
                    "/* Where the walk begins that ends at once: NULL + 0 is not defined. */",
                    "static const struct wire_step no_steps[1];", ""]
    for name, cases in sorted(maker.variants.items()):
        out += maker.variant(name, cases)
    for api in apis:
        for types in api.types:
            for t in types:
                out += maker.table(t)
        out += [maker.message(api, api.name + "_req"), maker.message(api, api.name + "_rsp"), ""]
    out += ["const struct wire_api wire_apis[] = {"]
    for a in apis:
        own = str(a.key >= OWN_FROM).lower()
        out.append(f"\t{{ {a.key}, {a.lo}, {a.hi}, {a.flex}, {own}, "
                   f"\"{camel(a.name)}\", &{a.name}_req_msg, &{a.name}_rsp_msg }},")
    out += ["};", "", f"const int wire_apis_n = {len(apis)};", "",
            "const struct wire_api *", "wire_api_find(int key)", "{", "\tswitch (key) {"]
    out += [f"\tcase {a.key}:\treturn &wire_apis[{i}];" for i, a in enumerate(apis)]
    return out + ["\t}", "\treturn NULL;", "}"]


def save(path, lines):
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


def main(argv):
    if len(argv) < 4 or argv[1] != "-o":
        sys.exit(__doc__)
    variants, apis = {}, []
    try:
        # Variants are used before their file comes in the alphabet.
        for path in sorted(argv[3:], key=lambda p: os.path.basename(p) != "names.api"):
            api = Parser(path, variants).parse()
            if api is not None:
                apis.append(api)
        apis.sort(key=lambda a: a.key)
        for api in apis:
            if set(api.blocks) != {"request", "response"}:
                raise Wrong(f"{api.name}: one request and one response, please")
            api.types = [types_of(api, api.blocks["request"], api.name + "_req"),
                         types_of(api, api.blocks["response"], api.name + "_rsp")]
        maker = Maker(variants)
        # msg.c first: make then sees msg.h as no older.
        save(os.path.join(argv[2], "msg.c"), source(maker, apis))
        save(os.path.join(argv[2], "msg.h"), header(maker, apis))
    except Wrong as e:
        sys.exit(str(e))


if __name__ == "__main__":
    main(sys.argv)
