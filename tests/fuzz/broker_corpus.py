#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of fuzz_broker: small days of work, each request by its number in the schema."""
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "wire"))
import batch_corpus  # noqa: E402
import twin  # noqa: E402

SCHEMA = twin.Schema()
APIS = list(SCHEMA)


def call(name, version, **value):
    api = SCHEMA[name]
    body = api.encode("request", version, value)
    return bytes([0, APIS.index(api), version - api.lo]) + len(body).to_bytes(2, "big") + body


def produce(how, codec="none", attributes=0, producer=(-1, -1, -1)):
    records = [batch_corpus.record(0, b"k", b"v"), batch_corpus.record(1, b"l", None)]
    body = batch_corpus.batch(codec, records, attributes, producer)
    return bytes([1, how]) + len(body).to_bytes(2, "big") + body


def create(*names):
    return call("create_topics", 5, topics=[{"name": n, "num_partitions": 2, "replication_factor": 1, "assignments": [],
                                             "configs": []} for n in names], timeout_ms=1000)


def fetch(version, offset=0, epoch=-1):
    return call("fetch", version, replica_id=-1, max_wait_ms=0, max_bytes=1 << 20, topics=[
        {"topic": "t", "partitions": [{"partition": i, "fetch_offset": offset, "current_leader_epoch": epoch,
                                       "partition_max_bytes": 1 << 16} for i in range(3)]}])


def carried(name, version, **value):
    api = SCHEMA[name]
    return {"api_key": api.key, "api_version": version, "body": api.encode("request", version, value)}


def rehearse(*calls):
    return call("rehearse", 0, calls=list(calls), compare=True)


GROUP = {"group_id": "g"}
DAYS = {
    "records": create("t", "u") + produce(5) + produce(7, "gzip") + fetch(4) + fetch(11, 1) + fetch(11, 99)
    + call("list_offsets", 5, replica_id=-1, topics=[{"name": "t", "partitions": [{"partition_index": 0, "timestamp": -1},
                                                                                   {"partition_index": 1, "timestamp": 5}]}])
    + call("delete_records", 1, topics=[{"name": "t", "partitions": [{"partition_index": 0, "offset": 1}]}], timeout_ms=100),
    "idempotent": create("t") + call("init_producer_id", 3, transactional_id=None, transaction_timeout_ms=1000)
    + produce(5, "none", 0, (0, 0, 0)) + produce(5, "none", 0, (0, 0, 2)) + produce(5, "none", 0, (0, 0, 0)) + produce(5, "none", 0, (0, 0, 9)),
    "group": create("t") + call("join_group", 3, **GROUP, session_timeout_ms=10000, rebalance_timeout_ms=1000,
                                protocol_type="consumer", protocols=[{"name": "range", "metadata": b"\0\0\0\0\0\0"}])
    + call("sync_group", 2, **GROUP, generation_id=1, assignments=[]) + call("heartbeat", 2, **GROUP, generation_id=1)
    + call("offset_commit", 5, **GROUP, generation_id_or_member_epoch=-1, topics=[
        {"name": "t", "partitions": [{"partition_index": 0, "committed_offset": 3}]}])
    + call("offset_fetch", 5, group_id="g", topics=None) + call("describe_groups", 4, groups=["g", "h"])
    + call("list_groups", 2) + call("leave_group", 1, **GROUP) + call("delete_groups", 1, groups_names=["g"]),
    "topics": create("t", "u", "bad name", "__x") + call("metadata", 9, topics=None)
    + call("create_partitions", 1, topics=[{"name": "t", "count": 3, "assignments": None}], timeout_ms=1000)
    + call("describe_configs", 2, resources=[{"resource_type": 2, "resource_name": "t"}, {"resource_type": 4, "resource_name": "1"}])
    + call("delete_topics", 3, topic_names=["t", "u"], timeout_ms=1000) + call("describe_log_dirs", 2, topics=None)
    + call("describe_topic_partitions", 0, topics=[{"name": "t"}], response_partition_limit=1),
    "tools": create("t", "u") + call("elect_leaders", 1, election_type=0, topic_partitions=[
        {"topic": "t", "partitions": [0, 1, 7]}, {"topic": "x", "partitions": [0]}], timeout_ms=100)
    + call("elect_leaders", 2, election_type=1, topic_partitions=None, timeout_ms=100)
    + call("list_partition_reassignments", 0, topics=[{"name": "t", "partition_indexes": [0]}], timeout_ms=100)
    + call("list_config_resources", 1, resource_types=[2, 4]) + call("list_config_resources", 1, resource_types=[])
    + call("create_delegation_token", 3, owner_principal_type="User", owner_principal_name="x", renewers=[
        {"principal_type": "User", "principal_name": "y"}], max_lifetime_ms=1000)
    + call("describe_delegation_token", 3, owners=[{"principal_type": "User", "principal_name": "x"}])
    + call("renew_delegation_token", 2, hmac=bytes(64), renew_period_ms=-1)
    + call("expire_delegation_token", 2, hmac=bytes(64), expiry_time_period_ms=-1),
    "rehearsed": create("t") + rehearse(carried("create_topics", 5, topics=[
        {"name": "u", "num_partitions": 2, "replication_factor": 1, "assignments": [], "configs": []}], timeout_ms=1000),
        carried("tree_set", 0, changes=[{"path": "/main/topics/u", "mode_set": 4}]), carried("metadata", 9, topics=None))
    + rehearse(carried("user_alter", 0, changes=[{"action": 0, "user": "x", "mechanisms": ["PLAIN"]}]),
               carried("team_alter", 0, changes=[{"action": 0, "team": "y"}, {"action": 2, "team": "y", "users": ["x"]}]))
    + rehearse(carried("create_acls", 2, creations=[{"resource_type": 2, "resource_name": "t", "resource_pattern_type": 3,
                                                     "principal": "User:x", "host": "*", "operation": 3, "permission_type": 3}]))
    + rehearse(carried("delete_topics", 5, topic_names=["t"], timeout_ms=1000), carried("tenant_list", 0))
    + rehearse({"api_key": 0, "api_version": 5, "body": b""}, {"api_key": 20063, "api_version": 0, "body": bytes(4)}),
}


def every_api():
    """One of each, with what an empty request says."""
    out = b""
    for api in APIS:
        out += call(api.name, api.lo) + call(api.name, api.hi)
    return out




def main():
    for name, day in DAYS.items():
        batch_corpus.put("fuzz_broker", name, b"\1" + day)
        batch_corpus.put("fuzz_broker", name + "-stranger", b"\0" + day)
    batch_corpus.put("fuzz_broker", "empty", b"\1" + every_api())


if __name__ == "__main__":
    main()
