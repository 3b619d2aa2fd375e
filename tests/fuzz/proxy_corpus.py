#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of fuzz_proxy: PROXY headers, whole and not."""
import pathlib
import struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = bytes([10, 0, 0, 1, 10, 0, 0, 2]) + struct.pack(">HH", 4711, 9093)
V6 = bytes(15) + b"\1" + bytes(15) + b"\2" + struct.pack(">HH", 4711, 9093)
MAPPED = bytes(10) + b"\xff\xff" + bytes([10, 0, 0, 1]) + bytes(16) + struct.pack(">HH", 4711, 9093)
TLVS = b"\2\0\5kafka" + b"\4\0\0" + b"\x20\0\7" + b"\1\0\0\0\0AB"


def header(command, family, body, size=None):
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(body) if size is None else size) + body


SEEDS = {
    "tcp4": header(0x21, 0x11, V4), "tcp6": header(0x21, 0x21, V6), "mapped": header(0x21, 0x21, MAPPED),
    "tlvs": header(0x21, 0x11, V4 + TLVS), "large": header(0x21, 0x11, V4 + bytes(4000)), "too-large": header(0x21, 0x11, V4, 0xffff),
    "local": header(0x20, 0x00, b""), "local-with": header(0x20, 0x11, V4), "unspec": header(0x21, 0x00, TLVS),
    "unix": header(0x21, 0x31, bytes(216)), "udp": header(0x21, 0x12, V4), "short": header(0x21, 0x21, V4),
    "family": header(0x21, 0x41, V6), "transport": header(0x21, 0x13, V4), "command": header(0x22, 0x11, V4), "version": header(0x11, 0x11, V4),
    "v1": b"PROXY TCP4 10.0.0.1 10.0.0.2 4711 9093\r\n", "tls": b"\x16\x03\x01\x02\x00\x01", "half": header(0x21, 0x11, V4)[:20],
    "behind": header(0x21, 0x11, V4) + b"\x16\x03\x01",
}
if __name__ == "__main__":
    out = pathlib.Path(__file__).resolve().parent / "corpus/fuzz_proxy"
    out.mkdir(exist_ok=True)
    for name, seed in SEEDS.items():
        (out / name).write_bytes(seed)
