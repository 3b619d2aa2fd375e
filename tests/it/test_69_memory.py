# SPDX-License-Identifier: Apache-2.0
"""memory.max under many connections that send half and take nothing: the broker reads less, and others go on.

Those who make the noise are of a tenant of their own; tests/long/scale has them by the thousand."""
import contextlib
import socket
import ssl
import struct
import time

import hostile
import pytest
from hostile import frame
from test_61_faults import batch, error_of, produce_request
from test_64_greed import Peak

MIB = 1 << 20
BOUND = 128 * MIB
LARGEST = BOUND // 10  # four tenths of the quarter for requests: what one user may hold where nobody else does
# What a sanitizer adds to what is held, and keeps of what is free.
SLACK = 64 * MIB
NOISY = 150
TINA = "tina@acme", "tinas own 1"


def noisy_site(settings=""):
    s = hostile.Site(f"{hostile.SETTINGS}\nmemory.max: {BOUND}\nmax.connections.per.ip: 20000\n"
                     f"login.max.connections.per.ip: 1000\n{settings}")
    noisy_tenant(s, TINA)
    return s


def noisy_tenant(s, admin):
    """With a topic of 64 MB that all its users may read and write."""
    name, tenant = admin[0].split("@")
    ctl = s.broker.ctl
    ctl("tenant", "create", tenant, "--admin", name, "--password", admin[1])
    ctl("--tenant", tenant, "topic", "create", "much", "-c", "flush=os", "-c", "max.message.bytes=20000000")
    ctl("--tenant", tenant, "topic", "create", "wide", "-p", "1000")
    ctl("chmod", "--force", "777", f"/{tenant}/topics/much")
    request = produce_request("much", batch([bytes(250_000)] * 4))
    with noise(s, 1, admin) as (c,):
        for _ in range(64):
            assert error_of(c.call("produce", 9, **request)) == 0


@pytest.fixture(scope="module")
def everyone():
    s = noisy_site()
    s.undisturbed()
    yield s
    s.remove()


@pytest.fixture
def site(everyone):
    yield everyone
    everyone.undisturbed()


@contextlib.contextmanager
def noise(site, n, who=TINA, timeout=60):
    """So many connections of the other tenant, or of who is said."""
    with contextlib.ExitStack() as stack:
        made = []
        for _ in range(n):  # who has not logged in are bounded, in number and time
            made.append(stack.enter_context(site.tls(timeout)))
            assert made[-1].sasl_scram(*who)["error_code"] == 0
        yield made


def fetch_all(offset=0):
    return dict(replica_id=-1, max_wait_ms=0, min_bytes=1, max_bytes=50 * MIB, topics=[
        {"topic": "much", "partitions": [{"partition": 0, "fetch_offset": offset, "partition_max_bytes": 50 * MIB}]}])


def taken(client, offset):
    """Where the next fetch would begin, after one more answer."""
    rows = client.answer("fetch", 11)[1]["responses"][0]["partitions"]
    records, at = rows[0]["records"], 0
    assert rows[0]["error_code"] == 0 and records
    while at + 61 <= len(records):
        base, size = struct.unpack_from(">qi", records, at)
        if at + 12 + size > len(records):
            break
        offset, at = base + struct.unpack_from(">i", records, at + 23)[0] + 1, at + 12 + size
    return offset


def within_bound(held):
    assert held.bytes < BOUND + SLACK, f"{held.bytes >> 20} MiB more, of {BOUND >> 20}"


def slow_readers(site, n):
    """Each asks for all there is and takes nothing; then one does."""
    with Peak(site) as held, noise(site, n) as clients:
        for c in clients:
            c.send("fetch", 11, fetch_all())
        time.sleep(2)
        site.undisturbed()
        within_bound(held)
        assert taken(clients[0], 0) > 0
    within_bound(held)


def test_slow_readers(site):
    slow_readers(site, NOISY)


def test_slow_readers_of_the_disk(site):
    site.restart()
    slow_readers(site, NOISY)


def test_answers_that_nobody_takes(site):
    """Small questions, long answers."""
    with Peak(site) as held, noise(site, NOISY) as clients:
        ask = frame(site.schema["metadata"].encode_request(9, {"topics": [{"name": "wide"}], "allow_auto_topic_creation": False}, 7))
        for c in clients:
            c.sock.sendall(ask * 200)
        time.sleep(2)
        site.undisturbed()
    within_bound(held)


def test_largest_requests_by_halves(site):
    """Those that have begun end, one after the other, and each is answered."""
    body = batch([bytes(LARGEST - 4096)])
    raw = frame(site.schema["produce"].encode_request(9, produce_request("much", body), 7))
    assert LARGEST - 4096 < len(raw) < LARGEST
    with Peak(site) as held, noise(site, 24) as clients:
        at = [0] * len(clients)
        for c in clients:
            c.sock.setblocking(False)
        end = time.monotonic() + 60
        while time.monotonic() < end and any(n < len(raw) for n in at):
            moved = False
            for i, c in enumerate(clients):
                with contextlib.suppress(BlockingIOError, ssl.SSLWantWriteError):
                    n = c.sock.send(raw[at[i]:at[i] + 256 * 1024]) if at[i] < len(raw) else 0
                    at[i] += n
                    moved = moved or n > 0
            if not moved:
                time.sleep(0.005)
        assert all(n == len(raw) for n in at), at
        for c in clients:
            c.sock.settimeout(60)
            assert error_of(c.answer("produce", 9)[1]) in (0, 10)
    within_bound(held)


def test_larger_than_its_share(site):
    """Not taken at all: it could never be held."""
    with noise(site, 1) as (c,):
        c.sock.sendall(struct.pack(">i", LARGEST) + bytes(1000))
        assert hostile.closed(c.sock)


def test_half_a_request_that_never_ends(site):
    """All the room is taken by who sends nothing more: small requests of the same tenant go on."""
    with noise(site, 2) as (stuck, other):
        stuck.sock.sendall(struct.pack(">i", LARGEST - 4096) + bytes(100_000))
        time.sleep(0.5)
        assert other.call("metadata", 9, topics=[{"name": "much"}])["topics"][0]["error_code"] == 0
        site.undisturbed()
        stuck.sock.shutdown(socket.SHUT_RDWR)


def test_strangers_take_nothing_of_it(site):
    """What is announced before a login is on no tenant's account: others go on beside more than a tenant's share of it."""
    site.broker.ctl("topic", "create", "own")
    with contextlib.ExitStack() as stack:
        strangers = [stack.enter_context(site.tls(60)) for _ in range(LARGEST // 65000 + 50)]
        for part in struct.pack(">i", 65000) + bytes(100), bytes(100):  # what is announced is looked at when more comes
            for c in strangers:
                c.sock.sendall(part)
            time.sleep(0.5)
        with site.client() as c:
            assert error_of(c.call("produce", 9, **produce_request("own", batch([bytes(900_000)])))) == 0
        assert site.connections() >= len(strangers)


@contextlib.contextmanager
def greed(site, who):
    """Who holds all that he may: answers that he does not take, and requests that he does not end."""
    with noise(site, 20, who) as readers, noise(site, 12, who) as senders:
        for c in readers:
            c.send("fetch", 11, fetch_all())
        for part in range(2):  # what is announced is looked at when more comes
            for i, c in enumerate(senders):
                c.sock.sendall(bytes(100) if part else struct.pack(">i", max(LARGEST - 4096 >> i, 20_000)) + bytes(100))
            time.sleep(1)
        yield


def promptly(site, who):
    """Ordinary work of his is done at once: a record of 900 KB there and back, again and again. It may be late once:
    a machine that others use, too, stops now and then."""
    late, body = 0, batch([bytes(900_000)])
    with noise(site, 1, who) as (c,):
        for _ in range(5):
            begin = time.monotonic()
            answer = c.call("produce", 9, **produce_request("own", body))["responses"][0]["partition_responses"][0]
            assert answer["error_code"] == 0
            c.send("fetch", 11, {**fetch_all(), "topics": [{"topic": "own", "partitions": [
                {"partition": 0, "fetch_offset": answer["base_offset"], "partition_max_bytes": MIB}]}]})
            assert taken(c, answer["base_offset"]) == answer["base_offset"] + 1
            late += time.monotonic() - begin > hostile.PROMPT_S
    assert late <= 1


def test_two_greedy_tenants_leave_room_for_a_third(site):
    tom, carl = ("tom@bravo", "toms own 1"), ("carl@charlie", "carls own 1")
    noisy_tenant(site, tom)
    site.broker.ctl("tenant", "create", "charlie", "--admin", carl[0].split("@")[0], "--password", carl[1])
    site.broker.ctl("--tenant", "charlie", "topic", "create", "own")
    with Peak(site) as held, greed(site, TINA), greed(site, tom), site.meanwhile(2 * hostile.PROMPT_S):
        promptly(site, carl)
    within_bound(held)


def test_two_greedy_users_leave_room_for_a_third(site):
    """Of the same tenant."""
    for user in ("ann", "ben"):
        site.broker.ctl("--tenant", "acme", "user", "create", user, "--password", f"{user}s own 1")
    site.broker.ctl("--tenant", "acme", "topic", "create", "own")
    ann, ben = ((f"{user}@acme", f"{user}s own 1") for user in ("ann", "ben"))
    with Peak(site) as held, greed(site, ann), greed(site, ben), site.meanwhile(2 * hostile.PROMPT_S):
        promptly(site, TINA)
    within_bound(held)
