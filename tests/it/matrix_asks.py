# SPDX-License-Identifier: Apache-2.0
"""The requests of the authorization matrix, and what in an answer is the verdict.

ASKS[api, what] is an Ask: request(o, v) makes the request about the object o at version v, verdict
is a path to the error code in the answer ("topics.0.error_code") or a function of the answer and o that
says "listed" or "omitted". heal(site, o, answer) makes
good what the request changed where it was allowed.
"""
from kafka.record.default_records import DefaultRecordBatchBuilder

ASKS = {}
ZERO = bytes(16)


def batch():
    b = DefaultRecordBatchBuilder(magic=2, compression_type=0, is_transactional=0, producer_id=-1,
                                  producer_epoch=-1, base_sequence=-1, batch_size=1000)
    b.append(0, timestamp=1700000000000, key=None, value=b"x", headers=[])
    return bytes(b.build())


RECORDS = batch()


class Ask:
    def __init__(self, request, verdict, heal):
        self.request, self.verdict, self.heal = request, verdict, heal

    def judge(self, answer, o):
        if callable(self.verdict):
            return self.verdict(answer, o)
        for step in self.verdict.split("."):
            if step.isdigit() and not answer:
                return "empty"
            answer = answer[int(step)] if step.isdigit() else answer[step]
        return str(answer)


def ask(api, what, verdict, heal=None):
    def put(f):
        ASKS[api, what] = Ask(f, verdict, heal)
        return f
    return put


def listed(found):
    return "listed" if found else "omitted"


# Topics. The group "open" and the topic "open" are everybody's.

def produce(topic, txn):
    return {"transactional_id": txn, "acks": -1, "timeout_ms": 10000, "topic_data": [
        {"name": topic, "partition_data": [{"index": 0, "records": RECORDS}]}]}


@ask("produce", "topic", "responses.0.partition_responses.0.error_code")
def _(o, v):
    return produce(o.name, None)


@ask("produce", "old", "responses.0.partition_responses.0.error_code")
def _(o, v):
    return produce(o.name, None)


@ask("produce", "txn", "responses.0.partition_responses.0.error_code")
def _(o, v):
    return produce("open", o.name)


def fetch(o, v, replica=-1):
    who = {"replica_id": replica} if v < 15 else {"replica_state": {"replica_id": replica, "replica_epoch": 1}}
    named = {"topic": o.name} if v < 13 else {"topic_id": o.id}
    return {**who, "max_wait_ms": 0, "min_bytes": 0, "max_bytes": 1 << 20, "topics": [
        {**named, "partitions": [{"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1 << 20}]}]}


ask("fetch", "topic", "responses.0.partitions.0.error_code")(fetch)
ask("fetch", "id", "responses.0.partitions.0.error_code")(fetch)


@ask("fetch", "replica", "responses.0.partitions.0.error_code")
def _(o, v):
    return fetch(o, v, replica=1)


@ask("list_offsets", "topic", "topics.0.partitions.0.error_code")
def _(o, v):
    return {"replica_id": -1, "topics": [{"name": o.name, "partitions": [
        {"partition_index": 0, "timestamp": -1}]}]}


def metadata(topics, v):
    return {"topics": topics, **({"allow_auto_topic_creation": False} if v >= 4 else {})}


@ask("metadata", "topic", "topics.0.error_code")
def _(o, v):
    return metadata([{"name": o.name}], v)


@ask("metadata", "id", "topics.0.error_code")
def _(o, v):
    return metadata([{"topic_id": o.id, "name": None}], v)


@ask("metadata", "list", lambda a, o: listed(o.name in [t["name"] for t in a["topics"]]))
def _(o, v):
    return metadata(None if v else [], v)


def commit(group, o, v):
    named = {"topic_id": o.id} if v >= 10 else {"name": o.name}
    return {"group_id": group, "member_id": "", "topics": [{**named, "partitions": [
        {"partition_index": 0, "committed_offset": 0, "committed_metadata": ""}]}]}


@ask("offset_commit", "topic", "topics.0.partitions.0.error_code")
def _(o, v):
    return commit("open", o, v)


@ask("offset_commit", "id", "topics.0.partitions.0.error_code")
def _(o, v):
    return commit("open", o, v)


@ask("offset_commit", "group", "topics.0.partitions.0.error_code", lambda s, o, a: s.forget_if_made(o))
def _(o, v):
    return commit(o.name, o.open, v)


def offset_fetch(group, topics, v):
    if v < 8:
        return {"group_id": group, "topics": topics}
    return {"groups": [{"group_id": group, "topics": topics}]}


def old_or_new(old, new, top="error_code"):
    """A verdict that lies elsewhere before the form of many: the first one that is there."""
    def verdict(a, o):
        if a["groups"]:
            return Ask(None, new, None).judge(a["groups"][0], o)
        return Ask(None, old, None).judge(a, o)
    return verdict


in_topic = "topics.0.partitions.0.error_code"


@ask("offset_fetch", "topic", old_or_new(in_topic, in_topic))
def _(o, v):
    return offset_fetch("open", [{"name": o.name, "partition_indexes": [0]}], v)


@ask("offset_fetch", "id", old_or_new(in_topic, in_topic))
def _(o, v):
    return offset_fetch("open", [{"topic_id": o.id, "partition_indexes": [0]}], v)


def positions(a, o):
    topics = a["groups"][0]["topics"] if a["groups"] else a["topics"]
    return listed(any(t.get("name") == o.name or t.get("topic_id") == o.id for t in topics))


@ask("offset_fetch", "list", positions)
def _(o, v):
    return offset_fetch("open", None, v)


def group_of_fetch(a, o):
    if a["groups"]:
        return str(a["groups"][0]["error_code"])
    return str(a["error_code"] or a["topics"][0]["partitions"][0]["error_code"] if a["topics"] else a["error_code"])


@ask("offset_fetch", "group", group_of_fetch)
def _(o, v):
    named = {"topic_id": o.open.id} if v >= 10 else {"name": "open"}
    return offset_fetch(o.name, [{**named, "partition_indexes": [0]}], v)


@ask("offset_delete", "topic", "topics.0.partitions.0.error_code", lambda s, o, a: o.id and s.commit("open", o))
def _(o, v):
    return {"group_id": "open", "topics": [{"name": o.name, "partitions": [{"partition_index": 0}]}]}


def creation(name):
    return {"topics": [{"name": name, "num_partitions": 1, "replication_factor": 1}], "validate_only": True}


@ask("create_topics", "topic", "topics.0.error_code")
def _(o, v):
    return creation(o.name)


@ask("create_topics", "cluster", "topics.0.error_code")
def _(o, v):
    return creation("new")


@ask("create_topics", "configs", lambda a, o: str(a["topics"][0]["topic_config_error_code"]))
def _(o, v):
    return creation(o.name)


@ask("delete_topics", "topic", "responses.0.error_code", lambda s, o, a: s.make_topic(o))
def _(o, v):
    named = {"topics": [{"name": o.name, "topic_id": ZERO}]} if v >= 6 else {"topic_names": [o.name]}
    return {**named, "timeout_ms": 10000}


@ask("delete_topics", "id", "responses.0.error_code", lambda s, o, a: s.make_topic(o))
def _(o, v):
    return {"topics": [{"name": None, "topic_id": o.id}], "timeout_ms": 10000}


@ask("create_partitions", "topic", "results.0.error_code")
def _(o, v):
    return {"topics": [{"name": o.name, "count": 2, "assignments": None}], "validate_only": True,
            "timeout_ms": 10000}


@ask("delete_records", "topic", "topics.0.partitions.0.error_code")
def _(o, v):
    return {"topics": [{"name": o.name, "partitions": [{"partition_index": 0, "offset": 0}]}], "timeout_ms": 10000}


@ask("offset_for_leader_epoch", "topic", "topics.0.partitions.0.error_code")
def _(o, v):
    return {"topics": [{"topic": o.name, "partitions": [{"partition": 0, "leader_epoch": 0}]}]}


def resource(kind, name, configs):
    return {"resource_type": kind, "resource_name": name, "configs": configs}


@ask("describe_configs", "topic", "results.0.error_code")
def _(o, v):
    return {"resources": [{"resource_type": 2, "resource_name": o.name, "configuration_keys": None}]}


@ask("describe_configs", "broker", "results.0.error_code")
def _(o, v):
    return {"resources": [{"resource_type": 4, "resource_name": "1", "configuration_keys": None}]}


@ask("alter_configs", "topic", "responses.0.error_code")
def _(o, v):
    return {"resources": [resource(2, o.name, [{"name": "retention.ms", "value": "1000000"}])],
            "validate_only": True}


@ask("alter_configs", "broker", "responses.0.error_code")
def _(o, v):
    return {"resources": [resource(4, "1", [])], "validate_only": True}


@ask("incremental_alter_configs", "topic", "responses.0.error_code")
def _(o, v):
    return {"resources": [resource(2, o.name, [{"name": "retention.ms", "config_operation": 0,
                                                "value": "1000000"}])], "validate_only": True}


@ask("incremental_alter_configs", "broker", "responses.0.error_code")
def _(o, v):
    return {"resources": [resource(4, "1", [])], "validate_only": True}


@ask("describe_topic_partitions", "topic", "topics.0.error_code")
def _(o, v):
    return {"topics": [{"name": o.name}], "response_partition_limit": 100}


@ask("describe_topic_partitions", "list", lambda a, o: listed(o.name in [t["name"] for t in a["topics"]]))
def _(o, v):
    return {"topics": [], "response_partition_limit": 2000}


@ask("tree_list", "topic", lambda a, o: listed(o.path in [n["path"] for n in a["nodes"]]))
def _(o, v):
    return {"path": f"/{o.tenant}/topics"}


# Groups and transactional ids.

@ask("find_coordinator", "group", lambda a, o: str((a["coordinators"] or [a])[0]["error_code"]))
def _(o, v):
    return {"key": o.name} if v < 4 else {"coordinator_keys": [o.name], "key_type": 0}


@ask("find_coordinator", "txn", lambda a, o: str((a["coordinators"] or [a])[0]["error_code"]))
def _(o, v):
    return {"key": o.name, "key_type": 1} if v < 4 else {"coordinator_keys": [o.name], "key_type": 1}


def join(o, v):
    return {"group_id": o.name, "session_timeout_ms": 6000, "member_id": "", "protocol_type": "consumer",
            "protocols": [{"name": "range", "metadata": b""}], **({"rebalance_timeout_ms": 6000} if v else {})}


for form in ("group", "old"):
    ask("join_group", form, "error_code", lambda s, o, a: s.leave(o, a["member_id"]))(join)


@ask("sync_group", "group", "error_code")
def _(o, v):
    named = {"protocol_type": "consumer", "protocol_name": "range"} if v >= 5 else {}
    return {"group_id": o.name, "generation_id": 1, "member_id": "nobody", "assignments": [], **named}


@ask("heartbeat", "group", "error_code")
def _(o, v):
    return {"group_id": o.name, "generation_id": 1, "member_id": "nobody"}


@ask("leave_group", "group", lambda a, o: str(a["error_code"] or (a.get("members") or [a])[0]["error_code"]))
def _(o, v):
    if v < 3:
        return {"group_id": o.name, "member_id": "nobody"}
    return {"group_id": o.name, "members": [{"member_id": "nobody", "group_instance_id": None}]}


@ask("describe_groups", "group", "groups.0.error_code")
def _(o, v):
    return {"groups": [o.name]}


@ask("list_groups", "group", lambda a, o: listed(o.name in [g["group_id"] for g in a["groups"]]))
def _(o, v):
    return {}


@ask("list_groups", "all", lambda a, o: listed("hers" in [g["group_id"] for g in a["groups"]]))
def _(o, v):
    return {}


@ask("delete_groups", "group", "results.0.error_code", lambda s, o, a: s.make_group(o))
def _(o, v):
    return {"groups_names": [o.name]}


@ask("offset_delete", "group", "error_code", lambda s, o, a: s.make_group(o))
def _(o, v):
    return {"group_id": o.name, "topics": [{"name": "open", "partitions": [{"partition_index": 0}]}]}


@ask("tree_list", "group", lambda a, o: listed(o.path in [n["path"] for n in a["nodes"]]))
def _(o, v):
    return {"path": f"/{o.tenant}/groups"}


@ask("group_create", "group", "error_code", lambda s, o, a: s.forget_if_made(o))
def _(o, v):
    return {"group": o.name}


@ask("init_producer_id", "txn", "error_code")
def _(o, v):
    return {"transactional_id": o.name, "transaction_timeout_ms": 1000}


# The tenant and the installation.

@ask("init_producer_id", "idempotent", "error_code")
def _(o, v):
    return {"transactional_id": None}


def directories(a, o):
    return listed(a["results"])


@ask("describe_log_dirs", "cluster", "error_code")
def _(o, v):
    return {"topics": None}


@ask("describe_log_dirs", "old", directories)
def _(o, v):
    return {"topics": None}


@ask("describe_cluster", "operations", lambda a, o: listed(a["cluster_authorized_operations"] > 0))
def _(o, v):
    return {"include_cluster_authorized_operations": True}


@ask("metadata", "operations", lambda a, o: listed(a["cluster_authorized_operations"] > 0))
def _(o, v):
    return {"topics": [], "include_cluster_authorized_operations": True}


ANY_RULE = {"resource_type_filter": 1, "resource_name_filter": None, "pattern_type_filter": 1,
            "principal_filter": None, "host_filter": None, "operation": 1, "permission_type": 1}


@ask("describe_acls", "cluster", "error_code")
def _(o, v):
    return ANY_RULE


def rules_on(kind, name):
    return {**ANY_RULE, "resource_type_filter": {"topic": 2, "group": 3}[kind], "resource_name_filter": name,
            "pattern_type_filter": 3}


def only_its_rules(a, o):
    told = {(r["resource_type"], r["resource_name"], r["pattern_type"]) for r in a["resources"]}
    return str(a["error_code"]) if told <= {({"topic": 2, "group": 3}[o.type], o.name, 3)} else f"told of {told}"


for kind in ("topic", "group"):
    ask("describe_acls", kind, only_its_rules)(lambda o, v: rules_on(o.type, o.name))


@ask("describe_acls", "hers", "error_code")
def _(o, v):
    return rules_on("group", "hers")


@ask("create_acls", "cluster", "results.0.error_code")
def _(o, v):
    return {"creations": [{"resource_type": 2, "resource_name": "made", "resource_pattern_type": 4,
                           "principal": "User:made", "host": "*", "operation": 3, "permission_type": 3}]}


@ask("delete_acls", "cluster", "filter_results.0.error_code")
def _(o, v):
    return {"filters": [{**ANY_RULE, "principal_filter": "User:made"}]}


@ask("describe_client_quotas", "cluster", "error_code")
def _(o, v):
    return {"components": [], "strict": False}


def quota(kind, name, key="producer_byte_rate"):
    return {"entries": [{"entity": [{"entity_type": kind, "entity_name": name}],
                         "ops": [{"key": key, "value": 1e9, "remove": False}]}], "validate_only": True}


@ask("alter_client_quotas", "user", "entries.0.error_code")
def _(o, v):
    return quota("user", "plain")


@ask("alter_client_quotas", "address", "entries.0.error_code")
def _(o, v):
    return quota("ip", "10.0.0.1", "connection_creation_rate")


@ask("alter_client_quotas", "limits", "entries.0.error_code")
def _(o, v):
    return quota("tenant", o.tenant)


@ask("describe_user_scram_credentials", "cluster", "error_code")
def _(o, v):
    return {"users": [{"name": "plain"}]}


@ask("alter_user_scram_credentials", "cluster", "results.0.error_code")
def _(o, v):
    return {"deletions": [{"name": "nobody", "mechanism": 1}], "upsertions": []}


def others(o):
    """The token of ghost's, whom nobody of the cells is."""
    return o.token["hmac"] if o.token else bytes(64)


@ask("create_delegation_token", "other", "error_code")
def _(o, v):
    return {"owner_principal_type": "User", "owner_principal_name": "nobody", "renewers": [], "max_lifetime_ms": -1}


@ask("create_delegation_token", "own", "error_code")
def _(o, v):
    return {"renewers": [{"principal_type": "Team", "principal_name": "x"}], "max_lifetime_ms": -1}


@ask("describe_delegation_token", "other", lambda a, o: listed("ghost" in [t["principal_name"] for t in a["tokens"]]))
def _(o, v):
    return {"owners": None}


@ask("renew_delegation_token", "other", "error_code")
def _(o, v):
    return {"hmac": others(o), "renew_period_ms": -1}


@ask("expire_delegation_token", "other", "error_code")
def _(o, v):
    return {"hmac": others(o), "expiry_time_period_ms": 86_400_000}


@ask("elect_leaders", "root", "error_code")
def _(o, v):
    return {"election_type": 0, "topic_partitions": None}


@ask("elect_leaders", "old", "replica_election_results.0.partition_result.0.error_code")
def _(o, v):
    return {"topic_partitions": [{"topic": "open", "partitions": [0]}]}


@ask("list_partition_reassignments", "root", "error_code")
def _(o, v):
    return {"topics": None}


@ask("list_config_resources", "cluster", "error_code")
def _(o, v):
    return {"resource_types": []} if v else {}


@ask("connection_list", "other", "error_code")
def _(o, v):
    return {"user": "ghost"}


@ask("connection_kill", "other", "error_code")
def _(o, v):
    return {"user": "ghost"}


@ask("rate_list", "tenant", "error_code")
def _(o, v):
    return {"what": 0}


@ask("rate_list", "topics", lambda a, o: listed(o.name in [r["name"] for r in a["rows"]]))
def _(o, v):
    return {"what": 2, "after": f"{o.tenant}/{o.name[:-1]}"}


@ask("tree_set", "tenant", "results.0.error_code")
def _(o, v):
    return {"changes": [{"path": f"/{o.tenant}", "mode_set": 0o700}], "dry_run": True}


@ask("why", "other", "error_code")
def _(o, v):
    return {"user": "ghost", "operation": 8, "path": f"/{o.tenant}"}


@ask("who_can", "other", "error_code")
def _(o, v):
    return {"operation": 8, "path": f"/{o.tenant}"}


@ask("what_can", "other", "error_code")
def _(o, v):
    return {"user": "nobody"}


@ask("team_alter", "cluster", "error_code")
def _(o, v):
    return {"changes": [{"action": 0, "team": "admins", "users": []}]}


@ask("team_list", "all", lambda a, o: listed("hidden" in [t["name"] for t in a["teams"]]))
def _(o, v):
    return {"teams": None}


@ask("user_alter", "cluster", "results.0.error_code")
def _(o, v):
    return {"changes": [{"action": 2, "user": "nobody"}]}


@ask("user_keys", "other", "error_code")
def _(o, v):
    return {"users": ["nobody"], "after": None}


@ask("user_list", "cluster", "error_code")
def _(o, v):
    return {"users": None}


@ask("tenant_alter", "root", "error_code")
def _(o, v):
    return {"tenant": None, "action": 1}


@ask("tenant_list", "all", lambda a, o: listed("acme" in [t["name"] for t in a["tenants"]]))
def _(o, v):
    return {}


@ask("tenant_usage", "tenant", "error_code")
def _(o, v):
    return {}


@ask("tenant_usage", "user", "error_code")
def _(o, v):
    return {"user": "nobody"}


@ask("group_create", "give", "error_code")
def _(o, v):
    return {"group": "hers", "owner": "ghost"}


@ask("id", "other", "error_code")
def _(o, v):
    return {"user": "nobody"}


@ask("enter", "root", "error_code")
def _(o, v):
    return {"tenant": o.tenant}


@ask("topic_recover", "topic", "error_code")
def _(o, v):
    return {"topic": o.name, "partitions": None}


@ask("audit_head", "root", "error_code")
def _(o, v):
    return {}


@ask("backup_begin", "root", "error_code")
def _(o, v):
    return {"id": "none"}


@ask("backup_read", "root", "error_code")
def _(o, v):
    return {"id": "none", "length": 1}


@ask("backup_end", "root", "error_code")
def _(o, v):
    return {"id": "none"}


# Whose access would be another: others' is for who administers. What is carried is asked for by rows of its own.
@ask("rehearse", "all", lambda a, o: listed(a["error_code"] == 0 and not a["only_own"]))
def _(o, v):
    return {"calls": [{"api_key": 20010, "api_version": 0, "body": bytes(3)}], "compare": True}
