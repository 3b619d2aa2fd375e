# SPDX-License-Identifier: Apache-2.0
"""schlossctl as somebody meets it who has not read the manual."""
import json
import os
import re
import shutil
import socket
import threading
import time

import pytest
from confluent_kafka import Consumer, TopicPartition
from harness import BUILD, ROOT, SCHLOSSCTL, Broker, run
from manual import examples


@pytest.fixture(scope="module")
def site():
    b = Broker()
    b.start()
    b.user("anna")
    b.user("bert")
    b.user("carl")
    b.ctl("team", "create", "shop")
    b.user("erna", "--team", "shop")
    b.ctl("team", "add", "shop", "anna")
    b.ctl("topic", "create", "orders", "--owner", "bert")
    yield b
    b.remove()


def rules(site, path="topics/orders", *more):
    return [r["rule"] for r in json.loads(site.ctl("getfacl", path, "-o", "json", *more).stdout)]


def test_a_rule_that_says_what_the_mode_says_is_seen_and_removed(site):
    """Or it would stand, unseen, when the owner changes."""
    site.ctl("chmod", "0700", "topics/orders")
    site.ctl("setfacl", "-m", "user:bert:rw", "topics/orders")
    assert rules(site) == ["user:bert:rw"]
    site.ctl("setfacl", "--set-file", "-", "topics/orders", stdin="team:shop:r\n")
    assert rules(site) == ["team:shop:r"]
    site.ctl("chown", "anna", "topics/orders")
    assert site.ctl("why", "bert", "write", "topics/orders", check=False).returncode == 1
    site.ctl("setfacl", "-b", "topics/orders")
    assert rules(site) == []


def test_rules_are_seen_where_modes_are_kept_from_tools():
    b = Broker("acl.describe.modes: false")
    try:
        b.start()
        b.user("anna")
        b.ctl("topic", "create", "t", "--owner", "anna")
        b.ctl("setfacl", "-m", "user:anna:r", "topics/t")
        assert rules(b, "topics/t") == ["user:anna:r"]
    finally:
        b.remove()


@pytest.mark.parametrize("made", ["topic", "group", "group by use"])
def test_an_owner_sees_and_replaces_the_rules_on_what_is_his(site, made):
    """Also those that an administrator made; nobody of his team does, and he none with patterns or on any name."""
    kind, name = made.split()[0], "ernas-" + made.replace(" ", "-")
    path = f"/main/{kind}s/{name}"
    if made.endswith("use"):
        site.ctl("topic", "create", "ernas", "--owner", "erna")
        c = Consumer({**site.conf("erna"), "group.id": name})
        c.commit(offsets=[TopicPartition("ernas", 0, 1)], asynchronous=False)
        c.close()
    else:
        site.ctl(kind, "create", name, "--owner", "erna")
        site.ctl("chgrp", "shop", path)
        site.ctl("chmod", "0770", path)
    site.ctl("setfacl", "-m", "user:anna:x", path)
    site.ctl("setfacl", "-m", "deny:user:carl:r", path, conf="erna")
    both = ["deny:user:carl:r", "user:anna:x"]
    shown = site.ctl("getfacl", path, conf="erna").stdout
    assert sorted(line for line in shown.split("\n") if line and line[0] != "#") == both
    site.ctl("setfacl", "--set-file", "-", path, conf="erna", stdin=shown)
    assert sorted(rules(site, path)) == both
    for who in ("anna", "carl"):		# of the team, with a rule on it; and of none
        for words in (["getfacl"], ["setfacl", "-b"], ["setfacl", "--set-file", "-"]):
            p = site.ctl(*words, path, conf=who, check=False, stdin="user:carl:r\n")
            assert p.returncode == 4 and p.stdout == "" and "CLUSTER_AUTHORIZATION_FAILED" in p.stderr, (who, words)
    assert sorted(rules(site, path)) == both
    for pattern in (f"{path}*", f"/main/{kind}s/*", f"/main/{kind}s/orders", "/main"):
        assert site.ctl("getfacl", pattern, conf="erna", check=False).returncode == 4, pattern
    site.ctl("setfacl", "--set-file", "-", path, conf="erna", stdin="user:carl:describe\n")
    assert rules(site, path) == ["user:carl:describe"]
    site.ctl("setfacl", "-b", path, conf="erna")
    assert rules(site, path) == []


def test_owner_and_team_in_one_word(site):
    def now():
        node = json.loads(site.ctl("ls", "topics/orders", "-o", "json").stdout)[0]
        return node["owner"], node["team"]
    site.ctl("chown", "anna:shop", "topics/orders")
    assert now() == ("anna", "shop")
    site.ctl("chown", "bert:", "topics/orders")
    assert now() == ("bert", "shop")
    site.ctl("chown", ":admins", "topics/orders")
    assert now() == ("bert", "admins")
    refused = site.ctl("chown", "anna:none", "topics/orders", check=False)
    assert refused.returncode == 4 and "'none'" in refused.stderr and now() == ("bert", "admins")


def test_all_quotas(site):
    def shown(*path):
        return {(r["tenant"], r["user"], r["client_id"], r["quota"], r["value"])
                for r in json.loads(site.ctl("quota", "show", "-o", "json", *path).stdout)}
    site.ctl("quota", "set", "/main", "producer_byte_rate=5000000")
    site.ctl("quota", "set", "users/anna", "consumer_byte_rate=1000")
    site.ctl("quota", "set", "/main/users/*", "--client-id", "x", "request_percentage=20")
    of_anna = {(None, "anna", None, "consumer_byte_rate", 1000)}
    of_x = {(None, "*", "x", "request_percentage", 20)}
    assert shown() == {("main", None, None, "producer_byte_rate", 5000000)} | of_anna | of_x
    assert shown("--client-id", "x") == of_x
    of_all = {("main", "anna", None, "producer_byte_rate", None)}	# what holds for her and is not her own
    assert shown("users/anna") == shown("/main/users/anna") == of_anna | of_all


def test_quotas_of_addresses(site):
    """On / and for operators: what kafka-configs --entity-type ips sets, and what it has set."""
    def shown(*words, **more):
        return {(r["tenant"], r["user"], r["ip"], r["quota"], r["value"])
                for r in json.loads(site.ctl("quota", "show", "-o", "json", *words, **more).stdout)}
    rate = "connection_creation_rate"
    one, rest = (None, None, "192.0.2.7", rate, 1000), (None, None, "*", rate, 2000)
    before = shown()
    assert "192.0.2.7 are set" in site.ctl("quota", "set", "/", "--ip", "::ffff:192.0.2.7", f"{rate}=1000").stdout
    assert "have none of their own are set" in site.ctl("quota", "set", "/", "--ip", "*", f"{rate}=2000").stdout
    assert shown("/") == {one, rest} and shown() == before | {one, rest}
    assert shown("/", "--ip", "192.0.2.7") == shown("/", "--ip", "::ffff:192.0.2.7") == {one}
    assert shown("/", "--ip", "*") == {rest} and not shown("/", "--ip", "192.0.2.8")
    assert not {one, rest} & shown("/main")
    site.ctl("tenant", "create", "away", "--admin", "wanda", "--conf", site.dir / "wanda.conf")
    for conf in ("wanda", "anna"):  # she administers a tenant of her own; he may see this one
        site.ctl("chmod", "0774", "/main")
        for words in (("set", "/", "--ip", "192.0.2.7", f"{rate}="), ("show", "/")):
            p = site.ctl("quota", *words, conf=conf, check=False)
            assert p.returncode == 4 and p.stdout == "" and "an operator; schlossctl id says who you are" in p.stderr, p.stderr
        assert not {one, rest} & shown(conf=conf)
    for ip in ("192.0.2.7", "*"):
        site.ctl("quota", "set", "/", "--ip", ip, f"{rate}=")
    assert not shown("/") and shown() == before
    site.ctl("chmod", "0770", "/main")
    site.delete_tenant("away")


@pytest.mark.parametrize("words, status, said", [
    (["ls", "topics/none"], 4, "there is no such path, or none that you may see"),
    (["id", "nobody"], 4, "nobody: there is no such user"),
    (["topic", "alter", "orders", "retention.ms=1000"], 2, "-c retention.ms=1000 sets it"),
    (["topic", "help"], 2, "topic has no verb help"),
    (["frob", "--help"], 2, "there is no frob, but: topic group user team quota tenant token ls"),
    (["create", "topic", "x"], 2, "the noun stands first: schlossctl topic create"),
    (["topic", "list", "-o"], 2, "-o: its value is missing"),
    (["topic", "create", "x", "--owner", "anna", "--owner=bert"], 2, "schlossctl: --owner stands twice\nusage: "),
    (["topic", "create", "x", "-p", "1", "--partitions", "2"], 2, "schlossctl: --partitions stands twice\nusage: "),
    (["chmod", "--force", "0777", "topics/orders", "--force"], 2, "schlossctl: --force stands twice\nusage: "),
    (["id", "anna", "--", "--tenant", "--tenant"], 2, "is one word too many"),
    (["topic", "list", "--tenant", "main", "--tenant", "other"], 2, "schlossctl: --tenant stands twice\n"),
    (["-o", "json", "-o", "table", "topic", "list"], 2, "schlossctl: -o stands twice\n"),
    (["quota", "show", "topics/orders"], 2, "quotas are on"),
    (["user", "passwd", "ana"], 4, "there is no user ana\n  schlossctl user list shows"),
    (["user", "create", "x", "--team", "shopp"], 4, "there is no team shopp\n  schlossctl team create shopp makes it"),
    (["user", "create", "x", "--team", "shop", "--team", "shopp"], 4, "there is no team shopp"),
    (["team", "add", "shopp", "anna"], 4, "there is no team shopp"),
    (["--tenant", "nope", "user", "list"], 4, "tenant list and ls -R show what you may see"),
    (["--tenant", "nope", "id"], 4, "tenant list and ls -R show what you may see"),
    (["team", "remove", "shopp", "anna"], 4, "there is no team shopp\n  schlossctl team create shopp makes it"),
    (["user", "lock", "ana"], 4, "there is no user 'ana' (RESOURCE_NOT_FOUND)\n  schlossctl user list, team list"),
    (["user", "delete", "ana"], 4, "there is no user 'ana'"),
    (["user", "create", "anna"], 4, "user passwd sets a new password"),
    (["user", "create", "x", "--mechanism", "SCRAM"], 4, "mechanisms of a user are SCRAM-SHA-256"),
    (["quota", "show", "/nope"], 4, "tenant list and ls -R show what you may see"),
    (["quota", "set", "/main", "byte_rate=1"], 4, "quotas are producer_byte_rate, consumer_byte_rate"),
    (["quota", "set", "/", "connection_creation_rate=1"], 2, "--ip ADDRESS, or --ip '*'"),
    (["quota", "set", "/main", "--ip", "192.0.2.1", "connection_creation_rate=1"], 2, "schlossctl quota set / --ip 192.0.2.1"),
    (["quota", "show", "--ip", "192.0.2.1"], 2, "schlossctl quota show / --ip 192.0.2.1"),
    (["quota", "set", "users/anna", "connection_creation_rate=1"], 2, "schlossctl quota set / --ip ADDRESS connection_creation_rate=1"),
    (["quota", "set", "/", "--ip", "192.0.2.0/24", "connection_creation_rate=1"], 2, "an address is expected"),
    (["quota", "set", "/", "--ip", "192.0.2.1", "--client-id", "x", "connection_creation_rate=1"], 2, "a client id is of a user"),
    (["quota", "set", "/", "--ip", "192.0.2.1", "producer_byte_rate=1"], 4, "producer_byte_rate is a quota of users"),
    (["quota", "set", "/", "--ip", "192.0.2.1", "connection_creation_rate=0.5"], 4, "of bytes and connections a whole one"),
    (["ls", "orders"], 2, "orders is no path: a topic's is topics/orders"),
    (["ls", "users"], 2, "users is no path: schlossctl user list shows the users; users/NAME, and 'users/*', are paths for quotas"),
    (["getfacl", "/main/users/"], 2, "/main/users/ is no path: schlossctl user list"),
    (["quota", "show", "users"], 2, "'users/*', are paths for quotas"),
    (["ls", "users/anna"], 2, "users/anna has no owner, no mode and no rules, it is a path for quotas\n"
     "  schlossctl user list anna shows the user, schlossctl quota show users/anna the quotas\n"),
    (["chmod", "0640", "/main/users/anna"], 2, "  schlossctl --tenant main user list anna shows"),
    (["chown", "bert", "--tenant", "main", "users/anna"], 2, "  schlossctl --tenant main user list anna shows"),
    (["chgrp", "shop", "users/anna"], 2, "  schlossctl user list anna shows"),
    (["getfacl", "users/anna"], 2, "  schlossctl user list anna shows"),
    (["setfacl", "-b", "users/*"], 2, "  schlossctl user list shows the users, schlossctl quota show 'users/*' the quotas\n"),
    (["why", "anna", "alter", "users/anna"], 2, "  schlossctl user list anna shows"),
    (["ls", "team"], 2, "team is no path: schlossctl team list"),
    (["ls", "/main/tenants"], 2, "/main/tenants is no path: schlossctl tenant list"),
    (["ls", "quotas"], 2, "quotas is no path: schlossctl quota show"),
    (["ls", "acls"], 2, "acls is no path: schlossctl getfacl PATH"),
    (["ls", "topic"], 2, "topic is no path: schlossctl topic list shows the topics, and their directory is topics"),
    (["chmod", "0640", "group"], 2, "group is no path: schlossctl group list"),
    (["ls", "topics/x/users"], 2, "a path has at most three parts"),
    (["ls", "nothing"], 2, "a topic's is topics/nothing, a group's groups/nothing"),
    (["chown", "", "topics/orders"], 2, "an empty name is nobody's"),
    (["chown", ":", "topics/orders"], 2, "an empty name is nobody's"),
    (["chgrp", "", "topics/orders"], 2, "an empty name is nobody's"),
    (["topic", "create", "x", "--mode", "9"], 2, "a mode is octal"),
    (["topic", "create", "x", "--owner", "nobody"], 4, "there is no user 'nobody'"),
    (["user", "create", "x", "--conf", "/none/x.conf"], 2, "--conf /none/x.conf cannot be written"),
    (["user", "lock", "admin"], 4, "is the only operator who can log in"),
    (["user", "delete", "admin", "--purge"], 4, "is the only operator who can log in"),
])
def test_the_next_step_is_said(site, words, status, said):
    """And nothing is changed."""
    before = site.ctl("user", "list").stdout + site.ctl("team", "list").stdout + site.ctl("ls", "-R", "/").stdout
    p = site.ctl(*words, check=False)
    assert (p.returncode, p.stdout) == (status, "") and said in p.stderr
    assert site.ctl("user", "list").stdout + site.ctl("team", "list").stdout + site.ctl("ls", "-R", "/").stdout == before


def test_rules_are_not_lost_by_a_file_that_is_none(site):
    """A getfacl that fails in front of the pipe leaves nothing in it."""
    site.ctl("topic", "create", "ruled")
    site.ctl("setfacl", "-m", "user:bert:r", "-m", "deny:user:anna:w,user:anna:r", "topics/ruled")
    all_of_them = ["deny:user:anna:w", "user:anna:r", "user:bert:r"]
    assert sorted(rules(site, "topics/ruled")) == all_of_them
    for file, said in (("-", "nothing was changed"), (site.dir, "Is a directory"), (site.dir / "none", "No such file")):
        p = site.ctl("setfacl", "--set-file", file, "topics/ruled", check=False, stdin="")
        assert p.returncode == 2 and said in p.stderr
        assert sorted(rules(site, "topics/ruled")) == all_of_them
    site.ctl("setfacl", "--set-file", "-", "topics/ruled", stdin="# none\n")
    assert rules(site, "topics/ruled") == []


def test_a_rule_that_is_not_there_cannot_be_removed(site):
    """All else is done, on that path and on the next; the message names those that may have been meant."""
    for path in ("topics/one", "topics/two", "topics/none"):
        site.ctl("topic", "create", path[7:])
    site.ctl("setfacl", "-m", "user:bert:rw,deny:user:anna:w,team:shop:read", "-m", "user:anna:alter", "topics/one", "topics/two")
    p = site.ctl("setfacl", "-m", "user:bert:describe", "-x", "user:anna:rw,team:shop:read", "-x", "user:anna:alter",
                 "topics/one", "topics/two", check=False)
    assert (p.returncode, p.stdout) == (4, "")
    assert p.stderr == "".join(f"schlossctl: /main/{path}: there is no rule user:anna:rw\n"
                               "  there is deny:user:anna:w, user:bert:read+write+describe\n" for path in ("topics/one", "topics/two"))
    for path in ("topics/one", "topics/two"):
        assert sorted(rules(site, path)) == ["deny:user:anna:w", "user:bert:read+write+describe"]
    p = site.ctl("setfacl", "-x", "user:bert:rx", "topics/one", check=False)  # r is there, x is not
    assert p.returncode == 4 and p.stderr == ("schlossctl: /main/topics/one: there is no rule user:bert:x\n"
                                              "  there is user:bert:write+describe\n")
    assert sorted(rules(site, "topics/one")) == ["deny:user:anna:w", "user:bert:write+describe"]
    p = site.ctl("setfacl", "-x", "team:shop:create", "topics/one", check=False)
    assert p.returncode == 4 and p.stderr.endswith("\n  schlossctl getfacl shows those that there are\n")
    p = site.ctl("setfacl", "-x", "user:bert:r@10.0.0.0/8", "topics/none", check=False)
    assert p.returncode == 4 and p.stderr == ("schlossctl: /main/topics/none: there is no rule user:bert:r@10.0.0.0/8\n"
                                              "  it has no rules\n")
    site.ctl("setfacl", "-m", ",".join(f"user:u{i}:r" for i in range(20)), "topics/none")
    p = site.ctl("setfacl", "-x", "user:bert:r", "topics/none", check=False)
    assert p.returncode == 4 and p.stderr.count("user:u") == 8 and p.stderr.endswith(", and more\n")
    site.ctl("setfacl", "-b", "-x", "user:bert:w", "-x", "user:bert:w", "topics/one")
    assert rules(site, "topics/one") == []
    site.ctl("chown", "anna", "topics/one")
    p = site.ctl("setfacl", "-m", "user:bert:r", "-x", "user:bert:w", "/main/topics/one", check=False, conf="anna")
    assert p.returncode == 4 and p.stderr == ("schlossctl: /main/topics/one: there is no rule user:bert:w\n"
                                              "  there is user:bert:r\n")  # an owner sees them
    assert rules(site, "topics/one") == ["user:bert:r"]


def test_no_client_file_is_lost(site):
    """Its password is kept nowhere else."""
    for name in ("anna", "admin"):
        before = (site.dir / f"{name}.conf").read_text()
        p = site.ctl("user", "create", "paul", "--conf", site.dir / f"{name}.conf", check=False)
        assert p.returncode == 2 and "is not paul's client file" in p.stderr
        assert (site.dir / f"{name}.conf").read_text() == before
    assert "paul" not in site.ctl("user", "list").stdout
    empty = site.dir / "paul.conf"
    empty.write_text("")
    site.ctl("user", "create", "paul", "--conf", empty)
    site.ctl("user", "passwd", "paul", "--conf", empty)
    assert "paul" in site.ctl("id", conf="paul").stdout


def test_the_last_operator_stays(site):
    """With another one who can log in he may go."""
    site.user("boss", "--operator")
    site.ctl("user", "lock", "boss")
    assert site.ctl("user", "lock", "admin", check=False).returncode == 4
    site.ctl("user", "unlock", "boss")
    site.ctl("user", "lock", "admin")
    assert site.ctl("user", "delete", "boss", conf="boss", check=False).returncode == 4
    site.ctl("user", "unlock", "admin", conf="boss")
    site.ctl("user", "delete", "boss")


def test_the_root_shows_the_tenants(site):
    site.ctl("tenant", "create", "sub", "--admin", "carla", "--password-file", "-", stdin="x\n")
    assert [n["path"] for n in json.loads(site.ctl("ls", "/", "-o", "json").stdout)] == ["/main", "/sub"]
    assert "/sub/topics" in site.ctl("ls", "-R", "/").stdout
    site.ctl("quota", "set", "/sub", "producer_byte_rate=77")
    assert "77" in site.ctl("quota", "show", "--tenant", "sub").stdout
    assert "77" not in site.ctl("quota", "show").stdout
    site.delete_tenant("sub")
    assert "/main/topics" not in site.ctl("ls", "/", conf="anna", check=False).stdout


def test_a_client_file_that_nobody_gets_in_by_is_told_of(site):
    """The listener that init makes takes the tenant from the login name: a name with an @ in main gets in nowhere."""
    conf = site.dir / "dora.conf"
    assert site.ctl("tenant", "create", "far", "--admin", "dora", "--conf", conf).stderr == ""
    assert "dora" in site.ctl("id", conf="dora").stdout
    site.delete_tenant("far")
    p = site.ctl("user", "create", "dora@example.org", "--conf", site.dir / "mail.conf")
    assert "warning: no login as dora@example.org" in p.stderr and "tenant: main" in p.stderr
    site.ctl("user", "delete", "dora@example.org")
    assert site.ctl("user", "create", "fine", "--conf", site.dir / "fine.conf").stderr == ""


def test_a_client_file_names_a_mechanism_of_the_user(site):
    """The caller's, SCRAM-SHA-256, is none of theirs; the listener has no PLAIN, which is said."""
    p = site.ctl("user", "create", "longer", "--mechanism", "GSSAPI", "--mechanism", "SCRAM-SHA-512", "--conf", site.dir / "longer.conf")
    assert p.stderr == "" and site.conf("longer")["sasl.mechanisms"] == "SCRAM-SHA-512"
    assert "longer" in site.ctl("id", conf="longer").stdout
    p = site.ctl("user", "create", "old", "--mechanism", "PLAIN", "--conf", site.dir / "old.properties")
    assert "sasl.mechanism=PLAIN\n" in (site.dir / "old.properties").read_text()
    assert "warning: " in p.stderr and "lets nobody in as old by PLAIN" in p.stderr and "PLAIN among its mechanisms" in p.stderr


def test_who_reads_no_further_is_no_error(site):
    """But a full disk is one."""
    for words, status in (("| true", 0), (">/dev/full", 4), (">&-", 4)):
        p = run("bash", "-c", f'set -o pipefail; (sleep 0.2; "$0" -F "$1" topic describe orders --all) {words}',
                SCHLOSSCTL, site.dir / "admin.conf", check=False)
        assert p.returncode == status and ("could not be written" in p.stderr) == (status == 4), words


def test_every_listing_as_json(site):
    """One value, and these keys; scripts rest on them."""
    site.ctl("group", "create", "jobs")
    keys = {
        ("topic", "list"): "name partitions internal id",
        ("group", "list"): "name state protocol type",
        ("user", "list"): "name primary_team teams operator locked expires mechanisms",
        ("team", "list"): "name members",
        ("quota", "show"): "tenant user client_id ip quota value used binds",
        ("tenant", "list"): "name number state users topics groups cluster_id",
        ("tenant", "usage"): "tenant what used limit",
        ("ls", "-R"): "mode owner team note path",
        ("id",): "user tenant primary_team teams operator mechanism host",
        ("getfacl", "topics/keys"): "path rule",
        ("why", "admin", "read", "topics/keys"): "allowed step rule class bits path sentence steps",
    }
    site.ctl("topic", "create", "keys", "-c", "retention.ms=5")
    site.ctl("setfacl", "-m", "user:anna:r", "topics/keys")
    site.ctl("quota", "set", "users/anna", "producer_byte_rate=9")
    for words, names in keys.items():
        shown = json.loads(site.ctl("-o", "json", *words).stdout)
        assert {" ".join(row) for row in shown} == ({names} if shown else set()), words
        assert shown or words == ("group", "list")
    whole = json.loads(site.ctl("-o", "json", "topic", "describe", "keys").stdout)
    assert {k: " ".join(v[0]) for k, v in whole.items()} == {
        "partitions": "partition leader epoch first_offset next_offset state", "settings": "setting value source"}


def test_who_is_nobody_is_null(site):
    """Not a user or a team without a name."""
    site.ctl("chmod", "0777", "topics")
    site.ctl("topic", "create", "nobodys", conf="bert")
    site.ctl("chmod", "0770", "topics")
    nodes = {n["path"]: n for n in json.loads(site.ctl("-o", "json", "ls", "-R").stdout)}
    assert nodes["/main/topics/nobodys"]["owner"] == "bert" and nodes["/main/topics/nobodys"]["team"] is None
    internal = nodes["/main/topics/__consumer_offsets"]
    assert internal["owner"] is internal["team"] is None
    assert not [n for n in nodes.values() if "" in n.values()]
    site.ctl("topic", "delete", "nobodys")


def test_groups_as_json(site):
    """Whole, of one with a member and of one that has but an offset: scripts rest on the keys and on what is a number."""
    site.ctl("topic", "create", "read", "-p", "2")
    site.kcat("-P", "-t", "read", "-p", "0", stdin="a\nb\nc\n")
    reader = Consumer({**site.conf(), "group.id": "readers", "client.id": "me", "group.instance.id": "first",
                       "auto.offset.reset": "earliest", "enable.auto.commit": False})
    reader.subscribe(["read"])
    end = time.monotonic() + 30
    while reader.poll(0.5) is None and time.monotonic() < end:
        pass
    reader.commit(offsets=[TopicPartition("read", 0, 2)], asynchronous=False)
    other = Consumer({**site.conf(), "group.id": "byhand"})
    other.commit(offsets=[TopicPartition("read", 1, 0)], asynchronous=False)

    def said(*words):
        return json.loads(site.ctl("-o", "json", *words).stdout)
    mine = [g for g in said("group", "list") if g["name"] in ("byhand", "readers")]
    assert sorted(mine, key=lambda g: g["name"]) == [
        {"name": "byhand", "state": "Empty", "protocol": None, "type": "classic"},
        {"name": "readers", "state": "Stable", "protocol": "consumer", "type": "classic"}]
    whole = said("group", "describe", "readers")
    member = whole["members"][0].pop("member")
    assert member.startswith("first-") and whole == {
        "group": [{"name": "readers", "state": "Stable", "protocol": "consumer", "assignor": "range", "members": 1}],
        "members": [{"instance": "first", "client_id": "me", "host": "/127.0.0.1"}],
        "offsets": [{"topic": "read", "partition": 0, "committed": 2, "next_offset": 3, "lag": 1}]}
    assert said("group", "describe", "byhand") == {
        "group": [{"name": "byhand", "state": "Empty", "protocol": None, "assignor": None, "members": 0}], "members": [],
        "offsets": [{"topic": "read", "partition": 1, "committed": 0, "next_offset": 0, "lag": 0}]}
    reader.close()
    other.close()
    site.ctl("topic", "delete", "read")


def test_a_user_who_is_none_is_told_of(site):
    p = site.ctl("why", "nobody", "read", "topics/orders", check=False)
    assert p.returncode == 1 and p.stdout.startswith("denied: nobody (without a user record) has no r on ")
    assert "record" not in site.ctl("why", "anna", "read", "topics/orders", check=False).stdout


def test_a_user_with_the_tenant_behind_his_name(site):
    """So he logs in, and so he is not called here: how is said, and nothing where the name is somebody's or no tenant's."""
    site.ctl("tenant", "create", "away", "--admin", "wanda", "--conf", site.dir / "wanda.conf")
    site.ctl("user", "create", "mail@away", "--password-file", "-", stdin="x\n")

    def why(user, path, conf="admin", status=1, form="table"):
        p = site.ctl("-o", form, "why", user, "write", path, conf=conf, check=False)
        assert p.returncode == status, p.stderr
        assert status == 4 or (p.stdout.startswith("denied: ") if form == "table" else json.loads(p.stdout))
        return p.stderr
    hint = "  is it wanda of the tenant away? schlossctl why wanda write /away/topics/orders\n"
    assert why("wanda@away", "topics/orders") == why("wanda@away", "/away/topics/orders") == hint
    assert why("wanda@away", "topics/orders", conf="wanda") == why("wanda@away", "topics/orders", form="json") == hint
    assert "INVALID_REQUEST" in why("wanda@away", "/main", status=4) and hint not in why("wanda@away", "/main", status=4)
    assert why("anna@main", "topics/orders") == "  is it anna of the tenant main? schlossctl why anna write /main/topics/orders\n"
    site.ctl("user", "create", "paul", "--conf", site.dir / "paul@away.conf", conf="wanda")
    assert why("paul@away", "topics/orders", conf="paul@away", status=4).endswith(  # he may not see who there is
        "\n  is it paul of the tenant away? schlossctl why paul write /away/topics/orders\n")
    assert "is it" not in why("wanda@away", "topics/orders", conf="paul@away", status=4)
    for user in ("mail@away", "dora@example.org", "@away", "anna@", "anna"):
        assert why(user, "topics/orders") == "", user
    p = site.ctl("id", "wanda@away", check=False)
    assert p.returncode == 4 and p.stderr.endswith("\n  is it wanda of the tenant away? schlossctl --tenant away id wanda\n")
    assert "wanda" in site.ctl("--tenant", "away", "id", "wanda").stdout
    for verb, *rest in (["lock"], ["unlock"], ["expire", "30d"], ["delete"], ["delete", "--purge"], ["list"],
                        ["delete", "--chown-to", "anna"], ["passwd", "--password=x"]):
        p = site.ctl("user", verb, "wanda@away", *rest, check=False)
        rest = "".join(f" {w}" for w in rest if "password" not in w)	# a secret is not said again
        assert p.returncode == 4 and p.stderr.endswith(
            f"\n  is it wanda of the tenant away? schlossctl --tenant away user {verb} wanda{rest}\n"), p.stderr
        p = site.ctl("user", verb, "wanda@nowhere.", *rest.split(), *(["--password=x"] if verb == "passwd" else []), check=False)
        assert p.returncode == 4 and "is it" not in p.stderr
    site.ctl("--tenant", "away", "user", "lock", "wanda")
    alone = "  is it wanda of the tenant away? there the name stands alone, and elsewhere he is nobody\n"
    for words, status in ((["chown", "wanda@away", "/away/topics"], 4), (["team", "add", "shop", "anna", "wanda@away"], 4),
                          (["topic", "create", "hers", "--owner", "wanda@away"], 4), (["user", "delete", "bert", "--chown-to", "wanda@away"], 4),
                          (["group", "create", "hers", "--owner", "wanda@away"], 4),
                          (["setfacl", "-m", "user:wanda@away:r", "topics/orders"], 0),
                          (["quota", "set", "users/wanda@away", "producer_byte_rate=1"], 0)):
        p = site.ctl(*words, check=False)
        assert p.returncode == status and p.stderr.endswith(alone), p.stderr
    site.ctl("setfacl", "-b", "topics/orders")
    site.ctl("quota", "set", "users/wanda@away", "producer_byte_rate=")
    site.ctl("user", "delete", "mail@away")
    site.delete_tenant("away")


@pytest.mark.parametrize("words, there, absent", [
    (["--help"], ["topic  create", "A first quarter"], []),
    (["help"], ["topic  create", "A first quarter"], []),
    (["quota", "--help"], ["schlossctl quota set", "schlossctl quota show"], ["topic"]),
    (["help", "quota"], ["schlossctl quota set", "schlossctl quota show"], ["topic"]),
    (["quota", "set", "-h"], ["schlossctl quota set"], ["quota show"]),
    (["help", "quota", "set"], ["schlossctl quota set"], ["quota show"]),
    (["chown", "--help"], ["USER[:TEAM]"], ["chgrp"]),
])
def test_help_is_asked_for_in_any_way(words, there, absent):
    """It needs no broker."""
    p = run(SCHLOSSCTL, *words)
    assert all(t in p.stdout for t in there) and not any(a in p.stdout for a in absent) and p.stderr == ""


def test_every_quota_is_named_where_one_is_set():
    """In its help and in its manual; quota.def is what the broker has."""
    names = re.findall(r'(?m)^X\(\w+,\s*"(\w+)"', (ROOT / "src/tenant/quota.def").read_text())
    assert len(names) >= 5
    manual = (ROOT / "man/schlossctl.1").read_text().split(".Sh QUOTAS")[1].split(".Sh")[0]
    offered = run(SCHLOSSCTL, "complete", "quota", "set", "/", "").stdout
    assert sorted(offered.split()) == sorted(f"{n}=" for n in names)
    for text in (run(SCHLOSSCTL, "quota", "set", "--help").stdout, run(SCHLOSSCTL, "help").stdout, manual):
        assert [n for n in names if n not in text] == []


WORDS = [
    (["schlossctl", ""], "apply audit backup chgrp chmod chown connections diff export getfacl group help id kill ls quota setfacl tail team tenant token top topic user what-can who-can why"),
    (["schlossctl", "-F", "x", "--tenant", "t", "te"], "team tenant"),
    (["schlossctl", "apply", "{dir}/sch"], "{dir}/schlossd.yaml"),
    (["schlossctl", "diff", "x", "{dir}/sch"], "{dir}/schlossd.yaml"),
    (["schlossctl", "export", "--w"], "--with-keys"),
    (["schlossctl", "topic", ""], "alter create delete describe list recover"),
    (["schlossctl", "help", "quota", ""], "set show"),
    (["schlossctl", "topic", "list", "-"], "--help --internal --tenant -F -o"),
    (["schlossctl", "chmod", "--f"], "--force"),
    (["schlossctl", "user", "create", "x", "--conf", "{dir}/ad"], "{dir}/admin.conf {dir}/admin.properties"),
    (["schlossctl", "-F", "{dir}/ad"], "{dir}/admin.conf {dir}/admin.properties"),
    (["schlossctl", "-o", ""], "json table"),
    (["schlossctl", "top", "--of", ""], "tenants topics users"),
    (["schlossctl", "top", "--sort", "c"], "cpu"),
    (["schlossctl", "user", "create", ""], ""),
    (["schlossctl", "nope", ""], ""),
    # names of the broker
    (["schlossctl", "topic", "describe", "cmp"], "cmp-one cmp-two"),
    (["schlossctl", "topic", "describe", "cmp-one", ""], ""),
    (["schlossctl", "topic", "delete", "--", "cmp-one", "cmp-t"], "cmp-two"),
    (["schlossctl", "tail", "-n", "3", "-f", "cmp-t"], "cmp-two"),
    (["schlossctl", "group", "lag", "x", "cmp"], "cmp-group"),
    (["schlossctl", "topic", "create", "new", "--owner", "cmp"], "cmpanna"),
    (["schlossctl", "user", "lock", "cmp"], "cmpanna"),
    (["schlossctl", "team", "add", "cmp"], "cmpteam"),
    (["schlossctl", "team", "add", "cmpteam", "cmpanna", "cmp"], "cmpanna"),
    (["schlossctl", "chown", "-R", "cmp"], "cmpanna"),
    (["schlossctl", "chgrp", "cmp"], "cmpteam"),
    (["schlossctl", "tenant", "show", "cmp"], "cmptenant"),
    (["schlossctl", "tenant", "rename", "cmptenant", ""], ""),
    (["schlossctl", "--tenant", "cmpt"], "cmptenant"),
    (["schlossctl", "--tenant", "cmptenant", "user", "lock", ""], "cmpboss"),
    (["schlossctl", "why", "cmpanna", "de"], "delete describe describe-configs describe-tokens"),
    (["schlossctl", "why", "cmpanna", "write", "topics/cmp"], "topics/cmp-one topics/cmp-two"),
    (["schlossctl", "ls", "t"], "topics/ txns/"),
    (["schlossctl", "ls", "-R", "/cmp"], "/cmptenant/"),
    (["schlossctl", "chmod", "640", "/main/topics/cmp-o"], "/main/topics/cmp-one"),
    (["schlossctl", "getfacl", "/cmptenant/"], "/cmptenant/groups/ /cmptenant/topics/ /cmptenant/txns/"),
    (["schlossctl", "quota", "set", "/main/users/cmp"], "/main/users/cmpanna"),
    (["schlossctl", "quota", "set", "/main/users/cmpanna", "co"], "connection_creation_rate= connections= consumer_byte_rate= controller_mutation_rate="),
    (["schlossctl", "kill", "--user", "cmp"], "cmpanna"),
    (["schlossctl", "topic", "describe", "cmp-one", "--a"], "--all"),
    (["schlossd", "init", "--a"], "--admin --advertise"),
    (["schlossd", "-c", "{dir}/sch"], "{dir}/schlossd.yaml"),
]


def commit(site, group):
    with site.speak("admin") as c:
        done = c.call("offset_commit", 7, group_id=group, generation_id_or_member_epoch=-1, member_id="", topics=[
            {"name": "orders", "partitions": [{"partition_index": 0, "committed_offset": 1, "committed_metadata": ""}]}])
        assert done["topics"][0]["partitions"][0]["error_code"] == 0


@pytest.fixture(scope="module")
def named(site):
    """What the broker is to offer."""
    for words in (["user", "create", "cmpanna"], ["team", "create", "cmpteam"], ["topic", "create", "cmp-one"], ["topic", "create", "cmp-two"],
                  ["tenant", "create", "cmptenant", "--admin", "cmpboss"]):
        site.ctl(*words)
    commit(site, "cmp-group")
    yield site
    for words in (["topic", "delete", "cmp-one", "cmp-two"], ["group", "delete", "cmp-group"], ["team", "delete", "cmpteam"],
                  ["user", "delete", "cmpanna"]):
        site.ctl(*words)
    site.delete_tenant("cmptenant")


def by_bash(words, conf):
    script = f"PATH={BUILD}:$PATH; . {ROOT}/contrib/schlossctl.bash; " \
             'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _$1; printf "%s\\n" "${COMPREPLY[@]}"'
    return run("bash", "-c", script, "bash", *words, env={"SCHLOSSCTL_CONF": str(conf)})


def by_zsh(words, conf):
    """What compadd is given; files are the shell's own."""
    script = f"PATH={BUILD}:$PATH; words=(\"$@\"); CURRENT=$#; compadd() {{ print -l -- ${{(P)@[-1]}} }}; " \
             f"_files() {{ print -l -- ${{words[CURRENT]}}*(N) }}; _it() {{ . {ROOT}/contrib/_schlossctl }}; _it"
    return run("zsh", "-f", "-c", script, "zsh", *words, env={"SCHLOSSCTL_CONF": str(conf)}, check=False)


@pytest.mark.parametrize("shell, words, offered", [
    pytest.param(shell, *row, id=f"{shell.__name__} {' '.join(row[0])}") for shell in (by_bash, by_zsh) for row in WORDS
    if shell is by_bash or row[0][0] == "schlossctl"])	# zsh has nothing for schlossd
def test_completion(named, shell, words, offered):
    if shell is by_zsh and shutil.which("zsh") is None:
        pytest.skip("there is no zsh")
    words = [w.format(dir=named.dir) for w in words]
    said = shell(words, named.dir / "admin.conf")
    assert sorted(said.stdout.split()) == sorted(offered.format(dir=named.dir).split()) and said.stderr == ""


def test_completion_asks_nobody_and_does_not_wait(site, tmp_path):
    """Without a client file, a broker, the right password: nothing is offered or said. One that does not answer is left in seconds."""
    words = ["schlossctl", "topic", "describe", ""]
    wrong = tmp_path / "wrong.conf"
    wrong.write_text(re.sub("(?m)^sasl.password=.*", "sasl.password=wrong", (site.dir / "admin.conf").read_text()))
    deaf = socket.create_server(("127.0.0.1", 0))
    silent = tmp_path / "silent.conf"
    silent.write_text(re.sub("(?m)^bootstrap.servers=.*", f"bootstrap.servers=127.0.0.1:{deaf.getsockname()[1]}",
                             (site.dir / "admin.conf").read_text()))
    for conf in (wrong, silent, tmp_path / "none.conf"):
        began = time.monotonic()
        p = by_bash(words, conf)
        assert (p.stdout.strip(), p.stderr) == ("", "")
        assert time.monotonic() - began < 9	# it would be twenty and more


def test_odd_names_are_quoted(site):
    """Of a user with a space; a group that is two lines is not offered."""
    site.ctl("user", "create", "odd one")
    for group in ("odd\ntwo", "odd$(three)"):
        commit(site, group)
    assert by_bash(["schlossctl", "group", "describe", "od"], site.dir / "admin.conf").stdout == "odd\\$\\(three\\)\n"
    assert by_bash(["schlossctl", "user", "lock", "od"], site.dir / "admin.conf").stdout == "odd\\ one\n"
    site.ctl("user", "delete", "odd one")


def test_why_explains_each_step(site):
    """In the order of the decision, which ends at the first that says something."""
    site.ctl("topic", "create", "steps", "--owner", "carl", "--team", "shop", "--mode", "0740")

    def steps(user, operation, path):
        told = site.ctl("why", user, operation, path, "--explain", check=False).stdout.split("\n")
        assert json.loads(site.ctl("-o", "json", "why", user, operation, path, "--explain", check=False).stdout)[0]["steps"] == [
            s.split(". ", 1)[1] for s in told[:-2]]
        assert told[-2:] == [*site.ctl("why", user, operation, path, check=False).stdout.split("\n")]
        return told[:-2]
    anna, bert = ("1. anna is a user of main, no operator, in team shop", "1. bert is a user of main, no operator, in no team")
    rules = "2. no rule denies or allows to {} /main/topics/{}"
    assert steps("admin", "read", "topics/steps") == []
    assert steps("anna", "read", "topics/steps") == [anna, rules.format("read", "steps")]
    assert steps("bert", "describe", "topics/steps") == [bert, rules.format("describe", "steps")]
    assert steps("bert", "create", "topics/new") == [
        bert, rules.format("create", "new"), "3. no rule denies or allows to create /main"]
    assert steps("bert", "read", "groups/new") == [
        bert, "2. no rule denies to make /main/groups/new", "3. no rule denies or allows to read /main/groups/new"]
    site.ctl("setfacl", "-m", "user:bert:r", "topics/steps")
    assert steps("bert", "read", "topics/steps") == [bert, "2. no rule denies to read /main/topics/steps"]
    site.ctl("setfacl", "-m", "deny:user:bert:r", "topics/steps")
    assert steps("bert", "read", "topics/steps") == [bert]
    site.ctl("topic", "delete", "steps")


def test_every_command_is_one_json_document(site):
    """Also one that has several things to say, or none; what a script wants of it stands by itself."""
    def said(*words, status=0):
        p = site.ctl("-o", "json", *words, check=False)
        assert p.returncode == status, p.stderr
        return json.loads(p.stdout)
    made, password = said("user", "create", "jo")
    assert made == {"done": "User jo is made."} and password["done"].endswith(password["password"])
    assert [s.get("conf") for s in said("user", "passwd", "jo", "--conf", site.dir / "jo.conf")] == [None, f"{site.dir}/jo.conf"]
    said("topic", "create", "j1")
    said("topic", "create", "j2")
    assert said("chmod", "640", "topics/j1", "topics/j2") == said("setfacl", "-m", "user:jo:r", "topics/j1") == []
    assert [s["done"] for s in said("topic", "delete", "j1", "nope", "j2", status=4)] == [
        "Topic j1 is deleted.", "Topic j2 is deleted."]
    refused = site.ctl("-o", "json", "topic", "list", "--tenant", "nope", check=False)
    assert (refused.returncode, refused.stdout) == (4, "")
    said("user", "delete", "jo", "--purge")


def test_names_that_are_nobodys(site):
    """A list says which of the names are none, after the others; rules and quotas warn of them."""
    p = site.ctl("user", "list", "anna", "ana", check=False)
    assert p.returncode == 4 and "anna" in p.stdout and "there is no user ana\n" in p.stderr
    p = site.ctl("team", "list", "shop", "shopp", check=False)
    assert p.returncode == 4 and "shop " in p.stdout and "there is no team shopp\n" in p.stderr
    for words in (["setfacl", "-m", "user:{}:rw,user:*:describe", "topics/orders"], ["quota", "set", "users/{}", "producer_byte_rate=5"]):
        p = site.ctl(*[w.format("ana") for w in words])
        assert p.stderr == "schlossctl: warning: there is no user ana; it counts from when there is one\n"
        assert site.ctl(*[w.format("bert") for w in words]).stderr == ""
    site.ctl("setfacl", "-b", "topics/orders")
    for user in ("ana", "bert"):
        site.ctl("quota", "set", f"users/{user}", "producer_byte_rate=")


def test_chmod_takes_a_mode_that_begins_with_a_minus(site):
    def mode():
        return json.loads(site.ctl("-o", "json", "ls", "topics/minus").stdout)[0]["mode"]
    site.ctl("topic", "create", "minus", "--mode", "770")
    site.ctl("chmod", "-x", "topics/minus")
    assert mode() == "rw-rw----"
    site.ctl("chmod", "-w,g-r", "topics/minus")
    assert mode() == "r--------"
    site.ctl("chmod", "--", "-rw", "topics/minus")
    assert mode() == "---------"
    site.ctl("topic", "delete", "minus")


def test_a_port_where_nobody_speaks_tls(site):
    """And a name that nobody has: both say where the address stands."""
    conf = site.dir / "elsewhere.conf"
    text = (site.dir / "admin.conf").read_text()
    with socket.create_server(("127.0.0.1", 0)) as s:
        conf.write_text(text.replace(site.address, f"127.0.0.1:{s.getsockname()[1]}"))

        def answer():
            c, _ = s.accept()
            c.recv(100)
            c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            c.close()
        t = threading.Thread(target=answer)
        t.start()
        p = site.ctl("id", conf="elsewhere", check=False)
        t.join()
    assert p.returncode == 3 and "elsewhere.conf: " in p.stderr and "does not speak TLS" in p.stderr
    conf.write_text(text.replace(site.address, "none.invalid:9"))
    p = site.ctl("id", conf="elsewhere", check=False)
    assert p.returncode == 3 and "elsewhere.conf: bootstrap.servers: none.invalid: " in p.stderr


def test_the_manuals_examples_can_be_pasted_in_order():
    """All of schlossctl(1), on a broker where nothing is yet; why says no by its status."""
    lines = [line for block in examples("schlossctl.1", "EXAMPLES") for line in block]
    assert len(lines) > 20
    b = Broker()
    try:
        b.start()
        env = {"PATH": f"{BUILD}:{os.environ['PATH']}", "SCHLOSSCTL_CONF": str(b.dir / "admin.conf")}
        for line in lines:
            p = run("bash", "-c", f"cd {b.tmp}; {line.replace('vi rules', 'test -s rules')}", env=env, check=False)
            assert p.returncode == (1 if " why " in line else 0), f"{line}: {p.stdout}{p.stderr}"
            assert " why " not in line or p.stdout.startswith("denied: ")
    finally:
        b.remove()
