#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of fuzz_jwt: messages, tokens, claims, changes and sets of keys."""
import base64
import json
import pathlib

MESSAGE, TOKEN, SIGNED, CHANGED, KEYS = (bytes([i]) for i in range(5))
HEADER = {"alg": "EdDSA", "kid": "ed"}
CLAIMS = {"iss": "https://issuer", "aud": "schloss", "sub": "anna", "exp": 1800000300, "iat": 1799999990, "scope": "kafka more"}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token(header, claims, signature=bytes(64)):
    return b".".join(b64(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in (header, claims, signature))


def signed(header, claims):
    return SIGNED + json.dumps(header).encode() + b"\n" + json.dumps(claims).encode()


def keys(*jwks):
    return KEYS + json.dumps({"keys": jwks}).encode()


RSA = {"kty": "RSA", "e": "AQAB", "n": b64(b"\xc1" * 256).decode(), "use": "sig", "alg": "RS256"}
ED = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
EC = {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
      "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
SEEDS = {
    "message": MESSAGE + b"n,,\x01auth=Bearer " + token(HEADER, CLAIMS) + b"\x01\x01",
    "message-all": MESSAGE + b"y,a=a=2Cb=3D,\x01host=h\x01port=1\x01auth=bearer   a.b.c\x01ext=a b\x01\x01",
    "message-bound": MESSAGE + b"p=tls-unique,,\x01auth=Bearer t\x01\x01",
    "message-twice": MESSAGE + b"n,,\x01auth=Bearer t\x01auth=Bearer u\x01\x01",
    "message-open": MESSAGE + b"n,,\x01auth=Bearer t\x01",
    "token": TOKEN + token(HEADER, CLAIMS), "token-none": TOKEN + token({"alg": "none"}, CLAIMS, b""),
    "token-parts": TOKEN + b"a.b.c.d", "token-empty": TOKEN + b"..",
    "token-rsa": TOKEN + token({"alg": "RS256", "kid": "ed"}, CLAIMS, bytes(256)),
    "signed": signed(HEADER, CLAIMS), "signed-list": signed(HEADER, {**CLAIMS, "aud": ["x", "schloss"], "scope": ["kafka"]}),
    "signed-crit": signed({**HEADER, "crit": ["b64"], "b64": False}, CLAIMS),
    "signed-jwk": signed({**HEADER, "jwk": ED}, CLAIMS), "signed-typ": signed({**HEADER, "typ": "at+jwt"}, CLAIMS),
    "signed-times": signed(HEADER, {**CLAIMS, "exp": 1.8e9, "nbf": 0.5}),
    "signed-twice": SIGNED + b'{"alg":"EdDSA"}\n{"sub":"a","sub":"b","iss":"https://issuer","aud":"schloss","exp":1800000300}',
    "signed-deep": signed(HEADER, {**CLAIMS, "x": [[[[[[[[[]]]]]]]]]}), "signed-other": signed(HEADER, [CLAIMS]),
    "changed-header": CHANGED + b"\x00\x05A", "changed-claims": CHANGED + b"\x00\x60A", "changed-end": CHANGED + b"\xff\xffA",
    "keys": keys({**RSA, "kid": "a"}, {**EC, "kid": "b"}, {**ED, "kid": "c"}), "keys-one": keys(RSA),
    "keys-private": keys({**ED, "d": "AA"}), "keys-ops": keys({**EC, "key_ops": ["verify"]}, {**EC, "use": "enc"}),
    "keys-odd": keys({**RSA, "e": "AQ"}, {**EC, "y": EC["x"]}, {"kty": "oct", "k": "AA"}, 7, None),
    "keys-twice": keys({**ED, "kid": "a"}, {**ED, "kid": "a"}), "keys-none": KEYS + b'{"keys":[]}', "keys-html": KEYS + b"<html>",
}


OUT = pathlib.Path(__file__).resolve().parent / "corpus/fuzz_jwt"
OUT.mkdir(parents=True, exist_ok=True)
for name, data in SEEDS.items():
    (OUT / name).write_bytes(data)
