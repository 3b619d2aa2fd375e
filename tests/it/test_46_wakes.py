# SPDX-License-Identifier: Apache-2.0
"""Rights that go while a request waits: what it wakes up for is asked for anew. (A waiting fetch: test_42_rights.py.)"""
import hostile
import pytest
from test_61_faults import MIB, batch, end_of, error_of, produce, produce_request
from test_68_groups_faults import join

ALL, ALLOW = 2, 3


@pytest.fixture(scope="module")
def site(shim, tmp_path_factory):
    notes = tmp_path_factory.mktemp("notes")
    s = hostile.Site(f"{hostile.SETTINGS}\nmemory.max: {64 * MIB}", env=hostile.preloaded(shim, notes))
    s.notes = notes
    s.broker.user("rita")
    yield s
    (notes / "held").unlink(missing_ok=True)
    s.remove()


@pytest.fixture
def rita(site):
    login = site.broker.conf("rita")
    with site.tls() as c:
        assert c.sasl_scram(login["sasl.username"], login["sasl.password"])["error_code"] == 0
        yield c


def allow(client, kind, name):
    rule = {"resource_type": kind, "resource_name": name, "resource_pattern_type": 3, "principal": "User:rita", "host": "*",
            "operation": ALL, "permission_type": ALLOW}
    assert client.call("create_acls", 3, creations=[rule])["results"][0]["error_code"] == 0


def forbid(client, kind, name):
    told = client.call("delete_acls", 3, filters=[{
        "resource_type_filter": kind, "resource_name_filter": name, "pattern_type_filter": 3, "principal_filter": "User:rita",
        "host_filter": None, "operation": ALL, "permission_type": ALLOW}])["filter_results"][0]
    assert (told["error_code"], len(told["matching_acls"])) == (0, 1)


def request(group, member):
    return dict(group_id=group, session_timeout_ms=300000, rebalance_timeout_ms=300000, member_id=member, group_instance_id=None,
                protocol_type="consumer", protocols=[{"name": "range", "metadata": b"of " + member.encode()}])


def as_member(client, group):
    """The id that was given out, and the JoinGroup on its way with it."""
    told = client.call("join_group", 5, **request(group, ""))
    assert told["error_code"] == 79, told
    client.send("join_group", 5, request(group, told["member_id"]))
    return told["member_id"]


def rejoin(client, who):
    """The leader calls the group together; answered when all are there."""
    client.send("join_group", 5, request(who["group_id"], who["member_id"]))


def test_a_waiting_join_is_asked_again(site, rita):
    """She waits for the other member; when he comes she is told nothing of the group."""
    with site.client() as admin, site.client() as leader:
        allow(admin, 3, "joined")
        who = join(leader, "joined")
        member = as_member(rita, "joined")
        site.undisturbed()
        while True:	# until her request has arrived
            state = admin.call("describe_groups", 5, groups=["joined"])["groups"][0]
            if state["group_state"] == "PreparingRebalance" and len(state["members"]) == 2:
                break
        forbid(admin, 3, "joined")
        rejoin(leader, who)
        told = rita.answer("join_group", 5)[1]
        assert (told["error_code"], told["generation_id"], told["member_id"]) == (30, -1, member)
        assert not told["members"] and not told["protocol_name"] and not told["leader"], told
        assert leader.answer("join_group", 5)[1]["error_code"] == 0


def gathered(leader, other, group):
    """Both are in one generation, and other waits for its assignment; the SyncGroup with which leader gives it."""
    who = join(leader, group)
    member = as_member(other, group)
    rejoin(leader, who)
    led, told = leader.answer("join_group", 5)[1], other.answer("join_group", 5)[1]
    assert (led["error_code"], told["error_code"], told["generation_id"]) == (0, 0, led["generation_id"])
    assert led["leader"] == who["member_id"]
    mine = dict(group_id=group, generation_id=led["generation_id"])
    other.send("sync_group", 3, {**mine, "member_id": member, "assignments": []})
    return {**mine, "member_id": who["member_id"], "assignments": [
        {"member_id": m, "assignment": b"for " + m.encode()} for m in (member, who["member_id"])]}


def test_a_waiting_sync_is_asked_again(site, rita):
    with site.client() as admin, site.client() as leader:
        allow(admin, 3, "synced")
        gives = gathered(leader, rita, "synced")
        forbid(admin, 3, "synced")
        assert leader.call("sync_group", 3, **gives)["error_code"] == 0
        told = rita.answer("sync_group", 3)[1]
        assert (told["error_code"], told["assignment"]) == (30, b"")


def test_who_leads_without_the_right_hands_nothing_out(site, rita):
    """Her SyncGroup is refused before it is looked at: those whom she would have given partitions wait on."""
    site.broker.ctl("group", "create", "led")	# or it would be hers
    with site.client() as admin, site.client() as other:
        allow(admin, 3, "led")
        gives = gathered(rita, other, "led")
        forbid(admin, 3, "led")
        done = rita.call("sync_group", 3, **gives)
        assert (done["error_code"], done["assignment"]) == (30, b"")
        state = admin.call("describe_groups", 5, groups=["led"])["groups"][0]
        assert state["group_state"] == "CompletingRebalance" and not [m for m in state["members"] if m["member_assignment"].startswith(b"for ")]
        other.sock.settimeout(1)
        with pytest.raises(TimeoutError):
            other.answer("sync_group", 3)


def test_a_waiting_produce_is_asked_again(site, rita):
    """There is no room before the disk writes; when it does, hers is not written any more."""
    for name in ("full", "wanted"):
        site.broker.ctl("topic", "create", name, "-c", "flush=os", "-c", "max.message.bytes=2000000")
    with site.client() as admin, site.client() as other:
        allow(admin, 2, "wanted")
        assert produce(rita, "wanted", batch([b"first"])) == 0
        (site.notes / "held").write_text("/full-0/")
        for _ in range(11):	# more than an eighth of the memory
            other.send("produce", 9, {**produce_request("full", batch([bytes(MIB)])), "acks": 1})
        with pytest.raises(TimeoutError):
            other.sock.settimeout(1)
            other.answer("produce", 9)
        rita.send("produce", 9, produce_request("wanted", batch([bytes(MIB)])))
        forbid(admin, 2, "wanted")
        (site.notes / "held").unlink()
        assert error_of(rita.answer("produce", 9)[1]) == 29
        assert end_of(admin, "wanted") == 1
