# SPDX-License-Identifier: Apache-2.0
"""An issuer of tokens for the tests: keys of each kind, their JWK Set over HTTPS and in a file, a token endpoint for
clients that fetch tokens themselves, and whatever wrong token a test asks for.
"""
import base64
import http.server
import json
import ssl
import threading
import time
import urllib.parse

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from harness import run

ISSUER, AUDIENCE = "https://issuer.example/realm", "schloss"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(n, width=None):
    return b64(n.to_bytes(width or (n.bit_length() + 7) // 8, "big"))


class Key:
    def __init__(self, kid, alg):
        self.kid, self.alg = kid, alg
        self.private = {"RS256": lambda: rsa.generate_private_key(65537, 2048),
                        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
                        "EdDSA": ed25519.Ed25519PrivateKey.generate}[alg]()

    def jwk(self):
        public = self.private.public_key()
        if self.alg == "EdDSA":
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            numbers = {"kty": "OKP", "crv": "Ed25519", "x": b64(raw)}
        elif self.alg == "ES256":
            n = public.public_numbers()
            numbers = {"kty": "EC", "crv": "P-256", "x": number(n.x, 32), "y": number(n.y, 32)}
        else:
            n = public.public_numbers()
            numbers = {"kty": "RSA", "n": number(n.n), "e": number(n.e)}
        return {"kid": self.kid, "use": "sig", "alg": self.alg, **numbers}

    def sign(self, text):
        if self.alg == "EdDSA":
            return self.private.sign(text)
        if self.alg == "RS256":
            return self.private.sign(text, padding.PKCS1v15(), hashes.SHA256())
        r, s = utils.decode_dss_signature(self.private.sign(text, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class Issuer:
    """keys: what it signs by, and what its JWK Set shows."""

    def __init__(self):
        self.keys = {alg: Key(alg.lower(), alg) for alg in ("RS256", "ES256", "EdDSA")}

    def jwks(self):
        return json.dumps({"keys": [k.jwk() for k in self.keys.values()]})

    def token(self, sub="anna", alg="RS256", life=300, header=None, key=None, **claims):
        """A good one, but for what is said otherwise; a claim that is None is left out."""
        key, now = key or self.keys[alg], int(time.time())
        head = {"alg": key.alg, "kid": key.kid, "typ": "JWT", **(header or {})}
        body = {"iss": ISSUER, "aud": AUDIENCE, "sub": sub, "iat": now, "exp": now + life, "scope": "kafka", **claims}
        body = {k: v for k, v in body.items() if v is not None}
        text = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(body).encode())}"
        return f"{text}.{b64(key.sign(text.encode()))}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, body, status=200, **headers):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        server = self.server.site
        server.asked.append(self.path)
        try:
            server.get(self)
        except OSError:		# who asked has gone
            pass

    def do_POST(self):
        """client_credentials (RFC 6749 section 4.4): the client's id is the subject."""
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        basic = self.headers.get("Authorization", "").removeprefix("Basic ")
        client = base64.b64decode(basic).decode().split(":")[0] if basic else form["client_id"][0]
        self.server.site.asked.append(self.path)
        token = self.server.site.issuer.token(urllib.parse.unquote(client), life=self.server.site.life)
        self.answer(json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": self.server.site.life,
                                "scope": "kafka"}))


class Server:
    """The issuer over HTTPS on a port of localhost. get(handler): what it answers to a GET; asked: the paths of all."""

    def __init__(self, issuer, tmp, name="localhost"):
        self.issuer, self.asked, self.life, self.tmp = issuer, [], 300, tmp
        self.get = lambda h: h.answer(issuer.jwks())
        self.ca, pem = certificate(tmp, name)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.site = self
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.http.server_address[1]
        self.url = f"https://localhost:{self.port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


def certificate(tmp, name):
    """An authority's, and a server's key with the certificate that it signed, for that name."""
    base = tmp / f"tls-{name}"
    base.mkdir()
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", base / "ca.key",
        "-out", base / "ca.pem", "-subj", "/CN=Issuer's authority", "-days", "2")
    run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", base / "key.pem",
        "-out", base / "csr.pem", "-subj", f"/CN={name}")
    (base / "ext").write_text(f"subjectAltName=DNS:{name}\nextendedKeyUsage=serverAuth\n")
    run("openssl", "x509", "-req", "-in", base / "csr.pem", "-CA", base / "ca.pem", "-CAkey", base / "ca.key", "-days", "2",
        "-extfile", base / "ext", "-out", base / "cert.pem")
    both = base / "both.pem"
    both.write_text((base / "key.pem").read_text() + (base / "cert.pem").read_text())
    return base / "ca.pem", both
