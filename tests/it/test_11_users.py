# SPDX-License-Identifier: Apache-2.0
"""schlossctl on users, teams, tenants and the tree, as an operator, an administrator, a user."""
import json
import sqlite3
import subprocess
import time

import pytest
from harness import SCHLOSSD, Broker, run


@pytest.fixture(scope="module")
def site():
    """A broker whose login names carry the tenant."""
    b = Broker("auto.create.topics.enable: true")
    b.start()
    yield b
    b.remove()


def rows(p):
    return json.loads(p.stdout)


def test_users_and_teams(site):
    site.ctl("team", "create", "dev")
    site.ctl("team", "create", "ops")
    site.user("anna", "--team", "dev", "--team", "ops")
    me = rows(site.ctl("-o", "json", "id", conf="anna"))[0]
    assert (me["user"], me["primary_team"], me["teams"], me["operator"]) == ("anna", "dev", ["dev", "ops"], False)
    site.ctl("team", "remove", "ops", "anna")
    listed = {t["name"]: t["members"] for t in rows(site.ctl("-o", "json", "team", "list"))}
    assert listed["ops"] == [] and listed["dev"] == ["anna"]
    assert site.ctl("user", "create", "anna", check=False).returncode == 4
    assert site.ctl("user", "list", conf="anna", check=False).returncode == 4


def test_password_options(site):
    conf = site.dir / "carl.conf"
    site.ctl("user", "create", "carl", "--password-file", "-", "--conf", conf, stdin="from stdin\n")
    assert "sasl.password=from stdin\n" in conf.read_text()
    site.ctl("id", conf="carl")
    warned = site.ctl("user", "create", "dora", "--password", "x")
    assert "warning" in warned.stderr and "--password" in warned.stderr
    java = site.dir / "emil.properties"
    site.ctl("user", "create", "emil", "--conf", java)
    assert 'username="emil"' in java.read_text() and java.stat().st_mode & 0o777 == 0o600


def test_the_locked_stay_out_until_they_are_unlocked(site):
    """And why says so."""
    site.user("lotte")
    site.ctl("topic", "create", "lottes", "--owner", "lotte")
    site.ctl("id", conf="lotte")
    site.ctl("user", "lock", "lotte")
    assert site.ctl("id", conf="lotte", check=False).returncode == 3
    why = site.ctl("why", "lotte", "read", "topics/lottes", check=False)
    assert why.returncode == 1 and "locked" in why.stdout
    site.ctl("user", "unlock", "lotte")
    assert site.ctl("id", conf="lotte").returncode == 0
    assert site.ctl("why", "lotte", "read", "topics/lottes").returncode == 0
    site.ctl("topic", "delete", "lottes")


def test_a_user_expires(site):
    """A time to come, then one that is past; why says the same."""
    site.user("xenia")
    site.ctl("topic", "create", "leased", "--owner", "xenia")

    def expires():
        return rows(site.ctl("-o", "json", "user", "list", "xenia"))[0]["expires"]

    def may():
        return (site.ctl("id", conf="xenia", check=False).returncode,
                site.ctl("why", "xenia", "read", "topics/leased", check=False).returncode)
    assert expires() is None
    for when, shown in (("2099-01-31", "2099-01-31T00:00:00Z"), ("2099-01-31T18:30Z", "2099-01-31T18:30:00Z"),
                        ("2099-01-31T18:30:05Z", "2099-01-31T18:30:05Z")):
        assert f"expires at {shown}" in site.ctl("user", "expire", "xenia", when).stdout and expires() == shown
    assert may() == (0, 0)
    soon = time.time() + 4
    site.ctl("user", "expire", "xenia", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(soon)))
    with subprocess.Popen(["kcat", "-F", site.dir / "xenia.conf", "-u", "-C", "-t", "leased", "-o", "beginning"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as reader:
        site.kcat("-P", "-t", "leased", stdin="in time\n")
        assert may() == (0, 0) or time.time() > soon - 1
        assert reader.stdout.readline() == "in time\n" or time.time() > soon - 1
        time.sleep(max(0, soon - time.time()))
        site.kcat("-P", "-t", "leased", stdin="too late\n")
        assert may() == (3, 1)
        time.sleep(0.5)
        reader.terminate()
        assert reader.stdout.read() == ""
    site.ctl("user", "expire", "xenia", "30d")
    assert may() == (0, 0)
    assert "has expired" in site.ctl("user", "expire", "xenia", "0d").stdout
    assert may() == (3, 1) and "expired" in site.ctl("why", "xenia", "read", "topics/leased", check=False).stdout
    site.ctl("user", "expire", "xenia", "never")
    assert may() == (0, 0) and expires() is None
    for bad in ("tomorrow", "2099-02-31", "2099-13-01", "2099-01-01x", "-1d", "d", "", "1969-01-01"):
        assert site.ctl("user", "expire", "--", "xenia", bad, check=False).returncode == 2, bad
    assert "there is no user nobody" in site.ctl("user", "expire", "nobody", "1d", check=False).stderr.replace("'", "")
    assert site.ctl("user", "expire", "admin", "1d", check=False).returncode == 4
    site.ctl("topic", "delete", "leased")
    site.ctl("user", "delete", "xenia", "--purge")


def test_tenants(site):
    site.ctl("tenant", "create", "acme", "--admin", "carla", "--conf", site.dir / "carla.conf")
    assert site.conf("carla")["sasl.username"] == "carla@acme"
    me = rows(site.ctl("-o", "json", "id", conf="carla"))[0]
    assert (me["user"], me["tenant"], me["operator"]) == ("carla", "acme", False)
    site.ctl("--tenant", "acme", "user", "create", "dieter", "--conf", site.dir / "dieter.conf")
    assert rows(site.ctl("-o", "json", "id", conf="dieter"))[0]["tenant"] == "acme"
    assert site.ctl("tenant", "create", "x", "--admin", "y", conf="carla", check=False).returncode == 4
    assert [t["name"] for t in rows(site.ctl("-o", "json", "tenant", "list", conf="carla"))] == ["acme"]


def test_an_operator_looks_into_a_tenant_and_others_do_not(site):
    site.ctl("tenant", "create", "beta", "--admin", "bodo", "--conf", site.dir / "bodo.conf")
    site.kcat("-L", "-t", "theirs", conf="bodo")
    site.kcat("-L", "-t", "ours")
    inside = {t["name"] for t in rows(site.ctl("-o", "json", "topic", "list", "--tenant", "beta"))}
    assert inside == {"theirs"}
    assert "theirs" not in site.ctl("topic", "list").stdout
    refused = site.ctl("topic", "list", "--tenant", "main", conf="bodo", check=False)
    absent = site.ctl("topic", "list", "--tenant", "none", conf="bodo", check=False)
    assert refused.returncode == absent.returncode == 4
    assert refused.stderr.replace("main", "none") == absent.stderr


def test_the_tree(site):
    site.user("olga")
    site.kcat("-L", "-t", "tree")
    path = "/main/topics/tree"
    assert site.ctl("why", "olga", "write", path, check=False).returncode == 1
    site.ctl("chown", "olga", path)
    assert site.ctl("why", "olga", "write", path).returncode == 0
    assert site.ctl("chmod", "0777", path, check=False).returncode == 4
    site.ctl("chmod", "g=r,o=", path, conf="olga")
    node = rows(site.ctl("-o", "json", "ls", path))[0]
    assert (node["mode"], node["owner"]) == ("rwxr-----", "olga")
    assert site.ctl("chown", "admin", path, conf="olga", check=False).returncode == 4
    assert path in site.ctl("ls", "-R").stdout
    assert site.ctl("user", "delete", "olga", check=False).returncode == 4
    site.ctl("user", "delete", "olga", "--chown-to", "admin")
    assert rows(site.ctl("-o", "json", "ls", path))[0]["owner"] == "admin"


def test_why_agrees_with_the_broker_and_hides(site):
    site.user("paula")
    site.kcat("-L", "-t", "secret")
    p = site.ctl("why", "paula", "read", "/main/topics/secret", conf="paula", check=False)
    q = site.ctl("why", "paula", "read", "/main/topics/absent", conf="paula", check=False)
    assert p.returncode == q.returncode == 1
    assert p.stdout.replace("secret", "absent") == q.stdout
    assert site.ctl("why", "admin", "read", "/main/topics/secret", conf="paula", check=False).returncode == 4


def test_groups_are_reserved(site):
    site.user("rosa")
    site.ctl("group", "create", "billing", "--owner", "rosa")
    assert site.ctl("why", "rosa", "read", "/main/groups/billing").returncode == 0
    assert site.ctl("group", "create", "billing", check=False).returncode == 4
    node = [n for n in rows(site.ctl("-o", "json", "ls", "groups")) if n["path"].endswith("/billing")][0]
    assert node["owner"] == "rosa"


def test_wrong_calls_teach(site):
    p = site.ctl("user", "create", check=False)
    assert p.returncode == 2 and "usage: schlossctl user create NAME" in p.stderr
    p = site.ctl("user", "creat", "x", check=False)
    assert p.returncode == 2 and "schlossctl user create" in p.stderr
    p = site.ctl("why", "x", "fly", "/main", check=False)
    assert p.returncode == 2 and "is no operation" in p.stderr
    p = site.ctl("ls", "/Main", check=False)
    assert p.returncode in (2, 4)


def test_nothing_is_left_of_a_deleted_tenant(site):
    """Its nodes go too: a start with nodes that mean nothing would have to guess."""
    site.ctl("tenant", "create", "gone", "--admin", "gerd")
    site.ctl("--tenant", "gone", "group", "create", "readers")
    site.ctl("chmod", "750", "/gone/groups")
    site.ctl("setfacl", "-m", "user:gerd:r", "/gone/topics/*")
    site.ctl("quota", "set", "/gone", "producer_byte_rate=1000000")
    site.ctl("quota", "set", "/gone/users/gerd", "producer_byte_rate=500000")
    number = [t["number"] for t in rows(site.ctl("-o", "json", "tenant", "list")) if t["name"] == "gone"][0]
    site.delete_tenant("gone")
    site.stop()
    left = sqlite3.connect(site.dir / "data" / "meta.db").execute(
        "SELECT path FROM node WHERE path GLOB ?", (f"/tenants/{number}*",)).fetchall()
    assert left == []
    site.start()


def test_the_next_team_of_a_name_inherits_nothing(site):
    site.ctl("team", "create", "short")
    site.ctl("topic", "create", "lent")
    site.ctl("topic", "create", "ruled")
    site.ctl("chgrp", "short", "/main/topics/lent")
    site.ctl("setfacl", "-m", "team:short:r", "/main/topics/ruled")
    site.user("tina", "--team", "short")
    for topic in ("lent", "ruled"):
        assert site.ctl("why", "tina", "read", f"/main/topics/{topic}", check=False).returncode == 0
    site.ctl("team", "delete", "short")
    site.ctl("team", "create", "short")
    site.ctl("team", "add", "short", "tina")
    site.restart()
    for topic in ("lent", "ruled"):
        assert site.ctl("why", "tina", "read", f"/main/topics/{topic}", check=False).returncode == 1, topic


def test_a_tenant_is_purged_with_its_topics(site):
    site.ctl("tenant", "create", "full", "--admin", "fritz", "--conf", site.dir / "fritz.conf")
    for name in ("one", "two"):
        site.ctl("topic", "create", name, "-p", "2", "-c", "file.delete.delay.ms=0", conf="fritz")
    site.kcat("-P", "-t", "one", conf="fritz", stdin="a\n")
    site.kcat("-G", "readers", "one", "-e", "-o", "beginning", conf="fritz")
    refused = site.ctl("tenant", "delete", "full", check=False)
    assert refused.returncode == 4 and "--purge" in refused.stderr
    assert "one" in site.ctl("topic", "list", conf="fritz").stdout
    before = {p.name for p in (site.dir / "data").iterdir()}
    site.delete_tenant("full", "--purge")
    assert site.ctl("topic", "list", conf="fritz", check=False).returncode == 3
    left = {p.name for p in (site.dir / "data").iterdir()}
    assert len([n for n in before - left if n.endswith(("one-0", "one-1", "two-0", "two-1"))]) == 4, (before, left)
    site.ctl("tenant", "create", "full", "--admin", "fritz", "--password", "other", "--conf", site.dir / "fritz.conf")
    assert "one" not in site.ctl("topic", "list", conf="fritz").stdout
    site.restart()
    assert "stray" not in site.log and "no topic knows" not in site.log
    site.delete_tenant("full")


def test_metadata_that_cannot_be_read_stops_the_start(site):
    """A deny rule that is left out would allow; so the broker names the node instead."""
    site.stop()
    db = sqlite3.connect(site.dir / "data" / "meta.db")
    db.execute("INSERT INTO node VALUES ('/tenants/0/dirs/topics', 'v1\nmode=seven\n', 0) "
               "ON CONFLICT (path) DO UPDATE SET value=excluded.value")
    db.commit()
    db.close()
    refused = run(SCHLOSSD, "-c", site.yaml, check=False, timeout=20)
    assert refused.returncode != 0
    assert "/tenants/0/dirs/topics" in refused.stderr and "BACKUP AND RESTORE" in refused.stderr
    db = sqlite3.connect(site.dir / "data" / "meta.db")
    db.execute("DELETE FROM node WHERE path='/tenants/0/dirs/topics'")
    db.commit()
    db.close()
    site.start()
