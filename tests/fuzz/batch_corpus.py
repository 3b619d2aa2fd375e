#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of fuzz_batch and fuzz_decompress: batches and message sets by hand."""
import os
import struct
import zlib

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def varint(v):
    u = (v << 1) ^ (v >> 63)
    out = b""
    while True:
        out += bytes([(u & 0x7F) | (0x80 if u > 0x7F else 0)])
        u >>= 7
        if not u:
            return out


def data(b):
    return varint(-1) if b is None else varint(len(b)) + b


def record(i, key, value, headers=()):
    body = b"\0" + varint(i * 3) + varint(i) + data(key) + data(value) + varint(len(headers))
    for k, v in headers:
        body += data(k) + data(v)
    return varint(len(body)) + body


def gzip(b):
    c = zlib.compressobj(6, zlib.DEFLATED, 31)
    return c.compress(b) + c.flush()


def uvarint(v):
    return bytes([v]) if v < 128 else bytes([v & 127 | 128]) + uvarint(v >> 7)


def snappy(b):
    return uvarint(len(b)) + bytes([60 << 2, len(b) - 1]) + b


def xerial(b):
    return b"\x82SNAPPY\0" + struct.pack(">iii", 1, 1, len(snappy(b))) + snappy(b)


def lz4(b):
    return b"\x04\x22\x4d\x18\x60\x40\x82" + struct.pack("<I", len(b) | 1 << 31) + b + b"\0\0\0\0"


def zstd(b):
    return b"\x28\xb5\x2f\xfd\x20" + bytes([len(b)]) + (len(b) << 3 | 1).to_bytes(3, "little") + b


PACK = {"none": (0, bytes), "gzip": (1, gzip), "snappy": (2, snappy), "xerial": (2, xerial),
        "lz4": (3, lz4), "zstd": (4, zstd)}


def batch(codec, records, attributes=0, producer=(-1, -1, -1)):
    number, pack = PACK[codec]
    body = pack(b"".join(records))
    n = len(records)
    head = struct.pack(">qiibIhiqqqhii", 0, 49 + len(body), -1, 2, 0, number | attributes, n - 1,
                       1700000000000, 1700000000000 + 3 * (n - 1), *producer, n)
    return head + body


def old_set(magic, attributes=0):
    body = struct.pack(">bb", magic, attributes)
    if magic:
        body += struct.pack(">q", 1700000000000)
    body += struct.pack(">i", 1) + b"k" + struct.pack(">i", 1) + b"v"
    message = struct.pack(">I", zlib.crc32(body)) + body
    return struct.pack(">qi", 0, len(message)) + message


def put(target, name, b):
    folder = os.path.join(HERE, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(b)


def main():
    records = [record(0, b"key", b"value", [(b"h", None), (b"i", b"j")]), record(1, b"key", b"new"),
               record(2, b"gone", None), record(3, None, b"no key"), record(4, b"k", b"")]
    for codec in PACK:
        put("fuzz_batch", codec, b"\1" + batch(codec, records))
        number, pack = PACK[codec]
        for name, b in (("records", b"".join(records)), ("repeats", b"abcd" * 30)):
            put("fuzz_decompress", f"{codec}-{name}", bytes([number, 4]) + pack(b))
    put("fuzz_decompress", "zstd-window", bytes([4, 4]) + b"\x28\xb5\x2f\xfd\0\xff" + b"\x0b\0\0a")
    put("fuzz_decompress", "gzip-bomb", bytes([1, 8]) + gzip(bytes(1 << 20)))
    put("fuzz_batch", "idempotent", b"\1" + batch("none", records, 0, (7, 0, 2147483647)))
    put("fuzz_batch", "transactional", b"\1" + batch("none", records, 0x10, (7, 0, 0)))
    put("fuzz_batch", "control", b"\1" + batch("none", records, 0x20, (7, 0, -1)))
    put("fuzz_batch", "nested", b"\1" + batch("gzip", [gzip(b"".join(records))]))
    put("fuzz_batch", "times", b"\x09" + struct.pack(">q", 0) + batch("none", records)[8:27]
        + struct.pack(">q", -(1 << 63)) + batch("none", records)[35:])
    for magic in (0, 1):
        put("fuzz_batch", f"magic{magic}", b"\0" + old_set(magic) + old_set(magic, 1))


if __name__ == "__main__":
    main()
