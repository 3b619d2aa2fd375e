#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of fuzz_records and fuzz_coord: stored records by hand, and calls by number."""
import os
import random
import struct

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def text(s):
    return struct.pack(">h", -1) if s is None else struct.pack(">h", len(s)) + s


def blob(b):
    return struct.pack(">i", len(b)) + b


def member(version, name, instance=None):
    out = text(name) + (text(instance) if version >= 3 else b"") + text(b"client") + text(b"/127.0.0.1")
    out += struct.pack(">i", 60000) if version >= 1 else b""
    return out + struct.pack(">i", 10000) + blob(subscription(1)) + blob(b"assigned")


def group(version, *members):
    out = struct.pack(">h", version) + text(b"consumer") + struct.pack(">i", 5) + text(b"range")
    out += text(members[0][2:].split(b"\0")[0] if members else None)
    out += struct.pack(">q", 1700000000000) if version >= 2 else b""
    return out + struct.pack(">i", len(members)) + b"".join(members)


def subscription(version, topics=(b"orders", b"other")):
    out = struct.pack(">hi", version, len(topics)) + b"".join(map(text, topics)) + blob(b"")
    if version >= 1:
        out += struct.pack(">i", 1) + text(b"orders") + struct.pack(">ii", 1, 0)
    return out + (struct.pack(">i", 3) if version >= 2 else b"") + (text(b"rack") if version >= 3 else b"")


def offset(version):
    out = struct.pack(">hq", version, 42) + (struct.pack(">i", 7) if version >= 3 else b"")
    out += text(b"metadata") + struct.pack(">q", 1700000000000)
    return out + (struct.pack(">q", 1700000100000) if version == 1 else b"")


def key(version, *rest):
    return struct.pack(">h", version) + text(b"g") + b"".join(rest)


KEYS = {"offset": key(1, text(b"t"), struct.pack(">i", 3)), "offset-old": key(0, text(b"t"), struct.pack(">i", 0)),
        "group": key(2), "owner": key(20000)}
OWNER = struct.pack(">h", 0) + text(b"anna") + text(b"billing") + struct.pack(">h", 0o740)


def put(target, name, b):
    os.makedirs(os.path.join(HERE, target), exist_ok=True)
    with open(os.path.join(HERE, target, name), "wb") as f:
        f.write(b)


def intrusion(k, v):
    """One call of fuzz_coord that puts a record into the log of shard 0."""
    return bytes([17, 0, len(k), len(v)]) + k + v


def main():
    for name, k in KEYS.items():
        put("fuzz_records", f"key-{name}", b"\0" + k)
    for version in range(4):
        put("fuzz_records", f"offset-{version}", b"\1" + offset(version))
        put("fuzz_records", f"group-{version}", b"\3" + group(version, member(version, b"m-1"), member(version, b"m-2", b"i")))
        put("fuzz_records", f"subscription-{version}", b"\4" + subscription(version))
    put("fuzz_records", "group-empty", b"\3" + group(3))
    put("fuzz_records", "group-twice", b"\3" + group(3, member(3, b"m", b"i"), member(3, b"m", b"i")))
    put("fuzz_records", "owner", b"\2" + OWNER)
    rng = random.Random(7)
    for i in range(12):
        put("fuzz_coord", f"calls-{i}", bytes(rng.choice((0, 0, 0, 0, 1, 2, 3, rng.randrange(20))) for _ in range(100 + 60 * i)))
    join, sync = bytes([0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]), bytes([3, 0, 0, 0, 8, 0, 8, 0, 8, 0, 0, 0, 1, 1, 2, 1])
    put("fuzz_coord", "stable", (join + bytes([11, 2]) + sync) * 3 + bytes([18]))
    put("fuzz_coord", "foreign", intrusion(KEYS["offset"], offset(1)) + intrusion(KEYS["owner"], OWNER)
        + intrusion(KEYS["group"], group(3, member(3, b"m", b"i"))) + bytes([13, 0]) + join + sync + bytes([11, 4, 11, 6, 13, 0]))


if __name__ == "__main__":
    main()
