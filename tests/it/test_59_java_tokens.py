# SPDX-License-Identifier: Apache-2.0
"""Apache Kafka's own kafka-delegation-tokens, all that its --help offers, and a Java client that comes by a token."""
import json
import re
import time

import pytest
from harness import Broker
from test_52_java import TOOLS, Tools, jars, there_and_back  # noqa: F401  jars: a fixture

TOKENS = TOOLS + "DelegationTokenCommand"
HOUR = 3_600_000


@pytest.fixture(scope="module")
def broker():
    b = Broker("group.initial.rebalance.delay.ms: 0").start()
    for name in ("anna", "bert"):
        b.ctl("user", "create", name, "--conf", b.dir / f"{name}.properties")
        b.ctl("user", "passwd", name, "--conf", b.dir / f"{name}.conf")	# the same in both notations
        b.ctl("user", "passwd", name, "--conf", b.dir / f"{name}.properties", "--password", b.conf(name)["sasl.password"])
    for topic in ("orders", "bills"):
        b.ctl("topic", "create", topic, "--owner", "anna")
    yield b
    b.remove()


def tools(jars, b, name):
    return Tools(jars, b.address, b.dir / f"{name}.properties")


def rows(out):
    """Of a listing: [(id, hmac, owner, requester, renewers), ...]."""
    lines = [line.split() for line in out.split("\n")]
    return [(w[0], w[1], w[2], w[3], w[4]) for w in lines if len(w) >= 7 and re.fullmatch(r"[\w-]{22}", w[0])]


def listed(b, name="admin"):
    return {t["id"]: t for t in json.loads(b.ctl("token", "list", "--hmac", "-o", "json", conf=name).stdout)}


def test_all_that_the_tool_does(jars, broker):
    anna, bert, admin = (tools(jars, broker, n) for n in ("anna", "bert", "admin"))
    made = rows(anna(TOKENS, "--create", "--max-life-time-period", str(HOUR), "--renewer-principal", "User:bert"))
    [(token, hmac, owner, requester, renewers)] = made
    assert owner == "User:anna" == requester and "bert" in renewers
    assert listed(broker)[token]["hmac"] == hmac and listed(broker)[token]["renewers"] == ["bert"]
    [(given, given_hmac, owner, requester, _)] = rows(admin(
        TOKENS, "--create", "--max-life-time-period", "-1", "--owner-principal", "User:anna"))
    assert (owner, requester) == ("User:anna", "User:admin") and listed(broker)[given]["made_by"] == "admin"
    for who in (anna, admin):
        assert {r[0] for r in rows(who(TOKENS, "--describe", "--owner-principal", "User:anna"))} == {token, given}
    assert {r[0] for r in rows(bert(TOKENS, "--describe", "--owner-principal", "User:anna"))} == {token}
    before = listed(broker)[token]["expires"]
    time.sleep(1.1)	# times are shown in seconds
    bert(TOKENS, "--renew", "--renew-time-period", str(HOUR // 2), "--hmac", hmac)
    assert listed(broker)[token]["expires"] != before
    anna(TOKENS, "--expire", "--expiry-time-period", str(HOUR // 4), "--hmac", hmac)
    anna(TOKENS, "--expire", "--expiry-time-period", "-1", "--hmac", hmac)
    assert listed(broker).keys() == {given}
    assert "DelegationTokenNotFoundException" in anna(TOKENS, "--renew", "--renew-time-period", "-1", "--hmac", hmac, check=False)
    assert "DelegationTokenOwnerMismatchException" in bert(
        TOKENS, "--renew", "--renew-time-period", "-1", "--hmac", given_hmac, check=False)
    assert "DelegationTokenAuthorizationException" in bert(
        TOKENS, "--create", "--max-life-time-period", "-1", "--owner-principal", "User:anna", check=False)


def test_a_java_client_comes_by_a_token(jars, broker):
    for topic, mechanism in (("orders", "SCRAM-SHA-256"), ("bills", "SCRAM-SHA-512")):
        [t] = json.loads(broker.ctl("token", "create", "--owner", "anna", "-o", "json").stdout)
        path = broker.tmp / "token.properties"
        path.write_text("\n".join([
            "security.protocol=SASL_SSL", f"sasl.mechanism={mechanism}", "ssl.truststore.type=PEM",
            f"ssl.truststore.location={broker.dir}/tls/ca.pem",
            "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required "
            f'username="{t["id"]}" password="{t["hmac"]}" tokenauth="true";', ""]))
        by = Tools(jars, broker.address, path)
        there_and_back(by, topic, "none")
        assert "UnsupportedByAuthenticationException" in by(TOKENS, "--create", "--max-life-time-period", "-1", check=False)
        broker.ctl("token", "expire", t["id"])
        assert "Authentication failed" in by(TOOLS + "TopicCommand", "--list", check=False)
