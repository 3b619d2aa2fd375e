# SPDX-License-Identifier: Apache-2.0
"""What is advertised, in which header, and what is said of what is not here."""
import struct

import hostile
import pytest
import twin
from hostile import API_VERSIONS, frame, header

# Key, name, first and last version. As Apache Kafka 4.3.1 answers ApiVersions (its own
# kafka-broker-api-versions.sh against one broker, 2026-11), as far as the API is here. Clients take
# the highest version both have, so one that is not whole must not stand here, and old ones
# leave features out where theirs is missing, so none may go. Produce ends before 12, which means transactions of
# version 2, and 13, which is by topic id.
RANGES = """
0 produce 0 11              1 fetch 4 18                 2 list_offsets 1 11          3 metadata 0 13
8 offset_commit 2 10        9 offset_fetch 1 10          10 find_coordinator 0 6      11 join_group 0 9
12 heartbeat 0 4            13 leave_group 0 5           14 sync_group 0 5            15 describe_groups 0 6
16 list_groups 0 5          17 sasl_handshake 0 1        18 api_versions 0 4          19 create_topics 2 7
20 delete_topics 1 6        21 delete_records 0 2        22 init_producer_id 0 5      23 offset_for_leader_epoch 2 4
29 describe_acls 1 3        30 create_acls 1 3           31 delete_acls 1 3           32 describe_configs 1 4
33 alter_configs 0 2        35 describe_log_dirs 1 5     36 sasl_authenticate 0 2     37 create_partitions 0 3
38 create_delegation_token 1 3                           39 renew_delegation_token 1 2
40 expire_delegation_token 1 2                           41 describe_delegation_token 1 3
43 elect_leaders 0 2        46 list_partition_reassignments 0 0                      74 list_config_resources 0 1
42 delete_groups 0 2        44 incremental_alter_configs 0 1                          47 offset_delete 0 0
48 describe_client_quotas 0 1                            49 alter_client_quotas 0 1
50 describe_user_scram_credentials 0 0                   51 alter_user_scram_credentials 0 0
60 describe_cluster 0 2     75 describe_topic_partitions 0 0
"""
WORDS = RANGES.split()
EXPECTED = {int(k): (int(lo), int(hi)) for k, lo, hi in zip(WORDS[::4], WORDS[2::4], WORDS[3::4])}
NAMES = dict(zip(map(int, WORDS[::4]), WORDS[1::4]))
# The first version that has compact strings and tags (KIP-482), typed from Kafka's message definitions; 127: never.
FLEXIBLE = {0: 9, 1: 12, 2: 6, 3: 9, 8: 8, 9: 6, 10: 3, 11: 6, 12: 4, 13: 4, 14: 4, 15: 5, 16: 3, 17: 127, 18: 3, 19: 5,
            20: 4, 21: 2, 22: 2, 23: 4, 29: 2, 30: 2, 31: 2, 32: 4, 33: 2, 35: 2, 36: 2, 37: 2, 38: 2, 39: 2, 40: 2, 41: 2, 42: 2, 43: 2, 44: 1,
            46: 0, 47: 127, 74: 0,
            48: 1, 49: 1, 50: 0, 51: 0, 60: 0, 75: 0}
# librdkafka before 2.11 has a feature where this version lies within the range (rdkafka_feature.c of 2.0.2).
LIBRDKAFKA = {10: 0, 11: 0, 14: 0, 12: 0, 13: 0, 9: 1, 8: 2, 2: 1, 22: 0, 17: 1, 36: 0, 0: 0, 1: 4}
UNSUPPORTED, INVALID_REQUEST = 35, 42


@pytest.fixture(scope="module")
def site():
    s = hostile.Site()
    s.broker.user("stranger")
    s.broker.ctl("chmod", "0770", "/main/groups")
    s.broker.ctl("chmod", "0770", "/main/txns")
    yield s
    s.remove()


def ranges(answer):
    return {k["api_key"]: (k["min_version"], k["max_version"]) for k in answer["api_keys"]}


def test_the_ranges_are_kafkas(site):
    assert NAMES == {a.key: a.name for a in site.schema if a.key < 20000}
    for client in (site.tls(), site.client()):
        with client as c:
            for version in range(5):
                told = c.call("api_versions", version, client_software_name="t", client_software_version="1")
                assert (told["error_code"], ranges(told)) == (0, EXPECTED), version
                assert not told["finalized_features"] and not told["supported_features"]
    assert {a.key: a.flex for a in site.schema if a.key < 20000} == FLEXIBLE
    assert all(EXPECTED[k][0] <= v <= EXPECTED[k][1] for k, v in LIBRDKAFKA.items())


@pytest.mark.parametrize("version", [5, 99, 32767, -1])
@pytest.mark.parametrize("tags", [None, b"\0"], ids=["as version 1", "as version 2"])
def test_api_versions_of_another_time(site, version, tags):
    """Its body is nobody's business; the answer is one of version 0 and says in which to ask again (KIP-511)."""
    for client in (site.tls(), site.client()):
        with client as c:
            c.send_frame(header(API_VERSIONS, version, 77, tags=tags) + b"\x80\xff\x03new")
            correlation, told = site.schema["api_versions"].decode_response(0, c.read_frame())
            assert (correlation, told["error_code"], ranges(told)) == (77, UNSUPPORTED, {API_VERSIONS: EXPECTED[API_VERSIONS]})
            assert c.call("api_versions", EXPECTED[API_VERSIONS][1], client_software_name="again",
                          client_software_version="2")["error_code"] == 0


TAGS = {"none": b"\0", "one unknown": b"\x01\x00\x03abc", "a high number": b"\x01\xff\xff\xff\xff\x0f\x00",
        "of 64 KiB": b"\x01\x07" + twin.varint(1 << 16) + bytes(1 << 16),
        "ten thousand": twin.varint(10000) + b"".join(twin.varint(i) + b"\0" for i in range(10000))}


@pytest.mark.parametrize("tags", TAGS)
def test_tags_of_a_header_are_passed_over(site, tags):
    """No client sends one yet; those that will must not be told no."""
    raw = site.schema["metadata"].encode("request", 12, {"topics": []})
    with site.client() as c:
        c.send_frame(header(3, 12, 5, tags=TAGS[tags]) + raw)
        correlation, told = site.schema["metadata"].decode_response(12, c.read_frame())
        assert (correlation, told["controller_id"]) == (5, 1)


REQUESTS = {"produce": {"acks": -1}, "api_versions": {"client_software_name": "t", "client_software_version": "1"},
            "find_coordinator": {"key": "g", "coordinator_keys": ["g"]},
            "create_topics": {"timeout_ms": 1000}, "delete_topics": {"timeout_ms": 1000}}


def test_headers_of_all_kinds_in_a_row(site):
    """Every API at its first and last version, and where it becomes flexible, in one write; client ids of all kinds."""
    asked = []
    for key, (lo, hi) in EXPECTED.items():
        name, flex = NAMES[key], FLEXIBLE[key]
        if not name.startswith("sasl"):  # they would begin a new login
            asked += [(name, v) for v in sorted({lo, flex - 1, flex, hi}) if lo <= v <= hi]
    asked.insert(9, ("api_versions", 99))
    asked.append(("api_versions", 0))
    raw = b""
    for i, (name, version) in enumerate(asked):
        api, client_id = site.schema[name], (None, "", "me", "x" * 32767)[i % 4]
        raw += frame(header(API_VERSIONS, 99, i) if version == 99 else
                     api.encode_request(version, REQUESTS.get(name, {}), i, client_id))
    with site.client() as c:
        c.sock.sendall(raw)
        for i, (name, version) in enumerate(asked):
            correlation, told = site.schema[name].decode_response(0 if version == 99 else version, c.read_frame())
            assert correlation == i, (name, version)
            if name == "api_versions":
                assert told["error_code"] == (UNSUPPORTED if version == 99 else 0)


def test_a_client_id_longer_than_a_length(site):
    """The length is a signed one of 16 bits: from 32 KiB on it is negative, and no other than -1 is one."""
    for n in (0x8000, 0xfffe):
        with site.client() as c:
            c.send_frame(struct.pack(">hhiH", 3, 9, 1, n) + bytes(n))
            assert hostile.closed(c.sock)
    site.undisturbed()


# ---- what there is not ----

def test_coordinators_that_there_are_not(site):
    """Who may not see the name hears that; who may, that there are no transactions and no share groups."""
    login = site.broker.conf("stranger")
    with site.client() as admin, site.tls() as stranger:
        assert stranger.sasl_scram(login["sasl.username"], login["sasl.password"])["error_code"] == 0
        for version in range(1, 7):
            for key_type, code, denied in ((1, INVALID_REQUEST, 53), (2, INVALID_REQUEST, 30), (3, INVALID_REQUEST, 30)):
                for client, want in ((admin, code), (stranger, denied)):
                    told = client.call("find_coordinator", version, key="x", coordinator_keys=["x", "x"], key_type=key_type)
                    for one in told["coordinators"] if version >= 4 else [told]:
                        assert (one["error_code"], one["node_id"], one["host"], one["port"]) == (want, -1, "", -1)
                        assert want != INVALID_REQUEST or one["error_message"], (version, key_type)


def test_producers_of_transactions_that_there_are_not(site):
    login = site.broker.conf("stranger")
    with site.client() as admin, site.tls() as stranger:
        assert stranger.sasl_scram(login["sasl.username"], login["sasl.password"])["error_code"] == 0
        for version in range(6):
            for client, want in ((admin, INVALID_REQUEST), (stranger, 53)):
                told = client.call("init_producer_id", version, transactional_id="x", transaction_timeout_ms=1000)
                assert (told["error_code"], told["producer_id"], told["producer_epoch"]) == (want, -1, -1)
            assert stranger.call("init_producer_id", version, transactional_id=None, transaction_timeout_ms=1000)["error_code"] == 0
