#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of fuzz_http: a byte that says in which pieces, then a request."""
import pathlib

HOST = b"Host: localhost:9308\r\n"
SEEDS = {
    "plain": b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n", "old": b"GET /livez HTTP/1.0\r\n\r\n", "head": b"HEAD /readyz HTTP/1.1\r\n" + HOST + b"\r\n",
    "basic": b"GET /metrics HTTP/1.1\r\n" + HOST + b"Authorization: Basic YWRtaW46c2VjcmV0\r\nUser-Agent: p\r\n\r\n",
    "bearer": b"GET /metrics HTTP/1.1\r\n" + HOST + b"Authorization: Bearer a.b.c\r\n\r\n",
    "accept": b"GET /metrics?a=b HTTP/1.1\r\n" + HOST + b"Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n\r\n",
    "absolute": b"GET http://h:1/metrics?x HTTP/1.1\r\n" + HOST + b"\r\n", "two": (b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n") * 2,
    "body": b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc", "chunks": b"GET /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "folded": b"GET /a HTTP/1.1\r\n" + HOST + b"Accept: a\r\n b\r\n\r\n", "twice": b"GET /a HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "upgrade": b"GET /a HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n", "connect": b"CONNECT h:1 HTTP/1.1\r\n" + HOST + b"\r\n",
    "h2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "tls": b"\x16\x03\x01\x02\x00\x01", "many": b"GET / HTTP/1.1\r\n" + b"".join(b"A%d:\r\n" % i for i in range(70)) + b"\r\n",
    "long": b"GET /" + b"a" * 8200, "line": b"GET / HTTP/1.1\n" + b"Host:x\n\n", "colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
}
OUT = pathlib.Path(__file__).resolve().parent / "corpus/fuzz_http"
OUT.mkdir(parents=True, exist_ok=True)
for i, (name, data) in enumerate(SEEDS.items()):
    (OUT / name).write_bytes(bytes([7 * i % 64]) + data)
