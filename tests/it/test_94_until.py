# SPDX-License-Identifier: Apache-2.0
"""Rules with an end (setfacl --until): past it they give and deny nothing, whoever waits, and are told of for a day."""
import contextlib
import datetime
import shutil
import sqlite3
import tempfile
import time

import pytest
from hostile import eventually
from matrix import Connection, Site, Thing, binding
from matrix_asks import ASKS

UTC = datetime.timezone.utc


@pytest.fixture(scope="module")
def site():
    s = Site(cells=False)
    s.users("main", ["rita", "olga"])
    for name in ("waited", "used", "told", "files", "denied"):
        s.do("create_topics", 7, topics=[{"name": name, "num_partitions": 1, "replication_factor": 1}])
        s.set(f"/main/topics/{name}", mode=0o700)
    yield s
    s.remove()


@contextlib.contextmanager
def connected(site, user):
    c = Connection(site, user)
    c.open()
    yield c
    c.close()


def end_in(seconds):
    """When that is, in ms, and as it is told."""
    at = int(time.time()) + seconds
    return at * 1000, datetime.datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def give(site, topic, until, what="allow User:rita READ"):
    answer = site.do("create_acls", 3, creations=[{**binding(what, Thing("topic", topic)), "until_ms": until}])
    assert answer["results"][0]["until_ms"] == until


def pass_by(until):
    time.sleep(max(0, until / 1000 - time.time()) + 0.01)


def ask(site, topic, **more):
    return {**ASKS["fetch", "topic"].request(Thing("topic", topic), 12), **more}


def of(answer):
    return answer["responses"][0]["partitions"][0]["error_code"]


def produce(site, topic):
    site.do("produce", 9, **ASKS["produce", "topic"].request(Thing("topic", topic), 9))


def stored(site, topic):
    """The text of the rules on a topic, on disk."""
    with tempfile.TemporaryDirectory() as there:
        for name in site.broker.dir.glob("data/meta.db*"):
            shutil.copy(name, there)
        db = sqlite3.connect(f"{there}/meta.db")
        found = [bytes(v).decode() for v, in db.execute("SELECT value FROM node WHERE path GLOB ?",
                                                       (f"/tenants/0/rules/*{topic}*",))]
        db.close()
        return found


def getfacl(site, topic):
    told = site.broker.ctl("getfacl", f"topics/{topic}").stdout
    return [line for line in told.splitlines() if not line.startswith("#")]


def test_a_waiting_fetch_is_answered_without_it(site):
    until = end_in(8)[0]
    give(site, "waited", until)
    with connected(site, "rita") as rita:
        rita.call("metadata", 9, topics=[])
        rita.client.send("fetch", 12, ask(site, "waited", max_wait_ms=300000, min_bytes=1))
        assert time.time() * 1000 < until, "too slow to have waited with the right"
        pass_by(until)
        produce(site, "waited")
        assert of(rita.client.answer("fetch", 12)[1]) == 29


def test_the_next_request_of_an_open_connection_is_refused(site):
    """Though what the connection was allowed is kept as long as nothing changes."""
    until = end_in(4)[0]
    give(site, "used", until)
    with connected(site, "rita") as rita:
        codes = {}
        while time.time() * 1000 < until + 1000:
            before = time.time() * 1000
            codes.setdefault(of(rita.call("fetch", 12, **ask(site, "used"))[0]), []).append((before, time.time() * 1000))
        assert set(codes) == {0, 29}
        assert all(before < until for before, _ in codes[0])
        assert all(after >= until for _, after in codes[29])


def test_a_deny_rule_ends(site):
    until = end_in(3)[0]
    give(site, "denied", 0)
    give(site, "denied", until, "deny User:rita READ")
    with connected(site, "rita") as rita:
        assert of(rita.call("fetch", 12, **ask(site, "denied"))[0]) == 29 or time.time() * 1000 >= until
        pass_by(until)
        assert of(rita.call("fetch", 12, **ask(site, "denied"))[0]) == 0


def test_what_is_told_of_it(site):
    b = site.broker
    until, text = end_in(8)
    b.ctl("setfacl", "-m", "user:rita:r", "--until", text, "topics/told")
    assert getfacl(site, "told") == [f"user:rita:r until {text}"]
    why = b.ctl("why", "rita", "read", "topics/told", check=False)
    assert f"until {text}" in why.stdout
    assert stored(site, "told")[0].startswith("v2\n"), "a broker that knows of no ends must not read it"
    pass_by(until)
    why = b.ctl("why", "rita", "read", "topics/told", check=False)
    assert why.returncode == 1 and f"user:rita:r until {text} on /main/topics/told, which has ended" in why.stdout
    eventually(lambda: "ended=1" in stored(site, "told")[0])
    site.restart()
    b.ctl("setfacl", "-m", f"user:rita:r until {text}", "topics/told")  # as it is, which is over
    assert getfacl(site, "told") == [f"user:rita:r until {text}"] and "ended=1" in stored(site, "told")[0]
    told = site.do("describe_acls", 3, resource_type_filter=2, resource_name_filter="told", pattern_type_filter=3,
                   principal_filter="User:rita", host_filter=None, operation=1, permission_type=1)
    assert not told["resources"], "Kafka's tools could not tell that it has ended"


def test_another_end_takes_its_place(site):
    b = site.broker
    for until, text in (end_in(7200), end_in(3600)):
        b.ctl("setfacl", "-m", "user:rita:r", "--until", text, "topics/files")
        assert getfacl(site, "files") == [f"user:rita:r until {text}"]
    b.ctl("setfacl", "-m", "user:rita:r,user:stan:w", "--until", "8h", "topics/files")
    told = getfacl(site, "files")
    ends = [datetime.datetime.strptime(line.split(" until ")[1], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) for line in told]
    assert [line.split(" until ")[0] for line in told] == ["user:rita:r", "user:stan:w"]
    assert all(0 <= 8 * 3600 - (e.timestamp() - time.time()) < 300 for e in ends)
    b.ctl("setfacl", "--set-file", "-", "topics/files", stdin="\n".join(told))
    assert getfacl(site, "files") == told
    past = b.ctl("setfacl", "-m", "user:rita:r", "--until", "2020-01-01T00:00:00Z", "topics/files", check=False)
    assert past.returncode == 4 and "would have ended already" in past.stderr and getfacl(site, "files") == told
    for wrong in (["-b", "--until", "8h"], ["-m", "user:rita:r", "--until", "soon"], ["-m", "user:rita:r", "--until", "0h"],
                  ["-m", "user:rita:r", "--until", "1970-01-01T00:00:00Z"]):  # which would be no end at all
        assert b.ctl("setfacl", *wrong, "topics/files", check=False).returncode == 2
    site.do("create_acls", 3, creations=[binding("allow User:rita READ", Thing("topic", "files"))])  # as Kafka's tools do
    assert getfacl(site, "files")[0] == "user:rita:r"
    b.ctl("setfacl", "-x", "user:rita:r,user:stan:w", "topics/files")
    assert getfacl(site, "files") == []


def test_an_owner_makes_no_rule_of_an_administrator_last(site):
    """What he sets with another end is his, and dies with his topic."""
    for topic, until, left in (("hers", 0, 0), ("same", end_in(5400)[0], 1)):
        site.do("create_topics", 7, topics=[{"name": topic, "num_partitions": 1, "replication_factor": 1}])
        site.set(f"/main/topics/{topic}", owner="olga", mode=0o700)
        given = end_in(3600)[0] if until == 0 else until
        give(site, topic, given)
        with connected(site, "olga") as olga:
            told = olga.call("create_acls", 3, creations=[{**binding("allow User:rita READ", Thing("topic", topic)), "until_ms": until}])[0]
            assert told["results"][0]["error_code"] == 0
        site.do("delete_topics", 5, topic_names=[topic])
        assert len(stored(site, topic)) == left


def test_a_site_has_ends(site):
    b = site.broker
    texts = [end_in(s)[1] for s in (3600, 7200, -3600)]
    b.ctl("setfacl", "-m", "user:rita:r", "--until", texts[0], "topics/files")
    file = b.tmp / "site.yaml"
    b.ctl("export", "--file", file)
    assert f"user:rita:r until {texts[0]}" in file.read_text()
    assert b.ctl("diff", file, check=False).returncode == 0
    was = file.read_text()
    file.write_text(was.replace(texts[0], texts[1]))
    told = b.ctl("diff", file, check=False).stdout
    assert f"until {texts[0]} -> until {texts[1]}" in told and len(told.splitlines()) == 1
    b.ctl("apply", file, "--prune")
    assert getfacl(site, "files") == [f"user:rita:r until {texts[1]}"]
    file.write_text(was.replace(f"user:rita:r until {texts[0]}", f"user:rita:w until {texts[2]}"))
    b.ctl("apply", file, "--prune")
    assert getfacl(site, "files") == [], "what was given until a time that is over is not given"
