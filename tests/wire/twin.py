# SPDX-License-Identifier: Apache-2.0
"""A second codec over the schema, written without looking at the first one.

It reads src/wire/schema/*.api itself and is the oracle for the C codec, and
the raw client of the integration tests:

    schema = twin.Schema()
    raw = schema["fetch"].encode_request(12, {"max_wait_ms": 5, "topics": [...]})
    with twin.Client("127.0.0.1", 9093, schema=schema, ssl_context=ctx) as c:
        answer = c.call("metadata", 9, topics=None)

Structs are dicts, text is str (bytes that are no UTF-8 as surrogates), uuids
and bytes are bytes, null is None. What a dict leaves out has its default.
"""
import functools
import os
import pathlib
import re
import socket
import struct

SCHEMA_DIR = pathlib.Path(os.environ.get("SCHLOSS_SCHEMA") or
                          pathlib.Path(__file__).resolve().parents[2] / "src/wire/schema")
ARRAY_MAX, TAGS_MAX = 1000000, 10000

FIXED = {"bool": ">?", "i8": ">b", "i16": ">h", "u16": ">H", "i32": ">i", "u32": ">I",
         "i64": ">q", "f64": ">d", "broker": ">i", "kerr": ">h"}
SCOPED = {"topic", "group", "txnid", "user"}


class Bad(Exception):
    """Bytes or values that are no message; what says which of the C codec's errors."""

    def __init__(self, what, why=""):
        super().__init__(f"{what}: {why}")
        self.what = what


class Node:
    """A field, or with name None a whole message."""

    def __init__(self, name, lo, hi):
        self.name, self.lo, self.hi = name, lo, hi
        self.type = self.array = self.null_from = self.tag = self.default = self.children = None
        self.by = self.variant = None
        self.secret = False


def tokens(text):
    """Words of the notation line by line; comments gone, reasons in one piece."""
    for line in text.splitlines():
        found = re.findall(r'#.*|"(?:[^"]*)"|[^\s"]+', line)
        cut = next((i for i, w in enumerate(found) if w.startswith("#")), len(found))
        if found[:cut]:
            yield found[:cut]


def node_of(words, lo, hi, variants):
    name, kind, rest = words[0], words[1], words[2:]
    node = Node(name, lo, hi)
    bare, _, nullable = kind.partition("?")
    node.array = bare.startswith("[")
    node.type = bare.strip("[]")
    i = 0
    while i < len(rest):
        word = rest[i]
        if re.fullmatch(r"\d+(-\d+|\+)?", word):
            first, dash, last = word.rstrip("+").partition("-")
            node.lo = int(first)
            node.hi = hi if word.endswith("+") else int(last) if dash else int(first)
        elif word == "by":
            i += 1
            node.by = rest[i]
        elif word == "opaque":
            i += 1
        elif word == "tag":
            i += 1
            node.tag = int(rest[i])
        elif word == "=":
            i += 1
            node.default = rest[i]
        elif word == "secret":
            node.secret = True
        i += 1
    if "?" in kind:
        node.null_from = int(nullable.rstrip("+") or node.lo)
    if words[-1] == "{":
        node.children = []
        node.type = "struct"
    elif node.type in variants:
        # Scoped or not, on the wire it is a string that must be UTF-8.
        node.variant, node.type = variants[node.type], "topic"
    return node


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return len(self.data) - self.at

    def take(self, n):
        if n > self.left():
            raise Bad("short")
        self.at += n
        return self.data[self.at - n:self.at]

    def fixed(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def varint(self):
        value = 0
        for i in range(5):
            byte = self.take(1)[0]
            value |= (byte & 0x7f) << (7 * i)
            if i == 4 and byte > 0x0f:
                break
            if byte < 0x80:
                return value
        raise Bad("corrupt", "varint")


def varint(n):
    out = bytearray()
    while n > 0x7f:
        out.append(n & 0x7f | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


class Codec:
    """Walks nodes for one version of one message."""

    def __init__(self, version, flex):
        self.version, self.flex = version, flex

    def here(self, node):
        return node.lo <= self.version <= node.hi

    def may_be_null(self, node):
        return node.null_from is not None and self.version >= node.null_from

    # Reading

    def length(self, cur, wide):
        if self.flex:
            return cur.varint() - 1
        return cur.fixed(">i" if wide else ">h")

    def read_blob(self, cur, nullable, wide):
        n = self.length(cur, wide)
        if n < -1 or n == -1 and not nullable:
            raise Bad("corrupt", "null")
        return None if n == -1 else cur.take(n)

    def read_one(self, node, cur, nullable):
        if node.type == "struct":
            if node.null_from is not None and not node.array:
                mark = cur.fixed(">b")
                if mark == -1 and nullable:
                    return None
                if mark != 1:
                    raise Bad("corrupt", "mark of a nullable struct")
            return self.read_struct(node.children, cur)
        if node.type in FIXED:
            value = cur.fixed(FIXED[node.type])
            return bool(value) if node.type == "bool" else value
        if node.type == "uuid":
            return cur.take(16)
        blob = self.read_blob(cur, nullable, node.type in ("bytes", "records"))
        if node.type in ("bytes", "records") or blob is None:
            return blob
        if node.type in SCOPED:
            try:
                return blob.decode()
            except UnicodeDecodeError as e:
                raise Bad("corrupt", "a name that is no UTF-8") from e
        return blob.decode(errors="surrogateescape")

    def read_field(self, node, cur):
        if not node.array:
            return self.read_one(node, cur, self.may_be_null(node))
        n = self.length(cur, True)
        if n < -1 or n == -1 and not self.may_be_null(node):
            raise Bad("corrupt", "null array")
        if n > ARRAY_MAX:
            raise Bad("limit")
        if n > cur.left():
            raise Bad("short")
        return None if n == -1 else [self.read_one(node, cur, False) for _ in range(n)]

    def read_struct(self, nodes, cur):
        out = {n.name: default(n) for n in nodes if not self.here(n) or n.tag is not None}
        for n in nodes:
            if self.here(n) and n.tag is None:
                out[n.name] = self.read_field(n, cur)
        if self.flex:
            known = {n.tag: n for n in nodes if n.tag is not None and self.here(n)}
            self.read_tags(known, cur, out)
        return out

    def read_tags(self, known, cur, out):
        count, last = cur.varint(), -1
        if count > TAGS_MAX:
            raise Bad("limit")
        for _ in range(count):
            tag = cur.varint()
            inner = Cursor(cur.take(cur.varint()))
            if tag <= last:
                raise Bad("corrupt", "order of tags")
            last = tag
            if tag in known:
                out[known[tag].name] = self.read_field(known[tag], inner)
                if inner.left():
                    raise Bad("corrupt", "left over in a tag")

    def names(self, nodes, value):
        """Every name in a struct as (kind, text): kind "plain" is no tenant's."""
        for n in nodes:
            held = value.get(n.name)
            if not self.here(n) or held is None:
                continue
            for one in held if n.array else [held]:
                if n.type == "struct":
                    yield from self.names(n.children, one)
                elif n.type in SCOPED:
                    case = n.variant.get(str(value.get(n.by)), "name") if n.variant else n.type
                    yield case, one

    # Writing

    def put_length(self, n, wide):
        if self.flex:
            return varint(n + 1)
        return struct.pack(">i" if wide else ">h", n)

    def put_one(self, node, value):
        if node.type == "struct":
            if node.null_from is None or node.array:
                return self.put_struct(node.children, value)
            return b"\xff" if value is None else b"\x01" + self.put_struct(node.children, value)
        if node.type in FIXED:
            return struct.pack(FIXED[node.type], value)
        if node.type == "uuid":
            return value
        wide = node.type in ("bytes", "records")
        if value is None and (node.array or not self.may_be_null(node)):
            value = b"" if wide else ""
        if value is None:
            return self.put_length(-1, wide)
        raw = value if wide else value.encode(errors="surrogateescape")
        return self.put_length(len(raw), wide) + raw

    def put_field(self, node, value):
        if not node.array:
            return self.put_one(node, value)
        if value is None:
            return self.put_length(-1, True)
        return self.put_length(len(value), True) + b"".join(self.put_one(node, v) for v in value)

    def put_struct(self, nodes, value):
        unknown = set(value) - {n.name for n in nodes}
        if unknown:
            raise Bad("value", f"no such field: {unknown}")
        out, tagged = [], []
        for n in nodes:
            v = value.get(n.name, default(n))
            if not self.here(n):
                continue
            if n.tag is None:
                out.append(self.put_field(n, v))
            elif complete(n, v) != default(n):
                tagged.append((n.tag, self.put_field(n, v)))
        if self.flex:
            out.append(varint(len(tagged)))
            for tag, raw in sorted(tagged):
                out.append(varint(tag) + varint(len(raw)) + raw)
        return b"".join(out)


def default(node):
    if node.array:
        return None if node.default == "null" else []
    if node.type == "struct":
        return None if node.null_from is not None else {c.name: default(c) for c in node.children}
    if node.type in ("bytes", "records") or node.type in SCOPED or node.type == "str":
        if node.null_from is not None:
            return None
        return b"" if node.type in ("bytes", "records") else ""
    if node.type == "uuid":
        return bytes(16)
    if node.type == "bool":
        return node.default == "true"
    return int(node.default or "0", 0)


def complete(node, value):
    """A struct with what was left out of it filled in."""
    if node.type != "struct" or node.array or value is None:
        return value
    return {c.name: complete(c, value.get(c.name, default(c))) for c in node.children}


class Api:
    def __init__(self, words):
        self.name, self.key = words[1], int(words[2])
        lo, _, hi = words[3].lstrip("v").partition("-")
        self.lo, self.hi = int(lo), int(hi or lo)
        options = dict(zip(words[4::2], words[5::2]))
        self.flex = int(options.get("flex", "127+").rstrip("+"))
        self.messages = {}

    def codec(self, version):
        if not self.lo <= version <= self.hi:
            raise Bad("unsupported", f"{self.name} {version}")
        return Codec(version, version >= self.flex)

    def encode(self, direction, version, value):
        return self.codec(version).put_struct(self.messages[direction], value)

    def decode(self, direction, version, data):
        """The value, and how many bytes were left behind it."""
        cur = Cursor(bytes(data))
        value = self.codec(version).read_struct(self.messages[direction], cur)
        return value, cur.left()

    def names(self, direction, version, value):
        """(kind, text) of every name that this version carries."""
        return self.codec(version).names(self.messages[direction], value)

    # Whole frames, without the length before them

    def encode_request(self, version, value, correlation=0, client_id="twin"):
        return self.request_header(version, correlation, client_id) + self.encode("request", version, value)

    def request_header(self, version, correlation, client_id):
        out = struct.pack(">hhi", self.key, version, correlation)
        if client_id is None:
            out += b"\xff\xff"
        else:
            raw = client_id.encode(errors="surrogateescape")
            out += struct.pack(">h", len(raw)) + raw
        return out + (b"\0" if version >= self.flex else b"")

    def decode_response(self, version, frame):
        """(correlation, value)"""
        cur = Cursor(frame)
        correlation = cur.fixed(">i")
        if version >= self.flex and self.key != 18:
            for _ in range(cur.varint()):
                cur.varint()
                cur.take(cur.varint())
        value, left = self.decode("response", version, frame[cur.at:])
        if left:
            raise Bad("corrupt", f"{left} bytes behind the answer")
        return correlation, value


class Schema:
    def __init__(self, directory=SCHEMA_DIR):
        self.by_name, self.variants = {}, {}
        paths = sorted(pathlib.Path(directory).glob("*.api"), key=lambda p: p.name != "names.api")
        for path in paths:
            self.load(path.read_text(encoding="utf-8"))
        self.by_key = {a.key: a for a in self.by_name.values()}

    def load(self, text):
        api, stack = None, []
        for words in tokens(text):
            if words[0] == "variant":
                self.variants[words[1]] = {}
                stack.append(self.variants[words[1]])
            elif words == ["}"]:
                stack.pop()
            elif stack and isinstance(stack[-1], dict):
                stack[-1][words[0].strip('"')] = words[1]
            elif words[0] == "api" and not stack:
                api = Api(words)
                self.by_name[api.name] = api
            elif words[0] in ("request", "response") and not stack:
                root = Node(None, api.lo, api.hi)
                root.children = api.messages[words[0]] = []
                stack.append(root)
            else:
                node = node_of(words, stack[-1].lo, stack[-1].hi, self.variants)
                stack[-1].children.append(node)
                if node.children is not None:
                    stack.append(node)

    def __getitem__(self, name):
        return self.by_name[name]

    def __iter__(self):
        return iter(sorted(self.by_name.values(), key=lambda a: a.key))


class Client:
    """One connection that speaks frames. Does not log in by itself: see sasl()."""

    def __init__(self, host, port, schema=None, ssl_context=None, server_hostname=None,
                 client_id="twin", timeout=10, source=None, session=None, before=b""):
        """before: bytes that are sent first, and in the clear."""
        self.schema = schema or Schema()
        self.client_id, self.correlation = client_id, 0
        self.sock = socket.create_connection((host, port), timeout=timeout, source_address=source and (source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(before)
        if ssl_context is not None:
            self.sock = ssl_context.wrap_socket(self.sock, server_hostname=server_hostname or host, session=session)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send_frame(self, raw):
        self.sock.sendall(struct.pack(">i", len(raw)) + raw)

    def receive(self, n):
        parts = []
        while n > 0:
            part = self.sock.recv(min(n, 1 << 16))
            if not part:
                raise EOFError("the broker closed the connection")
            parts.append(part)
            n -= len(part)
        return b"".join(parts)

    def read_frame(self):
        return self.receive(struct.unpack(">i", self.receive(4))[0])

    def send(self, name, version, value):
        """Sends a request and returns its correlation id: for pipelining."""
        self.correlation += 1
        self.send_frame(self.schema[name].encode_request(version, value, self.correlation, self.client_id))
        return self.correlation

    def answer(self, name, version):
        return self.schema[name].decode_response(version, self.read_frame())

    def call(self, name, version, **value):
        sent = self.send(name, version, value)
        got, answer = self.answer(name, version)
        if got != sent:
            raise Bad("correlation", f"{got} is not {sent}")
        return answer

    def sasl_plain(self, user, password):
        """Logs in by PLAIN; the answer of SaslAuthenticate."""
        shake = self.call("sasl_handshake", 1, mechanism="PLAIN")
        if shake["error_code"]:
            return shake
        token = b"\0" + user.encode() + b"\0" + password.encode()
        return self.call("sasl_authenticate", 2, auth_bytes=token)

    def sasl_scram(self, user, password, mechanism="SCRAM-SHA-256", token=False):
        """Logs in by SCRAM (RFC 5802) and checks the server's signature. token: as by a delegation token (KIP-48)."""
        shake = self.call("sasl_handshake", 1, mechanism=mechanism)
        if shake["error_code"]:
            return shake
        scram = Scram(user, password, mechanism, ",tokenauth=true" if token else "")
        first = self.call("sasl_authenticate", 2, auth_bytes=scram.first())
        if first["error_code"]:
            return first
        last = self.call("sasl_authenticate", 2, auth_bytes=scram.final(first["auth_bytes"]))
        if not last["error_code"]:
            scram.check(last["auth_bytes"])
        return last


@functools.cache
def salted_password(*args):
    """What is dear of a login, for each user once."""
    import hashlib
    return hashlib.pbkdf2_hmac(*args)


class Scram:
    def __init__(self, user, password, mechanism, extensions=""):
        self.extensions = extensions
        self.hash = "sha256" if mechanism.endswith("256") else "sha512"
        self.user = user.replace("=", "=3D").replace(",", "=2C")
        self.password = password.encode()
        self.nonce = os.urandom(18).hex()

    def mac(self, key, text):
        import hmac
        return hmac.new(key, text, self.hash).digest()

    def first(self):
        self.bare = f"n={self.user},r={self.nonce}{self.extensions}"
        return ("n,," + self.bare).encode()

    def final(self, challenge, twice=False):
        """twice: as librdkafka before 2.6.1, with our nonce before the joined one."""
        import base64
        import hashlib
        parts = dict(p.split("=", 1) for p in challenge.decode().split(","))
        if not parts["r"].startswith(self.nonce):
            raise Bad("scram", "the nonce is not ours")
        salted = salted_password(self.hash, self.password, base64.b64decode(parts["s"]), int(parts["i"]))
        bare = f"c=biws,r={self.nonce if twice else ''}{parts['r']}"
        said = f"{self.bare},{challenge.decode()},{bare}".encode()
        key = self.mac(salted, b"Client Key")
        sign = self.mac(hashlib.new(self.hash, key).digest(), said)
        self.server = self.mac(self.mac(salted, b"Server Key"), said)
        proof = bytes(a ^ b for a, b in zip(key, sign))
        return f"{bare},p={base64.b64encode(proof).decode()}".encode()

    def check(self, verdict):
        import base64
        if verdict.split(b",")[0] != b"v=" + base64.b64encode(self.server):
            raise Bad("scram", "the server does not know the password")
