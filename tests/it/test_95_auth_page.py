# SPDX-License-Identifier: Apache-2.0
"""schloss-auth(7), done as it stands there: the listener of each section, its users, and its clients in each language, who must
all come in, as whom the page says. A reader's own stand for the page's: addresses, passwords, files."""
import concurrent.futures
import contextlib
import json
import os
import re
import ssl
import time

import foreign
import pytest
import twin
from harness import BUILD, ROOT, Broker, free_port, run
from hostile import closed, eventually
from issuer import AUDIENCE, ISSUER, Issuer, Key, Server
from manual import examples, examples_by_part, source
from test_59_tokens import message, say

PAGE = "schloss-auth.7"
KDC = ROOT / "tests/unit/security/kdc.sh"
KCAT = "kcat and librdkafka"
SECTIONS = {"SCRAM": "anna1", "PLAIN": "anna2", "GSSAPI": "anna3", "OAUTHBEARER": "anna4", "CLIENT CERTIFICATES": "anna5",
            "DELEGATION TOKENS": "anna1"}
FRAME = examples_by_part(PAGE, "CLIENTS")


def text(block):
    return "\n".join(block) + "\n"


class Site:
    """A broker with a listener for each section, in which anna has another name and a topic of that name."""

    def __init__(self, tmp):
        self.tmp, self.realm, self.work = tmp, tmp / "realm", tmp / "work"
        self.realm.mkdir()
        self.work.mkdir()
        p = run("sh", KDC, "start", self.realm, check=False)
        if p.returncode == 77:
            pytest.skip(p.stdout.strip())
        assert p.returncode == 0, p.stdout + p.stderr
        self.issuer = Server(Issuer(), tmp)
        session, = examples(PAGE, "SESSIONS")
        self.b = b = Broker(f"sasl.oauthbearer.jwks.endpoint.truststore.location: {self.issuer.ca}\n{text(session)}")
        self.ports = {name: free_port() for name in [*SECTIONS, "HTTPS"]}
        self.ports["DELEGATION TOKENS"] = self.ports["SCRAM"]
        self.env = {"PATH": f"{BUILD}:{os.environ['PATH']}", "SCHLOSSCTL_CONF": str(b.dir / "admin.conf"),
                    "KRB5_CONFIG": f"{self.realm}/krb5.conf", "KRB5_KDC_PROFILE": f"{self.realm}/kdc.conf",
                    "KRB5CCNAME": f"FILE:{tmp}/cache", "SSL_CERT_FILE": str(self.issuer.ca), "NODE_EXTRA_CA_CERTS": str(self.issuer.ca)}
        self.words = {}
        self.parts = {name: examples_by_part(PAGE, name) for name in SECTIONS}
        commands = {}
        for name in list(SECTIONS)[:5]:
            commands[name] = [block for block in self.parts[name]["The broker"] if block[0] != "listeners:"]
            listener, = (block for block in self.parts[name]["The broker"] if block[0] == "listeners:")
            self.add(name, listener)
        self.add("HTTPS", examples(PAGE, "HTTPS")[0])
        self.type("GSSAPI", commands["GSSAPI"].pop(0))
        b.start(env=self.env)
        for name, blocks in commands.items():
            for block in blocks:
                self.type(name, block)
            b.ctl("topic", "create", SECTIONS[name], "--owner", SECTIONS[name], "-p", "1")
        made, listed = self.parts["DELEGATION TOKENS"]["The broker"][0]
        token, = json.loads(self.type("SCRAM", [made.replace("schlossctl", "schlossctl -o json")]))
        assert token["id"] in self.type("SCRAM", [listed])
        self.words["DELEGATION TOKENS"] = {"TOKEN-ID": token["id"], "HMAC": token["hmac"]}
        for name in ("SCRAM", "PLAIN"):
            conf = (self.work / f"{SECTIONS[name]}.conf").read_text()
            self.words[name] = {"PASSWORD": re.search("(?m)^sasl.password=(.*)$", conf).group(1)}

    def add(self, section, listener):
        shown = self.own(section, text(listener[2:])).replace("*:", "127.0.0.1:")
        self.b.yaml.write_text(self.b.yaml.read_text().replace("listeners:\n", f"listeners:\n  {section.split()[0]}:\n{shown}", 1))

    def close(self):
        run("sh", KDC, "stop", self.realm, check=False)
        self.issuer.close()
        self.b.remove()

    def own(self, section, shown):
        """What the page shows, as somebody has it for himself who does what the section says."""
        mine = {
            r"kafka\.example\.org:909\d": f"localhost:{self.ports[section]}", r"\*:9\d\d\d": f"*:{self.ports[section]}",
            r"kafka\.example\.org:9308": f"localhost:{self.ports['HTTPS']}",
            r"kafka/kafka\.example\.org": "kafka/localhost", r"EXAMPLE\.ORG": "EXAMPLE.TEST",
            "/etc/krb5.conf": f"{self.realm}/krb5.conf", "/etc/schloss/tls/": f"{self.b.dir}/tls/", "/etc/schloss/": f"{self.tmp}/",
            "/etc/ssl/schloss-ca.pem": f"{self.b.dir}/tls/ca.pem", r"/etc/anna\.": f"{self.tmp}/anna.", r"\bkadmin ": "kadmin.local -r EXAMPLE.TEST ",
            "https://id.example.org/([a-z]+)": rf"{self.issuer.url}/\1", "https://id.example.org/": ISSUER, r"\banna\b": SECTIONS.get(section, "anna"),
            r"audience: schloss\b": f"audience: {AUDIENCE}", "CLIENT-SECRET": "s3", **self.words.get(section, {})}
        for old, new in mine.items():
            shown = re.sub(old, new, shown)
        return shown

    def type(self, section, block):
        """In a shell; what it prints."""
        return run("bash", "-ec", f"cd {self.work}\n{self.own(section, text(block))}", env=self.env).stdout

    def file(self, name, section, block):
        path = self.work / name
        path.write_text(self.own(section, text(block)))
        return path


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    s = Site(tmp_path_factory.mktemp("auth"))
    yield s
    s.close()


# ---- kcat and librdkafka ----

def kcat(site, section, name, block, env=()):
    path = site.file(f"{SECTIONS[section]}-{name}", section, block)
    return run("env", "-C", site.work, "kcat", "-F", path, "-P", "-t", SECTIONS[section], "-X", "message.timeout.ms=20000", stdin="by kcat\n",
               env={**site.env, **dict(env)}, check=False, timeout=60)


@pytest.mark.parametrize("section", ["SCRAM", "PLAIN", "GSSAPI", "CLIENT CERTIFICATES"])
def test_kcat(site, section):
    first = site.parts[section][KCAT][0]
    p = kcat(site, section, "kcat.conf", first)
    assert p.returncode == 0, p.stderr
    if section == "GSSAPI":
        _, other = site.parts[section][KCAT]
        cache = {"KRB5CCNAME": f"FILE:{site.tmp}/kinit"}
        run("kinit", "-k", "-t", f"{site.tmp}/anna3.keytab", "anna3", env={**site.env, **cache})
        p = kcat(site, section, "ticket.conf", first[:-2] + other, cache)
        assert p.returncode == 0, p.stderr


PRODUCE = """
told = []
producer.produce({topic!r}, b"by librdkafka", on_delivery=lambda e, m: told.append(e))
assert producer.flush(30) == 0 and told == [None], told
"""


def python(site, section, code, modules=None):
    code = site.own(section, code)
    p = run("/usr/bin/python3", "-c", f"import os\nos.chdir({str(site.work)!r})\n{code}", check=False, timeout=60,
            env={**site.env, **({"PYTHONPATH": str(modules)} if modules else {})})
    assert p.returncode == 0, f"{code}\n{p.stdout}{p.stderr}"


@pytest.mark.parametrize("section", ["SCRAM", "PLAIN", "GSSAPI", "CLIENT CERTIFICATES"])
def test_confluent_kafka(site, section):
    """The file of kcat, read as the page reads it."""
    site.file(f"{SECTIONS[section]}.conf", section, site.parts[section][KCAT][0])
    python(site, section, text(FRAME["Python"][0]) + PRODUCE.format(topic=SECTIONS[section]))


def test_librdkafka_fetches_tokens(site):
    """That of Debian 12 says that it cannot; one that can does."""
    block, = site.parts["OAUTHBEARER"][KCAT]
    p = kcat(site, "OAUTHBEARER", "kcat.conf", block)
    assert p.returncode != 0 and "not supported in this build" in p.stderr, p.stderr
    modules = foreign.had(foreign.python_modules, "confluent-kafka==2.11.1")
    site.file("anna4.conf", "OAUTHBEARER", [*block, f"https.ca.location={site.issuer.ca}"])
    python(site, "OAUTHBEARER", text(FRAME["Python"][0]) + PRODUCE.format(topic="anna4"), modules)


def test_confluent_kafka_is_given_tokens(site):
    fetch, callback, _ = site.parts["OAUTHBEARER"]["Python"]
    python(site, "OAUTHBEARER", text(FRAME["Python"][0][:1]) + text(fetch) + text(callback) + PRODUCE.format(topic="anna4"))


# ---- kafka-python ----

@pytest.mark.parametrize("section", ["SCRAM", "PLAIN", "GSSAPI", "OAUTHBEARER", "CLIENT CERTIFICATES"])
def test_kafka_python(site, section):
    if section == "GSSAPI":
        pytest.importorskip("gssapi", reason="no python3-gssapi")
        run("kinit", "-k", "-t", f"{site.tmp}/anna3.keytab", "anna3", env=site.env)
    blocks = site.parts[section]["Python"]
    shown = blocks[0] + blocks[2] if section == "OAUTHBEARER" else blocks[0]
    python(site, section, text(shown) + text(FRAME["Python"][1]) + f"\nproducer.send({SECTIONS[section]!r}, b'by kafka-python').get(30)\n")


# ---- Java ----

JAVA = """
import java.io.FileReader;
import java.util.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.StringSerializer;

public class Page {
	public static void main(String[] args) throws Exception {
		for (String arg : args) {
			String[] words = arg.split("=", 2);
			Properties p = new Properties();
			p.load(new FileReader(words[1]));
			try (Producer<String, String> by = new KafkaProducer<>(p, new StringSerializer(), new StringSerializer())) {
				by.send(new ProducerRecord<>(words[0], "by Java")).get();
				System.out.println("sent " + arg);
			} catch (Exception e) {
				System.out.println("FAILED " + arg);
				for (Throwable t = e; t != null; t = t.getCause())
					System.out.println(t);
			}
		}
		System.exit(0);
	}
}
"""


def test_java(site):
    jars = foreign.had(foreign.kafka_jars)
    wanted = []

    def file(name, section, block):
        path = site.file(name, section, block)
        with open(path, "a") as out:
            out.write("max.block.ms=20000\n")
        wanted.append(f"{SECTIONS[section]}={path}")
    for section in SECTIONS:
        file(f"{section}.properties", section, site.parts[section]["Java"][-1])
    site.type("CLIENT CERTIFICATES", site.parts["CLIENT CERTIFICATES"]["Java"][0])
    keytool = text(FRAME["Java"][1])
    for made in (keytool, keytool.replace("schloss.jks", "issuer.jks").replace("/etc/ssl/schloss-ca.pem", str(site.issuer.ca))):
        site.type("SCRAM", [made])
    first = site.parts["SCRAM"]["Java"][-1]
    old = [line for line in first if "truststore" not in line]
    file("old.properties", "SCRAM", ["ssl.truststore.type=JKS", "ssl.truststore.password=PASSWORD", "ssl.truststore.location=schloss.jks", *old])
    good = list(wanted)
    file("wrong.properties", "SCRAM", [line.replace('username="anna"', 'username="nobody"') for line in first])
    file("elsewhere.properties", "OAUTHBEARER", [line.replace("org/token", "org/elsewhere") for line in site.parts["OAUTHBEARER"]["Java"][-1]])
    allowed = site.type("OAUTHBEARER", [*site.parts["OAUTHBEARER"]["Java"][0], "echo $KAFKA_OPTS"]).strip()
    path = f"{site.work}/Page.java"
    with open(path, "w") as out:
        out.write(JAVA)
    out = run("env", "-C", site.work, "java", "-XX:TieredStopAtLevel=1", "-Xmx256m", f"-Djava.security.krb5.conf={site.realm}/krb5.conf",
              f"-Djavax.net.ssl.trustStore={site.work}/issuer.jks", site.own("SCRAM", "-Djavax.net.ssl.trustStorePassword=PASSWORD"),
              allowed, "-cp", f"{jars}/*", path, *wanted,
              env=site.env, timeout=120, check=False)
    assert re.findall("(?m)^sent (.*)$", out.stdout) == good, out.stdout + out.stderr[-3000:]
    assert "SaslAuthenticationException: Authentication failed: the user, the password or the mechanism is wrong" in out.stdout
    assert "elsewhere for configuration sasl.oauthbearer.token.endpoint.url: The URL cannot be accessed due to restrictions" in out.stdout, out.stdout


# ---- Node ----

def script(site, section, blocks, client):
    """One block of JavaScript with the page's, and a record by what it has made."""
    topic = SECTIONS[section]
    send = {"kafkajs": f"const p = kafka.producer(); await p.connect()\nawait p.send({{ topic: '{topic}', messages: [{{ value: 'by kafkajs' }}] }})\n"
                       "await p.disconnect()",
            "platformatic": f"await producer.send({{ messages: [{{ topic: '{topic}', value: 'by platformatic' }}] }}); await producer.close()"}[client]
    shown = site.own(section, "".join(text(block) for block in blocks))
    return f"async function {client}_{topic} () {{\n{shown}{send}\nconsole.log('{client} {topic}')\n}}\n"


def test_node(site):
    modules = foreign.had(foreign.node_modules, "kafkajs@2.2.4", "@platformatic/kafka@1.34.0")
    kafkajs, platformatic = FRAME["Node"]
    old = int(run("node", "-p", "process.versions.node.split('.')[0]").stdout) < 20
    wanted, out = [], ""

    def add(client, section, *blocks):
        nonlocal out
        if client == "platformatic" and old:
            print("@platformatic/kafka needs Node 20")
            return
        wanted.append(f"{client} {SECTIONS[section]}")
        out += script(site, section, blocks, client) + f"all.push({client}_{SECTIONS[section]})\n"
    for section in ("SCRAM", "PLAIN"):
        add("kafkajs", section, *site.parts[section]["Node"], kafkajs)
        add("platformatic", section, *site.parts[section]["Node"], platformatic)
    token, by_kafkajs, by_platformatic = site.parts["OAUTHBEARER"]["Node"]
    add("kafkajs", "OAUTHBEARER", token, by_kafkajs, kafkajs)
    add("platformatic", "OAUTHBEARER", token, by_platformatic, platformatic)
    by_kafkajs, by_platformatic = site.parts["CLIENT CERTIFICATES"]["Node"]
    add("kafkajs", "CLIENT CERTIFICATES", kafkajs[:2], by_kafkajs)
    add("platformatic", "CLIENT CERTIFICATES", platformatic[:2], by_platformatic)
    path = site.work / "page.js"
    path.write_text(f"const all = []\n{out};(async () => {{ for (const one of all) await one() }})()"
                    ".catch(e => { console.error(e); process.exit(1) })\n")
    p = run("env", "-C", site.work, "node", path, env={**site.env, "NODE_PATH": str(modules / "node_modules")}, check=False, timeout=120)
    assert p.stdout.split("\n")[:-1] == wanted, p.stdout + p.stderr


# ---- Go ----

GO = ["github.com/IBM/sarama@v1.46.0", "github.com/twmb/franz-go@v1.19.5", "github.com/twmb/franz-go/pkg/sasl/kerberos@v1.1.0",
      "github.com/xdg-go/scram@v1.1.2", "golang.org/x/oauth2@v0.30.0"]
FRANZ = ["context", "crypto/tls", "crypto/x509", "log", "os", "github.com/twmb/franz-go/pkg/kgo", "github.com/twmb/franz-go/pkg/sasl/oauth",
         "github.com/twmb/franz-go/pkg/sasl/plain", "github.com/twmb/franz-go/pkg/sasl/scram", "golang.org/x/oauth2/clientcredentials"]
SARAMA = ["context", "crypto/tls", "crypto/x509", "log", "os", "github.com/IBM/sarama", "github.com/xdg-go/scram",
          "golang.org/x/oauth2/clientcredentials"]
GO_MAIN = """package main

import "fmt"

func main() {
%s}
"""
STOP = "if err != nil {\n\tlog.Fatal(err)\n}\n"
BY_FRANZ = STOP + """defer client.Close()
if err := client.ProduceSync(context.Background(), &kgo.Record{Topic: %r, Value: []byte("by franz-go")}).FirstErr(); err != nil {
	log.Fatal(err)
}
""".replace("%r", '"%s"')
BY_SARAMA = """conf.Producer.Return.Successes = true
p, err := sarama.NewSyncProducer([]string{"kafka.example.org:9093"}, conf)
""" + STOP + """defer p.Close()
_, _, err = p.SendMessage(&sarama.ProducerMessage{Topic: "%s", Value: sarama.StringEncoder("by sarama")})
""" + STOP


class Go:
    """A file of functions, one for each section that a client has; what stands at the top of a file goes there."""

    def __init__(self, site, name, imports, end):
        self.site, self.name, self.end, self.imports, self.top, self.functions = site, name, end, imports, "", {}

    def add(self, section, *blocks):
        body = ""
        for block in blocks:
            if block[0] == "import (":
                self.imports = [*self.imports, *[line.strip() for line in block[1:-1]]]
            elif block[0].startswith("type "):
                self.top += text(block)
            else:
                body += text(block)
        body = self.site.own(section, body + self.end.replace("%s", SECTIONS[section]))
        self.functions[f"{self.name}{section[0]}{SECTIONS[section]}"] = body

    def source(self):
        imports = "".join(f"\t{line}\n" if '"' in line else f'\t"{line}"\n' for line in self.imports)
        return f"package main\n\nimport (\n{imports})\n\n{self.top}" + "".join(f"func {n}() {{\n{b}}}\n" for n, b in self.functions.items())


def test_go(site):
    config, by_franz, by_sarama = FRAME["Go"]
    franz, sarama = Go(site, "franz", FRANZ, BY_FRANZ), Go(site, "sarama", SARAMA, BY_SARAMA)
    go = {section: parts["Go"] for section, parts in site.parts.items()}
    for section, of_franz, of_sarama in (("SCRAM", go["SCRAM"][:1], go["SCRAM"][1:]), ("PLAIN", go["PLAIN"][:1], go["PLAIN"][1:]),
                                         ("GSSAPI", go["GSSAPI"][:2], go["GSSAPI"][2:]),
                                         ("OAUTHBEARER", go["OAUTHBEARER"][:2], go["OAUTHBEARER"][:1] + go["OAUTHBEARER"][2:])):
        franz.add(section, config, *of_franz, by_franz)
        sarama.add(section, config, by_sarama, *of_sarama)
    certificate, without = go["CLIENT CERTIFICATES"]
    franz.add("CLIENT CERTIFICATES", config, certificate, [line.replace(", kgo.SASL(mechanism)", "") for line in by_franz])
    sarama.add("CLIENT CERTIFICATES", config, certificate, by_sarama, without)
    franz.add("DELEGATION TOKENS", config, *go["DELEGATION TOKENS"], by_franz)
    names = [*franz.functions, *sarama.functions]
    main = GO_MAIN % "".join(f'\t{n}()\n\tfmt.Println("{n}")\n' for n in names)
    program = foreign.had(foreign.go_program, "go-auth", GO, {"main.go": main, "franz.go": franz.source(), "sarama.go": sarama.source()})
    p = run("env", "-C", site.work, "timeout", "30", program, env=site.env, check=False, timeout=120)
    assert p.stdout.split() == names, p.stdout + p.stderr


# ---- what else the page says ----

def test_https(site):
    """A password, a token, a certificate; each of a user who may see metrics."""
    _, commands = examples(PAGE, "HTTPS")
    wanted = re.split(r"(?m)^(?=curl)", text(commands))[1:]
    site.words["OAUTHBEARER"] = {r"\bTOKEN\b": site.issuer.issuer.token("anna4")}
    for section, command in zip(("PLAIN", "OAUTHBEARER", "CLIENT CERTIFICATES"), wanted, strict=True):
        site.b.ctl("setfacl", "-m", f"user:{SECTIONS[section]}:describe", "/main")
        assert "schloss_requests_total" in site.type(section, [command.rstrip() + " -sSf"]), command


def connect(site, section, certificate=None, ca=None, tls=True, source="127.0.0.1"):
    context = ssl.create_default_context(cafile=ca or site.b.conf()["ssl.ca.location"]) if tls else None
    if certificate:
        context.load_cert_chain(certificate[0], certificate[1])
    port = site.ports.get(section, site.b.port)
    return twin.Client("127.0.0.1", port, server_hostname="localhost", ssl_context=context, timeout=30, source=source)


def test_a_login_holds_as_long_as_is_set(site):
    with connect(site, "SCRAM") as c:
        assert c.sasl_scram("anna1", site.words["SCRAM"]["PASSWORD"])["session_lifetime_ms"] == 3600000


def items(part):
    """The first words of a list in DIAGNOSTICS."""
    shown = re.search(rf"(?ms)^\.Ss {part}\n(.*?)(?=^\.Ss |\Z)", source(PAGE, "DIAGNOSTICS")).group(1)
    return re.findall(r'(?m)^\.It "(.*)"$', shown)


def test_what_clients_print(site):
    """Each by kcat, but for what Java says, above."""
    scram, tickets, certificate = (site.parts[s][KCAT][0] for s in ("SCRAM", "GSSAPI", "CLIENT CERTIFICATES"))
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", site.work / "stranger.key",
        "-out", site.work / "stranger.pem", "-subj", "/O=Works/CN=anna5", "-days", "2")
    nobody = {"KRB5CCNAME": f"FILE:{site.tmp}/nobody"}

    def but(block, old, new):
        assert any(re.search(old, line) for line in block), old
        return [re.sub(old, new, line) for line in block]
    cases = {
        "Authentication failed: the user, the password or the mechanism is wrong": ("SCRAM", but(scram, "=anna", "=nobody"), {}),
        "Unsupported SASL mechanism": ("SCRAM", but(scram, "SCRAM-SHA-256", "PLAIN"), {}),
        "connecting to a SSL listener?": ("SCRAM", but(scram, "SASL_SSL", "SASL_PLAINTEXT"), {}),
        "broker might require SASL authentication": ("SCRAM", but(scram, "SASL_SSL", "SSL"), {}),
        "certificate verify failed": ("SCRAM", but(scram, "/etc/ssl/schloss-ca.pem", str(site.issuer.ca)), {}),
        "alert certificate required": ("CLIENT CERTIFICATES", certificate[:3], {}),
        "alert unknown ca": ("CLIENT CERTIFICATES", but(certificate, "=anna", "=stranger"), {}),
        "No Kerberos credentials available": ("GSSAPI", [*tickets[:-2], *site.parts["GSSAPI"][KCAT][1]], nobody),
        "not found in Kerberos database": ("GSSAPI", but(tickets, "kafka.example.org:9093", f"127.0.0.1:{site.ports['GSSAPI']}"), {}),
        "not supported in this build": ("OAUTHBEARER", site.parts["OAUTHBEARER"][KCAT][0], {}),
    }
    assert [*cases, "The URL cannot be accessed due to restrictions"] == items("What clients print")

    def told(case):
        words, (section, block, env) = case
        path = site.file(f"{abs(hash(words))}.conf", section, block)
        p = run("env", "-C", site.work, "kcat", "-F", path, "-L", "-m", "4", env={**site.env, **env}, check=False, timeout=60)
        return words if p.returncode != 0 and words in p.stderr else p.stderr
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        assert list(pool.map(told, cases.items())) == list(cases)


ONLY_THERE = {	# each has its own test, among those of logins
    "the login name and the server name are of two tenants", "the listener is another tenant's than the certificate, ticket or token",
    "nonce sent twice", "no rule maps this token to a user", "the token lacks a scope that is required",
    "the keys of tokens have not been fetched yet"}


def test_what_the_log_says(site):
    """Each from an address of its own, for not all of a row are told; those that another broker would have to be made for are
    at least what this one has in it."""
    wanted, addresses = items("What the broker's log says"), iter(f"127.0.95.{n}" for n in range(1, 250))
    for user in ("shut", "over"):
        site.b.ctl("user", "create", user, "--password", "secret one")
    site.b.ctl("user", "lock", "shut")
    end = time.time() + 2
    site.b.ctl("user", "expire", "over", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end)))

    def scram(name, password="wrong", section="SCRAM", **how):
        return lambda c: c.sasl_scram(name, password, **how), section, {}

    def token(**claims):
        return lambda c: say(c, message(site.issuer.issuer.token("anna4", **claims))), "OAUTHBEARER", {}

    def tls(**how):
        return lambda c: c.call("api_versions", 2), "CLIENT CERTIFICATES", how

    def ticket(c):
        c.call("sasl_handshake", 1, mechanism="GSSAPI")
        c.call("sasl_authenticate", 0, auth_bytes=b"no ticket")
    site.type("CLIENT CERTIFICATES", [line.replace("/O=Works/CN=anna", "/O=Works").replace("anna.pem", "nameless.pem").replace("anna.", "nameless.")
                                      for line in site.parts["CLIENT CERTIFICATES"]["The broker"][2]])
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", site.work / "other.key",
        "-out", site.work / "other.pem", "-subj", "/O=Works/CN=anna5", "-days", "2")
    provoked = {
        "wrong password": scram("anna1"), "no such user": scram("nobody"), "the user may not log in by this mechanism": scram("anna4"),
        "the user is locked": scram("shut", "secret one"),
        "no such tenant": scram("anna1@nowhere", section="main"), "not what the mechanism expects": (ticket, "GSSAPI", {}),
        "no rule maps this subject to a user": tls(certificate=[site.work / "nameless.pem", site.work / "nameless.key"]),
        "this is no signed token": (lambda c: say(c, message("opaque")), "OAUTHBEARER", {}),
        "the token is of another issuer (iss)": token(iss="x"), "the token is for somebody else (aud)": token(aud="x"),
        "the token has expired": token(life=-3600), "no such delegation token": scram("x" * 22, token=True),
        "the token is signed by a key that is not there": token(key=Key("unknown", "RS256")),
        "closed: the client does not know the authority of our certificate": (lambda c: c, "SCRAM", {"ca": site.issuer.ca}),
        "closed: the peer does not speak TLS": (lambda c: c.call("api_versions", 2), "SCRAM", {"tls": False}),
        "closed: the peer gave no certificate, and this listener requires one": tls(),
        "closed: certificate verify failed": tls(certificate=[site.work / "other.pem", site.work / "other.key"]),
        "the user has expired": scram("over", "secret one"),
    }
    assert set(wanted) == {*provoked, *ONLY_THERE, "no rule maps this principal to a user"}
    sources = "".join(path.read_text() for path in (ROOT / "security").glob("*.c"))
    for words in ONLY_THERE:
        assert f'"{words}' in sources, words
    for words, (how, section, more) in provoked.items():
        begin = len(site.b.log)
        if words == "the user has expired":
            eventually(lambda: time.time() > end)
        with contextlib.suppress(OSError, EOFError), connect(site, section, source=next(addresses), **more) as c:
            how(c)
        line = words if words.startswith("closed: ") else f"login refused: {words}"
        eventually(lambda begin=begin, line=line: line in site.b.log[begin:], 20)
    cache = {"KRB5CCNAME": f"FILE:{site.tmp}/foreign"}
    run("kinit", "anna@OTHER.TEST", stdin="anna\n", env={**site.env, **cache})
    path = site.file("foreign.conf", "GSSAPI", [*site.parts["GSSAPI"][KCAT][0][:-2], *site.parts["GSSAPI"][KCAT][1]])
    run("kcat", "-F", path, "-L", "-m", "3", env={**site.env, **cache}, check=False)
    eventually(lambda: "login refused: no rule maps this principal to a user" in site.b.log)


def test_each_section_has_each_client(site):
    for section, parts in site.parts.items():
        assert list(parts)[:3] == ["The broker", KCAT, "Java"], section
        assert section == "DELEGATION TOKENS" or list(parts)[3:] == ["Python", "Node", "Go"], section
