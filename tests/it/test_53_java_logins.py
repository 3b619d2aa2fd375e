# SPDX-License-Identifier: Apache-2.0
"""Apache Kafka's own console tools by a ticket and by a client certificate."""
import os

import pytest
from test_52_java import Tools, jars, there_and_back  # noqa: F401  jars: a fixture

Site = pytest.importorskip("test_50_logins").Site


@pytest.fixture(scope="module")
def site(jars, tmp_path_factory):
    s = Site(tmp_path_factory.mktemp("java"))
    for name in ("ticket", "certificate"):
        s.b.ctl("topic", "create", name, "--owner", "anna")
    yield s
    s.close()


def properties(site, name, lines):
    path = site.b.tmp / f"{name}.properties"
    path.write_text("\n".join([*lines, "ssl.truststore.type=PEM", f"ssl.truststore.location={site.b.dir}/tls/ca.pem"]) + "\n")
    return path


def test_by_a_ticket(jars, site):
    env = site.ticket()
    path = properties(site, "ticket", [
        "security.protocol=SASL_SSL", "sasl.mechanism=GSSAPI", "sasl.kerberos.service.name=kafka",
        "sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required useTicketCache=true "
        f'renewTGT=false doNotPrompt=true ticketCache="{env["KRB5CCNAME"].removeprefix("FILE:")}";'])
    there_and_back(Tools(jars, f"localhost:{site.ports['tickets']}", path,
                         [f"-Djava.security.krb5.conf={site.realm}/krb5.conf"], env), "ticket", "lz4")


def test_by_a_certificate(jars, site):
    conf = site.certificate("/O=Works/CN=anna")
    pem = site.b.tmp / "anna-both.pem"
    with open(os.open(pem, os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
        for key in ("ssl.key.location", "ssl.certificate.location"):
            with open(conf[key]) as part:
                out.write(part.read())
    path = properties(site, "certificate", ["security.protocol=SSL", "ssl.keystore.type=PEM", f"ssl.keystore.location={pem}"])
    there_and_back(Tools(jars, f"localhost:{site.ports['certificates']}", path), "certificate", "snappy")
