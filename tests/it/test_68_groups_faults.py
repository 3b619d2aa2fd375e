# SPDX-License-Identifier: Apache-2.0
"""Groups whose log fails: clients hear what makes them come again, and nothing that was acknowledged is lost.

The coordinator changes its state before the log has the record. So when the log fails it must forget, and
load what the log holds; that is looked at with a disk that fails and comes back."""
import hostile
import pytest
from hostile import eventually
from test_61_faults import batch, produce, sick  # noqa: F401  (a fixture)

COME_AGAIN = {14, 15, 16}       # loading, not available, not the coordinator
SHARDS = 50


def shard_of(group):
    h = 0
    for c in group.encode():
        h = (h * 31 + c) & 0xffffffff
    return (h & 0x7fffffff) % SHARDS


def in_shard(n, prefix):
    return next(g for g in (f"{prefix}{i}" for i in range(100000)) if shard_of(g) == n)


def commit_request(group, offset, member="", generation=-1):
    return dict(group_id=group, generation_id_or_member_epoch=generation, member_id=member, topics=[
        {"name": "calm", "partitions": [{"partition_index": 0, "committed_offset": offset, "committed_metadata": f"at {offset}"}]}])


def commit_code(answer):
    return answer["topics"][0]["partitions"][0]["error_code"]


def commit(client, group, offset, *who):
    return commit_code(client.call("offset_commit", 7, **commit_request(group, offset, *who)))


def committed(client, group):
    """(code, offset)"""
    a = client.call("offset_fetch", 7, group_id=group, topics=[{"name": "calm", "partition_indexes": [0]}], require_stable=True)
    return a["error_code"], a["topics"][0]["partitions"][0]["committed_offset"] if a["topics"] else None


def join(client, group):
    """The only member of a stable group."""
    ask = dict(group_id=group, session_timeout_ms=300000, rebalance_timeout_ms=300000, member_id="",
               group_instance_id=None, protocol_type="consumer", protocols=[{"name": "range", "metadata": b"m"}])
    told = client.call("join_group", 5, **ask)
    if told["error_code"] == 79:
        told = client.call("join_group", 5, **{**ask, "member_id": told["member_id"]})
    assert told["error_code"] == 0, told
    who = dict(group_id=group, generation_id=told["generation_id"], member_id=told["member_id"])
    synced = client.call("sync_group", 3, **who, assignments=[{"member_id": who["member_id"], "assignment": b"mine"}])
    assert (synced["error_code"], synced["assignment"]) == (0, b"mine")
    return who


def heartbeat(client, who):
    return client.call("heartbeat", 3, **who)["error_code"]


def settled(what, code=lambda told: told):
    """What is told when it is not to come again: groups are loaded one by one, at their own time."""
    told = []

    def asked():
        told[:] = [what()]
        return code(told[0]) not in COME_AGAIN
    eventually(asked, 60)
    return told[0]


def loaded(client, group):
    code, offset = settled(lambda: committed(client, group), lambda told: told[0])
    assert code == 0
    return offset


def print_of(client, groups):
    """What is to be seen of them."""
    return [(settled(lambda g=g: client.call("describe_groups", 5, groups=[g]), lambda t: t["groups"][0]["error_code"]),
             loaded(client, g)) for g in groups]


@pytest.fixture
def world(sick):  # noqa: F811
    sick.groups = [in_shard(n, "g") for n in (0, 7, 31, 49)]
    with sick.client() as c:
        sick.members = {g: join(c, g) for g in sick.groups}
        for g in sick.groups:
            who = sick.members[g]
            assert commit(c, g, 5, who["member_id"], who["generation_id"]) == 0
    return sick


def fail(world, client, path):
    """The disk fails. Group 0 does not notice; the others have commits on their way."""
    (world.notes / "eio").write_text(path)
    for g in world.groups[1:]:
        who = world.members[g]
        client.send("offset_commit", 7, commit_request(g, 6, who["member_id"], who["generation_id"]))
    codes = [commit_code(client.answer("offset_commit", 7)[1]) for _ in world.groups[1:]]
    assert set(codes) <= COME_AGAIN, codes


def all_come_again(world, client):
    for g in world.groups[1:]:
        who = world.members[g]
        eventually(lambda w=who: heartbeat(client, w) in COME_AGAIN)
        assert commit(client, g, 7, who["member_id"], who["generation_id"]) in COME_AGAIN
        assert committed(client, g)[0] in COME_AGAIN
        told = client.call("describe_groups", 5, groups=[g])["groups"][0]
        assert told["error_code"] in COME_AGAIN
        gone = client.call("delete_groups", 2, groups_names=[g])["results"][0]
        assert gone["error_code"] in COME_AGAIN


def whole_again(world, client):
    """Each group as it was; offsets as acknowledged, or as the commit that nobody acknowledged said."""
    for i, g in enumerate(world.groups):
        who = world.members[g]
        assert loaded(client, g) in ((5,) if i == 0 else (5, 6)), g
        assert settled(lambda w=who: heartbeat(client, w)) == 0
        assert settled(lambda g=g, w=who: commit(client, g, 8, w["member_id"], w["generation_id"])) == 0
        assert loaded(client, g) == 8


def test_the_journal_fails_and_is_mended(world):
    with world.client() as c:
        fail(world, c, "/journal/")
        all_come_again(world, c)
        (world.notes / "eio").unlink()
        out = world.broker.ctl("topic", "recover", "__consumer_offsets").stdout
        assert "served again" in out, out
        whole_again(world, c)
        before = print_of(c, world.groups)
    world.restart()
    with world.client() as c:
        assert print_of(c, world.groups) == before


def test_the_journal_fails_and_the_broker_starts_again(world):
    with world.client() as c:
        fail(world, c, "/journal/")
        all_come_again(world, c)
    (world.notes / "eio").unlink()
    world.broker.kill()
    world.broker.start(env=world.env)
    with world.client() as c:
        whole_again(world, c)


def test_one_partition_fails(world):
    """Its groups wait; those of another one do not notice."""
    group, other = world.groups[-1], world.groups[0]
    who = world.members[group]
    (world.notes / "eio").write_text(f"/__consumer_offsets-{shard_of(group)}/")
    with world.client() as c:
        acked, n = 5, 6

        def failed():
            nonlocal acked, n
            code = commit(c, group, n, who["member_id"], who["generation_id"])
            assert code == 0 or code in COME_AGAIN, code
            acked, n = (n if code == 0 else acked), n + 1
            return code != 0
        eventually(failed)
        assert commit(c, other, 9, *(world.members[other][k] for k in ("member_id", "generation_id"))) == 0
        assert heartbeat(c, world.members[other]) == 0
        (world.notes / "eio").unlink()
        world.broker.ctl("topic", "recover", f"__consumer_offsets:{shard_of(group)}")
        assert acked <= loaded(c, group) < n
        assert settled(lambda: heartbeat(c, who)) == 0
        before = print_of(c, world.groups)
    world.restart()
    with world.client() as c:
        assert print_of(c, world.groups) == before


def test_what_is_acknowledged_while_it_is_loaded_is_not_forgotten(world):
    """The log is mended, a commit is taken at once, and then the groups are loaded: what waits for the disk is theirs, too."""
    group = in_shard(49, "late")
    with world.client() as c:
        assert commit(c, group, 1) == 0
        (world.notes / "eio").write_text("/journal/")
        assert produce(c, "calm", batch([b"x"])) != 0
        (world.notes / "eio").unlink()
        (world.notes / "slow").write_text("/__consumer_offsets-49/")
        ask = dict(topic="__consumer_offsets", partitions=None, force=False)
        c.send("topic_recover", 0, ask)
        c.send("offset_commit", 7, commit_request(group, 2))
        mended = c.answer("topic_recover", 0)[1]
        assert mended["error_code"] == 0 and len(mended["partitions"]) == SHARDS, mended
        code = commit_code(c.answer("offset_commit", 7)[1])
        assert code == 0 or code in COME_AGAIN
        (world.notes / "slow").unlink()
        assert loaded(c, group) in ((2,) if code == 0 else (1, 2)), code
        before = print_of(c, [group])
    world.restart()
    with world.client() as c:
        assert print_of(c, [group]) == before


# ---- whose a group is, while it is not loaded ----

def rule_on(group, user="rita", **more):
    return {"resource_type": 3, "resource_name": group, "resource_pattern_type": 3, "principal": f"User:{user}", "host": "*",
            "operation": 3, "permission_type": 3, **more}


def filter_on(group, user="rita"):
    return {f"{k}_filter" if k.startswith(("resource", "principal", "host")) else k: v for k, v in rule_on(group, user).items()
            if k != "resource_pattern_type"} | {"pattern_type_filter": 3}


def rule_codes(client, group):
    """Of the three APIs of rules about the group, each by itself."""
    seen = client.call("describe_acls", 3, **filter_on(group))
    made = client.call("create_acls", 3, creations=[rule_on(group)])["results"][0]
    gone = client.call("delete_acls", 3, filters=[filter_on(group)])["filter_results"][0]
    return [a["error_code"] for a in (seen, made, gone)]


def test_the_owner_of_a_group_by_use_comes_again_while_it_is_loaded(sick):  # noqa: F811
    """And whoever else asks hears the same of every name, so that nobody learns which groups there are."""
    mine, reserved, absent = (in_shard(49, prefix) for prefix in ("mine", "reserved", "absent"))
    elsewhere = in_shard(0, "elsewhere")
    for user in ("olga", "stan"):
        sick.broker.ctl("user", "create", user, "--password", "pass of rules")
    sick.broker.ctl("chmod", "0744", "topics/calm")
    sick.broker.ctl("group", "create", reserved)

    def of(user):
        c = sick.tls()
        assert c.sasl_scram(user, "pass of rules")["error_code"] == 0
        return c
    with of("olga") as olga:
        assert settled(lambda: commit(olga, mine, 1)) == 0
        assert rule_codes(olga, mine) == [0, 0, 0]
    with of("olga") as olga, of("stan") as stan, sick.client() as admin:
        (sick.notes / "eio").write_text("/journal/")
        assert commit(olga, mine, 2) in COME_AGAIN	# and so its shard is emptied, and loaded once the disk is mended
        eventually(lambda: committed(admin, mine)[0] == 14)
        assert rule_codes(olga, mine) == [14, 14, 14]
        for group in (mine, reserved, absent):
            assert rule_codes(stan, group) == [14, 14, 14], group
        assert rule_codes(stan, elsewhere) == rule_codes(stan, "*") == [31, 31, 31]
        seen = admin.call("describe_acls", 3, **filter_on(mine))
        assert (seen["error_code"], seen["resources"]) == (0, [])	# what was not answered was not made
        assert rule_codes(admin, mine) == [0, 0, 0]
        (sick.notes / "eio").unlink()
        sick.broker.ctl("topic", "recover", "__consumer_offsets")
        assert loaded(admin, mine) in (1, 2)
        assert rule_codes(olga, mine) == [0, 0, 0]
        for group in (mine, reserved, absent):
            assert rule_codes(stan, group) == [31, 31, 31], group


def strangers_view(client, group):
    """What the tree tells of a group to who does not see it."""
    path = f"/main/groups/{group}"

    def told(answer):
        return {k: v.replace(group, "GROUP") if isinstance(v, str) else v for k, v in answer.items()}
    listed = client.call("tree_list", 0, path=path, recursive=False, limit=10)
    assert listed["nodes"] == []
    [change] = client.call("tree_set", 0, changes=[{"path": path, "mode_set": 0o700}])["results"]
    return [told(listed), told(change)] + [
        told(client.call("why", 0, user=None, operation=op, path=path)) for op in (3, 6, 8)]	# read, delete, describe


def test_the_paths_of_a_group_that_is_not_loaded_say_so(sick):  # noqa: F811
    """ls shows what is known and ends with 14; chmod, create and why do not answer as if it were nobody's."""
    mine, calm = in_shard(49, "path"), in_shard(0, "pathed")
    kept, none = in_shard(49, "kept"), in_shard(49, "none")
    for user in ("pia", "rob"):
        sick.broker.ctl("user", "create", user, "--password", "pass of paths")
    sick.broker.ctl("group", "create", kept)
    sick.broker.ctl("chmod", "0700", f"groups/{kept}")
    with sick.tls() as pia, sick.tls() as rob, sick.client() as admin:
        assert pia.sasl_scram("pia", "pass of paths")["error_code"] == 0
        assert rob.sasl_scram("rob", "pass of paths")["error_code"] == 0
        sick.broker.ctl("setfacl", "-m", "user:pia:read", "topics/calm")
        for group in (mine, calm):
            assert settled(lambda group=group: commit(pia, group, 1)) == 0
        (sick.notes / "eio").write_text("/journal/")
        assert commit(pia, mine, 2) in COME_AGAIN
        eventually(lambda: committed(admin, mine)[0] == 14)

        def says_so(*words):
            done = sick.broker.ctl(*words, check=False)
            assert done.returncode == 4 and "groups are being loaded: try again" in done.stderr, (words, done)
            return done.stdout
        for words in (("chmod", "0777", f"groups/{mine}"), ("chmod", "-R", "g+r", "groups"), ("group", "create", mine),
                      ("why", "rob", "read", f"groups/{mine}"), ("who-can", "read", f"groups/{mine}"),
                      ("ls", f"groups/{mine}"), ("getfacl", f"groups/{mine}")):
            assert mine not in says_so(*words)
        for words in (("ls", "groups"), ("what-can", "pia")):
            seen = says_so(*words)
            assert f"/main/groups/{calm}" in seen and mine not in seen
        seen = strangers_view(rob, none)
        assert [a["error_code"] for a in seen] == [14] * 5, seen
        assert strangers_view(rob, kept) == seen	# and not, which names are reserved
        assert "kept" in sick.broker.ctl("ls", f"groups/{kept}").stdout
        sick.broker.ctl("chmod", "0600", f"groups/{kept}")	# who sees it need not wait
        assert "no" in sick.broker.ctl("why", "rob", "read", f"groups/{calm}", check=False).stdout.lower()
        assert sick.broker.ctl("why", "admin", "read", f"groups/{mine}", check=False).returncode == 0	# whosever it is
        (sick.notes / "eio").unlink()
        sick.broker.ctl("topic", "recover", "__consumer_offsets")
        assert loaded(admin, mine) in (1, 2)
    assert sick.broker.ctl("group", "create", mine, check=False).returncode != 0
    assert "pia" in sick.broker.ctl("ls", f"groups/{mine}").stdout
    assert sick.broker.ctl("why", "pia", "read", f"groups/{mine}", check=False).returncode == 0
