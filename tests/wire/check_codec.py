# SPDX-License-Identifier: Apache-2.0
"""The C codec against the Python twin, and both against golden bytes and what real clients sent.

usage: check_codec.py RECODE GOLDEN RECORDED [ROUNDS [SEED]]
"""
import pathlib
import random
import subprocess
import sys

import twin

INTS = {"i8": 8, "i16": 16, "i32": 32, "i64": 64, "u16": 16, "u32": 32, "broker": 32, "kerr": 16}


class Maker:
    """Random values of every shape a message can have."""

    def __init__(self, rng):
        self.rng = rng

    def text(self):
        kind = self.rng.randrange(8)
        if kind == 0:
            return ""
        if kind == 1:
            return "n" * self.rng.choice((126, 127, 128, 300))
        if kind == 2:
            return "ß鍵\U0001f511" * self.rng.randrange(1, 4)
        return "".join(self.rng.choice("abc-._/\0\n") for _ in range(self.rng.randrange(1, 12)))

    def integer(self, bits, signed):
        lo, hi = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        return self.rng.choice((lo, hi, 0, 1, hi // 3, self.rng.randint(lo, hi)))

    def scalar(self, node):
        kind = node.type
        if kind == "bool":
            return self.rng.random() < 0.5
        if kind in INTS:
            return self.integer(INTS[kind], not kind.startswith("u"))
        if kind == "f64":
            return self.rng.choice((0.0, 1.5, -1e300, float("inf")))
        if kind in ("bytes", "records"):
            return self.rng.randbytes(self.rng.randrange(20))
        if kind == "uuid":
            return self.rng.choice((bytes(16), self.rng.randbytes(16)))
        return self.text()

    def one(self, node, codec):
        return self.struct(node.children, codec) if node.type == "struct" else self.scalar(node)

    def field(self, node, codec):
        if codec.may_be_null(node) and self.rng.random() < 0.25:
            return None
        if node.variant and not node.array and self.rng.random() < 0.5:
            return self.rng.choice(("x", "orders"))
        if node.array:
            return [self.one(node, codec) for _ in range(self.rng.choice((0, 1, 1, 2, 5)))]
        return self.one(node, codec)

    def struct(self, nodes, codec):
        out = {}
        for n in nodes:
            if not codec.here(n) or self.rng.random() < 0.05:
                continue
            out[n.name] = self.field(n, codec)
            kinds = [m.variant for m in nodes if m.by == n.name]
            if kinds and kinds[0] and self.rng.random() < 0.8:
                value = self.rng.choice(list(kinds[0]))
                out[n.name] = value if n.type == "str" else int(value)
        return out


def spoil(raw, rng):
    """Bytes that are probably no message any more."""
    raw = bytearray(raw)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(raw) + 1)
        kind = rng.randrange(5)
        if kind == 0 or not raw:
            raw[at:at] = rng.randbytes(rng.randrange(1, 5))
        elif kind == 1:
            del raw[at:at + rng.randrange(1, 5)]
        elif kind == 2:
            raw[at:at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xfe",
                                         b"\0\0\0\0", b"\xff\xff\xff\xff\x0f", b"\x80\x80\x80\x80\x10"))
        elif kind == 3:
            del raw[at:]
        else:
            raw[min(at, len(raw) - 1)] ^= 1 << rng.randrange(8)
    return bytes(raw)


def expected(api, direction, version, raw):
    """What recode should print for these bytes: None where it should refuse."""
    try:
        value, left = api.decode(direction, version, raw)
    except twin.Bad:
        return None
    if left:
        return None
    names = list(api.names(direction, version, value))
    scoped = any(text for kind, text in names if kind != "plain")
    return f".{api.encode(direction, version, value).hex()} {'foreign' if scoped else 'free'}"


def random_cases(schema, rounds, rng):
    maker = Maker(rng)
    for api in schema:
        for version in range(api.lo, api.hi + 1):
            for direction in ("request", "response"):
                for _ in range(rounds):
                    value = maker.struct(api.messages[direction], api.codec(version))
                    raw = api.encode(direction, version, value)
                    yield "random", api, version, direction, raw
                    yield "spoilt", api, version, direction, spoil(raw, rng)


def unknown_tag_cases(schema):
    """A tag that no version knows is skipped and lost."""
    for api in schema:
        for version in range(max(api.lo, api.flex), api.hi + 1):
            raw = api.encode("request", version, {})
            assert raw[-1:] == b"\0", api.name
            yield "unknown tag", api, version, "request", raw[:-1] + b"\x01\xe7\x07\x03abc"


def golden_cases(schema, path):
    names = {"".join(w.capitalize() for w in a.name.split("_")): a for a in schema}
    seen = set()
    with open(path, encoding="utf-8") as f:
        for line in f:
            name, version, what, *rest = line.split()
            api, version = names[name], int(version)
            if what == "header":
                flexible = version >= api.flex
                mine = (2 if flexible else 1, 1 if flexible and api.key != 18 else 0)
                if mine != tuple(map(int, rest)):
                    raise SystemExit(f"{name} {version}: headers {mine}, Kafka's {rest}")
                continue
            seen.add((api.name, version, what))
            yield "golden", api, version, what, bytes.fromhex(rest[0] if rest else "")
    for api in schema:
        for version in range(api.lo, api.hi + 1):
            if api.key < 20000 and not {(api.name, version, "request"),
                                        (api.name, version, "response")} <= seen:
                raise SystemExit(f"{api.name} {version}: no golden bytes")


def body(api, version, direction, frame):
    """A frame without its header."""
    cur = twin.Cursor(frame)
    if direction == "request":
        if (cur.fixed(">h"), cur.fixed(">h")) != (api.key, version):
            raise SystemExit(f"{api.name} {version}: the frame's header says something else")
        cur.take(4)
        cur.take(max(0, cur.fixed(">h")))
    else:
        cur.take(4)
    if version >= api.flex and (direction == "request" or api.key != 18):
        for _ in range(cur.varint()):
            cur.varint()
            cur.take(cur.varint())
    return frame[cur.at:]


def recorded_cases(schema, directory):
    for path in sorted(pathlib.Path(directory).glob("*.txt")):
        for line in path.read_text(encoding="ascii").splitlines():
            name, version, direction, frame = line.split()
            api = schema[name]
            yield f"recorded {path.stem}", api, int(version), direction, \
                body(api, int(version), direction, bytes.fromhex(frame))


def main(recode, golden, recorded, rounds="6", seed="1"):
    schema, rng = twin.Schema(), random.Random(int(seed))
    real = list(recorded_cases(schema, recorded))
    if len(real) < 300:
        raise SystemExit(f"{recorded}: recordings are missing")
    cases = list(golden_cases(schema, golden)) + real + list(unknown_tag_cases(schema)) \
        + list(random_cases(schema, int(rounds), rng))
    lines = "".join(f"{api.key} {version} {direction} {raw.hex()}\n"
                    for _, api, version, direction, raw in cases)
    done = subprocess.run([recode], input=lines, capture_output=True, text=True, check=False)
    answers = done.stdout.splitlines()
    if done.returncode or len(answers) != len(cases):
        print(done.stderr[-4000:])
        raise SystemExit(f"recode ended with {done.returncode} after {len(answers)} of {len(cases)}")
    wrong, refused = 0, 0
    for (what, api, version, direction, raw), answer in zip(cases, answers):
        want = expected(api, direction, version, raw)
        refused += want is None
        good = answer.startswith("-") if want is None else answer == want
        if what.startswith(("golden", "recorded")) and not answer.startswith(f".{raw.hex()} "):
            good = False
        if what in ("random", "unknown tag") and want is None:
            good = False
        if not good:
            wrong += 1
            if wrong <= 10:
                print(f"{what} {api.name} {version} {direction} {raw.hex()[:400]}\n"
                      f"  twin {str(want)[:400]}\n  C    {answer[:400]}")
    print(f"{len(cases)} messages, {refused} refused by both, {wrong} differences (seed {seed})")
    if not refused:
        raise SystemExit("nothing was refused: the spoilt messages are not spoilt")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
