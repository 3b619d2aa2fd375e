# SPDX-License-Identifier: Apache-2.0
"""OpenSSL's own calls, for what Python's ssl cannot ask: new keys, renegotiation, early data."""
import ctypes

import twin

KEY_UPDATE_ON, KEY_UPDATE_REQUESTED = 0, 1
READ_EARLY = 1
WANT_READ = 2
_CTRL_MIN_VERSION, _CTRL_MAX_VERSION = 123, 124
TLS12, TLS13 = 0x303, 0x304


def _library():
    lib = ctypes.CDLL("libssl.so.3")
    pointer, number, data = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    for name, result, *arguments in (
            ("TLS_client_method", pointer),
            ("SSL_CTX_new", pointer, pointer), ("SSL_CTX_free", None, pointer),
            ("SSL_CTX_ctrl", ctypes.c_long, pointer, number, ctypes.c_long, pointer),
            ("SSL_new", pointer, pointer), ("SSL_free", None, pointer),
            ("SSL_set_fd", number, pointer, number), ("SSL_connect", number, pointer),
            ("SSL_write", number, pointer, data, number), ("SSL_read", number, pointer, data, number),
            ("SSL_key_update", number, pointer, number), ("SSL_renegotiate", number, pointer),
            ("SSL_do_handshake", number, pointer), ("SSL_shutdown", number, pointer),
            ("SSL_get_error", number, pointer, number)):
        f = getattr(lib, name)
        f.restype, f.argtypes = result, arguments
    return lib


class Tls:
    """A handshake on a connected socket, with the part of a socket's calls that twin.Client needs.

    The certificate is not looked at: the tests are about what the broker does."""

    lib = _library()

    def __init__(self, sock, version=TLS13):
        self.sock = sock
        sock.settimeout(None)  # OpenSSL reads and writes by itself: a time-out would make the descriptor non-blocking
        self.context = self.lib.SSL_CTX_new(self.lib.TLS_client_method())
        for which in (_CTRL_MIN_VERSION, _CTRL_MAX_VERSION):
            assert self.lib.SSL_CTX_ctrl(self.context, which, version, None) == 1
        self.ssl = self.lib.SSL_new(self.context)
        assert self.lib.SSL_set_fd(self.ssl, sock.fileno()) == 1
        if self.lib.SSL_connect(self.ssl) != 1:
            raise ConnectionError("no handshake")

    def sendall(self, data):
        """In one record where it is small enough."""
        if self.lib.SSL_write(self.ssl, data, len(data)) <= 0:
            raise ConnectionError("the broker is gone")

    def recv(self, n):
        data = ctypes.create_string_buffer(n)
        got = self.lib.SSL_read(self.ssl, data, n)
        if got <= 0:
            return b""
        return data.raw[:got]

    def new_keys(self, kind=KEY_UPDATE_REQUESTED):
        """False where the connection has ended."""
        return self.lib.SSL_key_update(self.ssl, kind) == 1 and self.lib.SSL_do_handshake(self.ssl) == 1

    def renegotiate(self):
        return self.lib.SSL_renegotiate(self.ssl) == 1 and self.lib.SSL_do_handshake(self.ssl) == 1

    def notify(self):
        """close_notify, and no wait for theirs."""
        return self.lib.SSL_shutdown(self.ssl) >= 0

    def close(self):
        self.lib.SSL_free(self.ssl)
        self.lib.SSL_CTX_free(self.context)
        self.sock.close()


def client(site, version=TLS13):
    """A logged-in connection whose .sock is a Tls."""
    c = twin.Client.__new__(twin.Client)
    c.schema, c.client_id, c.correlation = site.schema, "hostile", 0
    c.sock = Tls(site.tcp(), version)
    assert c.sasl_scram(*site.login)["error_code"] == 0
    return c
