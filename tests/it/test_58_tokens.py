# SPDX-License-Identifier: Apache-2.0
"""Delegation tokens (KIP-48): who makes, sees, renews and ends them, what they let in, and what ends with what."""
import base64
import contextlib
import json
import pathlib
import signal
import sqlite3
import ssl
import time

import hostile
import pytest
import twin
from harness import Broker, free_port
from test_43_old_mistakes import memory_has
from test_61_faults import sick  # noqa: F401  (a fixture)

NOT_FOUND, MISMATCH, NOT_ALLOWED, DENIED, EXPIRED, BAD_TYPE = 62, 63, 64, 65, 66, 67
DAY = 86_400_000
OPTIONS = """
delegation.token.max.lifetime.ms: 604800000
delegation.token.expiry.time.ms: 86400000
delegation.token.expiry.check.interval.ms: 1000
limits.tokens.user.max: 4
"""


def user(name):
    return {"principal_type": "User", "principal_name": name}


class Client:
    """A connection of a user's, or by a token."""

    def __init__(self, b, port=None):
        tls = ssl.create_default_context(cafile=b.conf()["ssl.ca.location"]) if port is None else None
        self.c = twin.Client("127.0.0.1", port or b.port, server_hostname="127.0.0.1", ssl_context=tls, timeout=30)

    def login(self, name, password, **how):
        return self.c.sasl_scram(name, password, **how)["error_code"]

    def __call__(self, api, version, **value):
        return self.c.call(api, version, **value)

    def create(self, owner=None, renewers=(), life=-1, version=3):
        mine = {} if version < 3 else {"owner_principal_type": owner and "User", "owner_principal_name": owner}
        return self("create_delegation_token", version, renewers=[user(r) for r in renewers], max_lifetime_ms=life, **mine)

    def describe(self, owners=None, version=3):
        out = self("describe_delegation_token", version, owners=owners and [user(o) for o in owners])
        assert out["error_code"] == 0, out
        return {t["token_id"]: t for t in out["tokens"]}

    def renew(self, token, period=-1):
        out = self("renew_delegation_token", 2, hmac=token["hmac"], renew_period_ms=period)
        return out["error_code"], out["expiry_timestamp_ms"]

    def expire(self, token, period=-1):
        out = self("expire_delegation_token", 2, hmac=token["hmac"], expiry_time_period_ms=period)
        return out["error_code"], out["expiry_timestamp_ms"]

    def gone(self, seconds):
        """Whether the broker hangs up within this time."""
        self.c.sock.settimeout(seconds)
        try:
            return self.c.sock.recv(1) == b""
        except (TimeoutError, ssl.SSLError):
            return False
        except OSError:
            return True


class Site:
    def __init__(self):
        self.b = Broker(OPTIONS)
        self.plain_port = free_port()
        self.b.add_listener("BARE", f"address: 127.0.0.1:{self.plain_port}\nprotocol: SASL_PLAINTEXT\nallow.plaintext: true")
        self.b.start()
        self.b.ctl("tenant", "create", "acme", "--admin", "boss", "--conf", self.b.dir / "boss.conf")
        self.b.ctl("topic", "create", "calm")
        self.b.ctl("setfacl", "-m", "user:*:read", "topics/calm")	# and nobody writes to it
        self.n = 0

    def user(self, tenant="main", *args):
        """A new one; (name, login, password)."""
        self.n += 1
        name = f"user{self.n}"
        self.b.ctl("user", "create", name, "--conf", self.b.dir / f"{tenant}-{name}.conf", *args,
                   conf="admin" if tenant == "main" else "boss")
        c = self.b.conf(f"{tenant}-{name}")
        return name, c["sasl.username"], c["sasl.password"]

    def client(self, who=("admin", None, None), port=None):
        c = Client(self.b, port)
        if who[1] is None:
            conf = self.b.conf(who[0])
            who = (who[0], conf["sasl.username"], conf["sasl.password"])
        assert c.login(who[1], who[2]) == 0
        return c

    def by_token(self, token, error=0, port=None, **how):
        c = Client(self.b, port)
        assert c.login(token["token_id"], base64.b64encode(token["hmac"]).decode(), token=True, **how) == error
        return c


@pytest.fixture(scope="module")
def site():
    s = Site()
    yield s
    s.b.remove()


def admin_of(b):
    c, conf = Client(b), b.conf("admin")
    assert c.login(conf["sasl.username"], conf["sasl.password"]) == 0
    return c


def whoami(c):
    out = c("id", 0)
    return out["tenant_name"], out["user"], out["operator"]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_token_is_its_owner(site, mechanism):
    anna = site.user()
    t = site.client(anna).create()
    assert t["error_code"] == 0 and (t["principal_type"], t["principal_name"]) == ("User", anna[0]), t
    assert t["token_requester_principal_name"] == anna[0] and len(t["hmac"]) == 64
    assert t["expiry_timestamp_ms"] - t["issue_timestamp_ms"] == DAY
    assert t["max_timestamp_ms"] - t["issue_timestamp_ms"] == 7 * DAY
    c = site.by_token(t, mechanism=mechanism)
    assert whoami(c) == ("main", anna[0], False)


def test_every_version(site):
    anna = site.user()
    c = site.client(anna)
    made = [c.create(version=v) for v in (1, 2, 3)]
    assert [t["error_code"] for t in made] == [0, 0, 0]
    for v in (1, 2, 3):
        assert c.describe(version=v).keys() == {t["token_id"] for t in made}


def test_the_session_tells_when_it_ends(site):
    anna = site.user()
    t = site.client(anna).create(life=60_000)
    c = Client(site.b)
    out = c.c.sasl_scram(t["token_id"], base64.b64encode(t["hmac"]).decode(), token=True)
    assert 50_000 < out["session_lifetime_ms"] <= 60_000, out


def test_what_is_not_the_token_is_not_let_in(site):
    anna = site.user()
    t = site.client(anna).create()
    password = base64.b64encode(t["hmac"]).decode()
    for name, said, how in [
            (t["token_id"], password, {}),			  # a password of a user of that name
            (t["token_id"], password[:-4] + "AAA=", {"token": True}),
            (anna[1], anna[2], {"token": True}),			# the owner's password is none of a token
            (anna[1], password, {"token": True}), (anna[1], password, {}),
            ("AAAAAAAAAAAAAAAAAAAAAA", password, {"token": True}), ("", "x", {"token": True}),
            (t["token_id"] + "@acme", password, {"token": True}), (t["token_id"] + "@nowhere", password, {"token": True})]:
        assert Client(site.b).login(name, said, **how) == 58, name


def test_no_tokens_by_tokens(site):
    anna = site.user()
    t = site.client(anna).create()
    c = site.by_token(t)
    out = c.create()
    assert (out["error_code"], out["hmac"], out["token_id"], out["expiry_timestamp_ms"]) == (NOT_ALLOWED, b"", "", -1)
    assert c("describe_delegation_token", 3, owners=None) == {"error_code": NOT_ALLOWED, "tokens": [], "throttle_time_ms": 0}
    assert c.renew(t) == (NOT_ALLOWED, -1) and c.expire(t) == (NOT_ALLOWED, -1)


def test_no_tokens_without_tls(site):
    """An HMAC is a password, and is not sent where everybody hears it; to log in by one tells nobody."""
    anna = site.user()
    c = site.client(anna, site.plain_port)
    assert c.create()["error_code"] == NOT_ALLOWED
    assert c("describe_delegation_token", 1, owners=None)["error_code"] == NOT_ALLOWED
    assert whoami(site.by_token(site.client(anna).create(), port=site.plain_port))[1] == anna[0]


def test_lifetimes(site):
    anna = site.user()
    c = site.client(anna)
    short = c.create(life=5000)
    assert short["max_timestamp_ms"] - short["issue_timestamp_ms"] == 5000 == short["expiry_timestamp_ms"] - short["issue_timestamp_ms"]
    long = c.create(life=365 * DAY)
    assert long["max_timestamp_ms"] - long["issue_timestamp_ms"] == 7 * DAY
    now = time.time() * 1000
    for period, after in [(10_000, 10_000), (-1, DAY), (0, DAY), (365 * DAY, DAY)]:
        error, at = c.renew(long, period)
        assert error == 0 and abs(at - now - after) < 30_000, (period, at - now)
    assert c.renew(short, DAY) == (0, short["max_timestamp_ms"])	# never beyond its longest life
    error, at = c.expire(long, 3_600_000)
    assert error == 0 and abs(at - now - 3_600_000) < 30_000
    assert c.expire(long, 365 * DAY) == (0, long["max_timestamp_ms"])
    assert c.expire(long, (1 << 63) - 1) == (0, long["max_timestamp_ms"])


def test_expired_is_over(site):
    anna = site.user()
    c = site.client(anna)
    t = c.create(life=1500)
    by = site.by_token(t)
    assert by.gone(5) and time.time() * 1000 - t["expiry_timestamp_ms"] < 1000
    assert c.renew(t)[0] in (EXPIRED, NOT_FOUND)
    assert t["token_id"] not in c.describe()
    site.by_token(t, 58)
    end = time.monotonic() + 20
    while c.renew(t)[0] != NOT_FOUND:	# swept
        assert time.monotonic() < end
        time.sleep(0.2)


def test_an_expired_token_holds_no_place(site):
    anna = site.user()
    c = site.client(anna)
    made = [c.create(life=1200) for _ in range(4)]
    assert all(t["error_code"] == 0 for t in made) and c.create()["error_code"] == 44
    while time.time() * 1000 <= made[-1]["expiry_timestamp_ms"]:
        time.sleep(0.05)
    assert c.create()["error_code"] == 0


def ended(site, anna, t, end):
    """What end() does ends sessions by t within a second, one with a Fetch that waits included, and t lets nobody in."""
    by, waiting = site.by_token(t), site.by_token(t)
    assert whoami(by)[1] == anna[0]
    waiting.c.send("fetch", 11, dict(replica_id=-1, max_wait_ms=60_000, min_bytes=1, max_bytes=1 << 20, topics=[
        {"topic": "calm", "partitions": [{"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1 << 20}]}]))
    assert not waiting.gone(0.3)
    end()
    assert by.gone(1.5)
    waiting.c.sock.settimeout(1)
    assert hostile.closed(waiting.c.sock)
    site.by_token(t, 58)


def test_ends_with_itself(site):
    anna = site.user()
    c = site.client(anna)
    t = c.create()
    ended(site, anna, t, lambda: c.expire(t))
    assert c.renew(t)[0] == NOT_FOUND and c.expire(t)[0] == NOT_FOUND and c.describe() == {}


def test_an_earlier_end_ends_open_sessions(site):
    anna = site.user()
    c = site.client(anna)
    t = c.create()
    by = site.by_token(t)
    assert c.expire(t, 700)[0] == 0
    assert by.gone(3)


def test_a_later_end_keeps_no_old_session_longer_than_it_was_told(site):
    """A session ends when it was told (KIP-368); the client renews its login before."""
    anna = site.user()
    c = site.client(anna)
    t = c.create()
    assert c.expire(t, 1500)[0] == 0
    by = site.by_token(t)
    old = site.by_token(t)
    assert c.renew(t)[0] == 0
    assert by.c.sasl_scram(t["token_id"], base64.b64encode(t["hmac"]).decode(), token=True)["error_code"] == 0
    assert whoami(old)[1] == anna[0]
    assert not by.gone(2.5)
    by.c.sock.settimeout(30)
    old.c.sock.settimeout(5)	# what it asks now is answered no more: it has not renewed
    with pytest.raises((EOFError, ConnectionError, ssl.SSLError)):
        whoami(old)
    assert whoami(by)[1] == anna[0]


def test_a_session_by_token_is_renewed_by_a_token_only(site):
    anna = site.user()
    c = site.client(anna)
    by = site.by_token(c.create())
    assert by.login(anna[1], anna[2]) == 58
    by = site.by_token(c.create())
    other = c.create()
    assert by.login(other["token_id"], base64.b64encode(other["hmac"]).decode(), token=True) == 0
    assert c.login(other["token_id"], base64.b64encode(other["hmac"]).decode(), token=True) == 58


def scram(site, name, **what):
    out = site.client()("alter_user_scram_credentials", 0, **{"deletions": [], "upsertions": [], **what})["results"]
    assert [(r["user"], r["error_code"]) for r in out] == [(name, 0)], out


NEW_KEYS = {
    "passwd": lambda site, name: site.b.ctl("user", "passwd", name, "--password", "another one, quite long"),
    "upsertion": lambda site, name: scram(site, name, upsertions=[
        {"name": name, "mechanism": 2, "iterations": 4096, "salt": b"salty and more", "salted_password": b"x" * 64}]),
    "deletion": lambda site, name: scram(site, name, deletions=[{"name": name, "mechanism": 1}]),
}


@pytest.mark.parametrize("how", NEW_KEYS)
def test_dies_with_new_keys(site, how):
    anna = site.user()
    t = site.client(anna).create()
    ended(site, anna, t, lambda: NEW_KEYS[how](site, anna[0]))
    assert t["token_id"] not in site.client().describe()


def test_dies_with_its_owner(site):
    anna = site.user()
    t = site.client(anna).create()
    ended(site, anna, t, lambda: site.b.ctl("user", "delete", anna[0]))
    site.b.ctl("user", "create", anna[0], "--conf", site.b.dir / "again.conf")	# a namesake inherits nothing
    site.by_token(t, 58)
    assert t["token_id"] not in site.client().describe()


def test_sleeps_with_its_owner(site):
    anna = site.user()
    t = site.client(anna).create()
    ended(site, anna, t, lambda: site.b.ctl("user", "lock", anna[0]))
    site.b.ctl("user", "unlock", anna[0])
    assert whoami(site.by_token(t))[1] == anna[0]
    ended(site, anna, t, lambda: site.b.ctl("user", "expire", anna[0], "2020-01-01"))
    site.b.ctl("user", "expire", anna[0], "never")
    assert whoami(site.by_token(t))[1] == anna[0]


def test_who_may_log_in_by_nothing_does_not_by_a_token(site):
    anna = site.user()
    t = site.client(anna).create()

    def mechanisms(names):
        out = site.client()("user_alter", 0, changes=[{"action": 1, "user": anna[0], "mechanisms": names}])["results"][0]
        assert out["error_code"] == 0, out
    ended(site, anna, t, lambda: mechanisms([]))
    mechanisms(["SCRAM-SHA-512"])
    assert whoami(site.by_token(t))[1] == anna[0]


def test_no_operators_rights(site):
    t = site.client().create()
    assert t["error_code"] == 0
    c = site.by_token(t)
    assert whoami(c)[1:] == ("admin", False)
    assert c("enter", 0, tenant="acme")["error_code"] == 31
    assert c("why", 0, user=None, operation=7, path="/")["allowed"] is False
    assert c("user_alter", 0, changes=[{"action": 0, "user": "x", "mechanisms": ["SCRAM-SHA-256"], "operator": 1}])["results"][0]["error_code"] == 31
    assert c("elect_leaders", 2, election_type=0, topic_partitions=None, timeout_ms=1000)["error_code"] == 31
    assert c("alter_user_scram_credentials", 0, deletions=[{"name": "admin", "mechanism": 1}], upsertions=[])["results"][0]["error_code"] == 31
    site.client().expire(t)


def test_for_others(site):
    """Whoever has x on the tenant; for an operator only operators; and nobody for who is not there."""
    anna, chief = site.user(), site.user("main", "--team", "admins")
    assert site.client(anna).create("admin")["error_code"] == DENIED
    assert site.client(anna).create(chief[0])["error_code"] == DENIED
    assert site.client(chief).create("admin")["error_code"] == DENIED
    assert site.client(chief).create("nobody")["error_code"] == 91
    t = site.client(chief).create(anna[0])
    assert (t["error_code"], t["principal_name"], t["token_requester_principal_name"]) == (0, anna[0], chief[0])
    assert whoami(site.by_token(t))[1] == anna[0]
    c = site.client(anna)
    out = c("create_delegation_token", 3, renewers=[], max_lifetime_ms=-1, owner_principal_type="Team", owner_principal_name=anna[0])
    assert out["error_code"] == DENIED
    assert c("create_delegation_token", 1, renewers=[{"principal_type": "Team", "principal_name": "x"}], max_lifetime_ms=-1)["error_code"] == BAD_TYPE
    for names in ([""], ["a/b"], [f"r{i}" for i in range(33)]):
        assert c.create(renewers=names)["error_code"] == 42


def runs_of_checks(site):
    """How often the threads ran that make keys and compare passwords, so far."""
    tasks = list(pathlib.Path(f"/proc/{site.b.process.pid}/task").iterdir())
    found = [t for t in tasks if (t / "comm").read_text().startswith("login")]
    assert found, [(t / "comm").read_text() for t in tasks]
    return sum(int((t / "schedstat").read_text().split()[2]) for t in found)


def test_what_is_refused_makes_no_keys(site):
    """That is as much work as a login, and asked of the queue that logins wait in."""
    site.b.ctl("tenant", "create", "dull", "--admin", "chair", "--conf", site.b.dir / "chair.conf")
    c = site.client(("chair", None, None))

    def secrets():
        with contextlib.closing(sqlite3.connect(site.b.dir / "data" / "meta.db")) as db:
            return db.execute("SELECT COUNT(*) FROM node WHERE path LIKE '%/secrets/%'").fetchone()[0]
    before = secrets()
    assert c.create("nobody")["error_code"] == 91 and secrets() == before
    for _ in range(4):
        assert c.create()["error_code"] == 0
    assert secrets() == before + 1
    ran = runs_of_checks(site)
    assert [c.create("nobody")["error_code"] for _ in range(3)] == [91] * 3
    assert [c.create()["error_code"] for _ in range(3)] == [44] * 3
    assert runs_of_checks(site) == ran
    site.b.delete_tenant("dull")


def test_who_sees_renews_and_ends(site):
    anna, ren, other, chief = site.user(), site.user(), site.user(), site.user("main", "--team", "admins")
    c = {n: site.client(w) for n, w in dict(anna=anna, ren=ren, other=other, chief=chief).items()}
    mine = c["anna"].create(renewers=[ren[0]])
    given = c["chief"].create(anna[0])
    own = c["chief"].create()
    m, g, o = (t["token_id"] for t in (mine, given, own))

    def sees(who, owners=None):
        return {t for t in c[who].describe(owners) if t in (m, g, o)}
    assert sees("anna") == {m, g} and sees("ren") == {m} and sees("other") == set() and sees("chief") == {m, g, o}
    assert sees("chief", [anna[0]]) == {m, g} and sees("chief", [ren[0]]) == {m} and sees("chief", [chief[0]]) == {g, o}
    assert sees("anna", ["nobody"]) == set()
    assert c["chief"]("describe_delegation_token", 3, owners=[])["tokens"] == []
    told = c["ren"].describe()[m]
    assert told["hmac"] == mine["hmac"] and told["renewers"] == [user(ren[0])], told
    assert c["anna"].describe()[g]["token_requester_principal_name"] == chief[0]
    assert [c[w].renew(mine)[0] for w in ("anna", "ren", "other", "chief")] == [0, 0, MISMATCH, 0]
    assert [c[w].expire(mine, DAY)[0] for w in ("anna", "ren", "other", "chief")] == [0, 0, MISMATCH, 0]
    assert c["other"].renew({"hmac": b"\0" * 64})[0] == NOT_FOUND and c["other"].renew({"hmac": b""})[0] == NOT_FOUND
    site.b.ctl("user", "delete", ren[0])	# the next of that name is entrusted with nothing
    assert c["anna"].describe()[m]["renewers"] == []
    site.b.ctl("user", "delete", chief[0])
    left = c["anna"].describe()
    assert left.keys() == {m, g} and left[g]["token_requester_principal_name"] == anna[0]


def test_what_an_administrator_made_outlives_him(site):
    """It is its owner's login; it is found by its maker's name until he is deleted, and ended by hand."""
    anna, chief = site.user(), site.user("main", "--team", "admins")
    made = [site.client(chief).create(anna[0]) for _ in range(2)]
    for words in (("passwd", chief[0], "--password", "not what it was before"), ("lock", chief[0])):
        site.b.ctl("user", *words)
        assert whoami(site.by_token(made[0]))[1] == anna[0]
    listed = json.loads(site.b.ctl("token", "list", chief[0], "-o", "json").stdout)
    assert {t["id"] for t in listed} == {t["token_id"] for t in made} and {t["made_by"] for t in listed} == {chief[0]}
    ended(site, anna, made[0], lambda: site.b.ctl("token", "expire", made[0]["token_id"]))
    site.b.ctl("user", "delete", chief[0])
    assert whoami(site.by_token(made[1]))[1] == anna[0]
    ended(site, anna, made[1], lambda: site.b.ctl("user", "passwd", anna[0], "--password", "not what it was before"))


def test_an_operators_token_is_for_operators_to_see(site):
    chief = site.user("main", "--team", "admins")
    t = site.client().create()
    assert t["token_id"] not in site.client(chief).describe()
    assert site.client(chief).expire(t)[0] == MISMATCH
    assert site.client().expire(t)[0] == 0


def test_a_tenants_tokens_are_its_own(site):
    """A token is named with its tenant where logins are; another tenant knows neither it nor its HMAC."""
    fred = site.user("acme")
    t = site.client(fred).create()
    assert t["token_id"].endswith("@acme") and t["principal_name"] == fred[0]
    c = site.by_token(t)
    assert whoami(c) == ("acme", fred[0], False)
    site.by_token({**t, "token_id": t["token_id"].removesuffix("@acme")}, 58)
    admin = site.client()
    assert t["token_id"].removesuffix("@acme") not in {i.split("@")[0] for i in admin.describe()}
    assert admin.renew(t)[0] == NOT_FOUND and admin.expire(t)[0] == NOT_FOUND
    assert t["token_id"] in site.client(("boss", None, None)).describe()
    assert admin("enter", 0, tenant="acme")["error_code"] == 0
    assert t["token_id"] in admin.describe([fred[0]])
    assert admin.create()["error_code"] in (42, DENIED)		# he is nobody there
    given = admin.create(fred[0])
    assert given["error_code"] == 0 and given["token_requester_principal_name"] == fred[0]
    assert admin.expire(t)[0] == 0 and c.gone(1.5)


def test_a_tenant_takes_its_tokens_with_it(site):
    site.b.ctl("tenant", "create", "brief", "--admin", "head", "--conf", site.b.dir / "head.conf")
    t = site.client(("head", None, None)).create()
    c = site.by_token(t)
    site.b.delete_tenant("brief")
    assert c.gone(1.5)
    site.b.ctl("tenant", "create", "brief", "--admin", "head", "--conf", site.b.dir / "head2.conf")
    site.by_token(t, 58)


def test_the_command(site):
    anna, ren = site.user(), site.user()
    conf = f"main-{anna[0]}"
    [made] = json.loads(site.b.ctl("token", "create", "--renewer", ren[0], "--lifetime", "12h", "-o", "json", conf=conf).stdout)
    token = {"token_id": made["id"], "hmac": base64.b64decode(made["hmac"])}
    assert made["owner"] == anna[0] == made["made_by"] and made["renewers"] == [ren[0]]
    assert whoami(site.by_token(token))[1] == anna[0]
    [shown] = json.loads(site.b.ctl("token", "list", "-o", "json", conf=conf).stdout)
    assert shown == {k: v for k, v in made.items() if k != "hmac"}
    assert site.b.ctl("token", "list", "--hmac", anna[0]).stdout.count(made["hmac"]) == 1
    assert "holds until" in site.b.ctl("token", "renew", made["id"], "--for", "1h", conf=f"main-{ren[0]}").stdout
    assert "holds until" in site.b.ctl("token", "expire", made["id"], "--in", "30m", conf=conf).stdout
    assert "is gone" in site.b.ctl("token", "expire", made["id"]).stdout	# an administrator
    site.by_token(token, 58)
    assert json.loads(site.b.ctl("token", "list", "-o", "json", conf=conf).stdout) == []
    for words, code, said in [
            (["renew", made["id"]], 4, "token list shows"), (["create", "--owner", "admin"], 4, "x on the tenant"),
            (["create", "--lifetime", "7"], 2, "like 90s, 30m, 12h or 7d"), (["expire"], 2, "ID"),
            (["create", "--lifetime", "0d"], 2, "a time is expected")]:
        p = site.b.ctl("token", *words, conf=conf, check=False)
        assert p.returncode == code and said in p.stderr, (words, p.returncode, p.stderr)
    p = site.b.ctl("token", "create", "--tenant", "acme", check=False)
    assert p.returncode == 2 and "whose?" in p.stderr


def test_tokens_outlive_the_broker_and_hmacs_are_not_kept(site):
    anna = site.user()
    t = site.client(anna).create()
    site.b.restart()
    assert whoami(site.by_token(t))[1] == anna[0]
    assert site.client(anna).describe()[t["token_id"]]["hmac"] == t["hmac"]
    forms = [t["hmac"], t["hmac"].hex().encode(), base64.b64encode(t["hmac"])]
    for path in [*site.b.dir.rglob("*"), site.b.tmp / "log"]:
        if path.is_file() and path.stat().st_size < 1 << 24:
            text = path.read_bytes()
            assert not any(f in text for f in forms), path


def test_no_hmac_stays_in_memory(site):
    """Not of a token that was made, shown and ended: it is made anew where somebody may see it."""
    anna = site.user()
    c = site.client(anna)
    t = c.create()
    assert c.describe()[t["token_id"]]["hmac"] == t["hmac"] and c.renew(t)[0] == 0 and c.expire(t)[0] == 0
    c.create()	# what was answered last is overwritten when it has left
    try:
        hostile.eventually(lambda: not memory_has(site.b.process.pid, [t["hmac"], base64.b64encode(t["hmac"])]), 5)
        assert memory_has(site.b.process.pid, [anna[0].encode()])
    except PermissionError as e:
        pytest.skip(f"the memory of a process that is not dumpable is root's: {e}")


def test_a_lost_password_made_anew_ends_tokens_too(site):
    """schlossd passwd, the broker being stopped."""
    import harness
    anna = site.user()
    t = site.client(anna).create()
    site.b.stop()
    harness.run(harness.SCHLOSSD, "passwd", "-c", site.b.yaml, anna[0], stdin="a new one, quite long\n")
    site.b.start()
    site.by_token(t, 58)
    assert t["token_id"] not in site.client().describe()


def test_a_shorter_interval_counts_from_the_reload(site):
    """By the default of an hour nothing would be swept here."""
    b = Broker("delegation.token.expiry.check.interval.ms: 3600000")
    b.start()
    try:
        c = admin_of(b)
        t = c.create(life=1)
        assert t["error_code"] == 0
        hostile.eventually(lambda: c.renew(t)[0] == EXPIRED)
        time.sleep(1.5)
        assert c.renew(t)[0] == EXPIRED
        b.configure("delegation.token.expiry.check.interval.ms: 1000")
        b.process.send_signal(signal.SIGHUP)
        hostile.eventually(lambda: c.renew(t)[0] == NOT_FOUND)
        assert "1 delegation tokens have expired and are gone" in b.log
    finally:
        b.remove()


def test_a_sweep_that_fails_says_so(sick):  # noqa: F811
    b = sick.broker
    c = admin_of(b)
    assert c.create(life=1500)["error_code"] == 0
    (sick.notes / "eio").write_text("/meta.db")
    time.sleep(1.6)
    b.configure("delegation.token.expiry.check.interval.ms: 1000")
    b.process.send_signal(signal.SIGHUP)
    hostile.eventually(lambda: "expired delegation tokens could not be deleted" in b.log)
    assert "have expired and are gone" not in b.log
    (sick.notes / "eio").unlink()
    hostile.eventually(lambda: "1 delegation tokens have expired and are gone" in b.log)


def test_options_are_taken_by_a_reload(site):
    anna = site.user()
    c = site.client(anna)
    site.b.configure("delegation.token.max.lifetime.ms: 3000000\ndelegation.token.expiry.time.ms: 2000000\nlimits.tokens.user.max: 1")
    site.b.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + 20
    while True:
        t = c.create()
        assert t["error_code"] == 0 and time.monotonic() < end, t
        if t["max_timestamp_ms"] - t["issue_timestamp_ms"] == 3_000_000:
            break
        assert c.expire(t)[0] == 0
    assert t["expiry_timestamp_ms"] - t["issue_timestamp_ms"] == 2_000_000
    hostile.eventually(lambda: "were read again" in site.b.log)	# and all of them
    assert c.create()["error_code"] == 44
