# SPDX-License-Identifier: Apache-2.0
"""Questions, and what Apache Kafka 4.3.1 answered: kafka_answers.jsonl, a line each, in the order in which they were asked.

A line is [api, version, request, answer]. Where the answer is a number Schloss answers otherwise, by the deviation of that
number in doc/PROTOCOL.md or because of it, and the question is asked for what it does. Fields that differ from broker to
broker are left out.

usage: kafka_answers.py HOST:PORT     asks a fresh Kafka there (no SASL, no automatic topics) and writes the answers anew
"""
import json
import pathlib
import sys
import time

FILE = pathlib.Path(__file__).with_name("kafka_answers.jsonl")
VOLATILE = {"throttle_time_ms", "cluster_id", "port", "host", "broker_id", "node_id", "leader_epoch", "topic_id",
            "error_message", "batch_index_error_message", "log_append_time_ms", "controller_id", "rack", "current_leader", "log_dir",
            "total_bytes", "usable_bytes", "partition_size", "producer_id", "session_id", "preferred_read_replica",
            "aborted_transactions", "cluster_authorized_operations", "synonyms",
            "of_owner", "until_ms"}  # the last two are tagged fields of ours
# Of these APIs more differs, and the codes are the point.
CODES = {"create_topics": {"configs"}, "api_versions": {"api_keys", "finalized_features_epoch", "supported_features"},
         "list_groups": {"groups"}, "join_group": {"member_id"}, "fetch": {"records"},
         "produce": {"log_start_offset"}}


def plain(value):
    """As JSON has it; bytes are {"hex": ...}."""
    if isinstance(value, (bytes, bytearray)):
        return {"hex": bytes(value).hex()}
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def back(value):
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"]) if set(value) == {"hex"} else {k: back(v) for k, v in value.items()}
    return [back(v) for v in value] if isinstance(value, list) else value


def stable(api, value):
    """An answer without what differs from broker to broker; lists in an order of their own."""
    if isinstance(value, dict):
        return {k: stable(api, v) for k, v in value.items() if k not in VOLATILE and k not in CODES.get(api, ())}
    if isinstance(value, list):
        return sorted((stable(api, v) for v in value), key=lambda v: json.dumps(plain(v), sort_keys=True))
    return value


def ask(client, api, version, request):
    return plain(stable(api, client.call(api, version, **back(request))))


def lines():
    return [json.loads(line) for line in FILE.read_text().splitlines()]


def write(rows):
    FILE.write_text("".join(json.dumps(row, sort_keys=True, separators=(",", ":")) + "\n" for row in rows))


def main():
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "wire"))
    import twin
    host, port = sys.argv[1].rsplit(":", 1)
    schema, rows = twin.Schema(), []
    names = [str(i) for i in range(1000)]
    with twin.Client(host, int(port), schema=schema) as client: # until it has loaded all that it makes at the first use
        while (client.call("find_coordinator", 3, key="first", key_type=0)["error_code"] or
               any(g["error_code"] for g in client.call("describe_groups", 4, groups=names)["groups"]) or
               client.call("init_producer_id", 3, transactional_id=None, transaction_timeout_ms=1000)["error_code"]):
            time.sleep(0.5)
    for api, version, request, answer in lines():
        with twin.Client(host, int(port), schema=schema) as client:
            try:
                got = ask(client, api, version, request)
            except (EOFError, OSError):  # some of the questions that deviate end the connection
                if not isinstance(answer, int):
                    raise
        rows.append([api, version, request, answer if isinstance(answer, int) else got])
    write(rows)


if __name__ == "__main__":
    main()
