#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of fuzz_request and fuzz_response: each API at its newest version.

usage: wire_corpus.py      in tests/fuzz; from the golden bytes, and for our own APIs from the twin
"""
import pathlib
import random
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "wire"))
import check_codec  # noqa: E402
import twin         # noqa: E402


def main():
    schema = twin.Schema()
    rng = random.Random(1)
    maker = check_codec.Maker(rng)
    golden = {(api.name, version, what): raw for _, api, version, what, raw in
              check_codec.golden_cases(schema, HERE.parent / "wire/golden/golden.txt")}
    for what in ("request", "response"):
        folder = HERE / "corpus" / f"fuzz_{what}"
        folder.mkdir(parents=True, exist_ok=True)
        for api in schema:
            v = api.hi
            body = golden.get((api.name, v, what))
            if body is None:
                body = api.encode(what, v, maker.struct(api.messages[what], api.codec(v)))
            if what == "request":
                head = api.request_header(v, 1, "seed")
            else:
                head = struct.pack(">hhi", api.key, v, 1) + (b"\0" if v >= api.flex and api.key != 18 else b"")
            (folder / f"{api.name}-{v}").write_bytes(head + body)


main()
