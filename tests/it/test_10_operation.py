# SPDX-License-Identifier: Apache-2.0
"""What an administrator does: init, check, certificates, lost passwords, reload, locks."""
import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time

import hostile
import pytest
from harness import SCHLOSSCTL, SCHLOSSD, Broker, Failed, free_port, run


def names_served(broker):
    p = run("openssl", "s_client", "-connect", broker.address, "-CAfile", broker.dir / "tls/ca.pem",
            stdin="", check=False)
    return subprocess.run(["openssl", "x509", "-noout", "-ext", "subjectAltName"], input=p.stdout,
                          capture_output=True, text=True).stdout


def wait_for(what, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


def test_an_ipv6_address_is_verified(broker):
    """librdkafka takes the address in its brackets for a name of the certificate; also of a renewed one."""
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
            port = s.getsockname()[1]
    except OSError as e:
        pytest.skip(f"no IPv6: {e}")
    broker.stop()
    broker.add_listener("six", f'address: "[::1]:{port}"')
    run(SCHLOSSD, "cert", "-c", broker.yaml)
    broker.start()
    conf = broker.dir / "six.conf"
    conf.write_text((broker.dir / "admin.conf").read_text().replace(broker.address, f"[::1]:{port}"))
    broker.ctl("topic", "create", "six", conf="six")
    broker.kcat("-P", "-t", "six", conf="six", stdin="over six\n")
    assert broker.kcat("-C", "-t", "six", "-e", "-q", conf="six").stdout == "over six\n"


def test_an_address_that_cannot_be_had(broker):
    broker.stop()
    with socket.create_server(("127.0.0.1", broker.port)):
        p = run(SCHLOSSD, "-c", broker.yaml, check=False)
    assert p.returncode == 1 and f"{broker.address}: Address already in use: another program listens there" in p.stderr
    broker.yaml.write_text(broker.yaml.read_text().replace("127.0.0.1:", "192.0.2.1:"))
    p = run(SCHLOSSD, "-c", broker.yaml, check=False)
    assert p.returncode == 1 and "no address of this machine" in p.stderr


def test_check_and_effective_configuration(broker):
    assert "no errors" in run(SCHLOSSD, "-c", broker.yaml, "-t").stdout
    shown = run(SCHLOSSD, "-c", broker.yaml, "-T").stdout
    again = broker.tmp / "again.yaml"
    again.write_text(shown)
    assert "no errors" in run(SCHLOSSD, "-c", again, "-t").stdout
    assert f'address: "127.0.0.1:{broker.port}"' in shown


def test_bad_configuration_names_the_place(broker):
    broker.yaml.write_text(broker.yaml.read_text() + "num.partitons: 3\n")
    p = run(SCHLOSSD, "-c", broker.yaml, "-t", check=False)
    line = broker.yaml.read_text().count("\n")
    assert p.returncode == 1
    assert f"{broker.yaml}:{line}:1: unknown key num.partitons: did you mean num.partitions?" in p.stderr


def test_check_reads_what_a_start_would_read(broker):
    """Or `schlossd -t && systemctl restart schlossd` ends in the dark."""
    good = broker.yaml.read_text()
    broker.stop()
    (broker.dir / "no-key.pem").write_text((broker.dir / "tls/ca.pem").read_text())
    (broker.dir / "empty").mkdir()
    for settings, checked, started in [
            ("ssl.cipher.suites: nonsense", "ssl.cipher.suites: no such cipher", "no such cipher"),
            ("ssl.keystore.location: no-key.pem", "no private key in PEM", "no private key in PEM"),
            ("ssl.keystore.location: none.pem", "none.pem: No such file", "none.pem: No such file"),
            ("log.dirs: none", "none does not exist: is its disk mounted?", "is its disk mounted?"),
            ("log.dirs: empty", "empty has no meta.db in it: is its disk mounted?", "is its disk mounted?")]:
        broker.yaml.write_text(good)
        broker.configure(settings)
        p = run(SCHLOSSD, "-c", broker.yaml, "-t", check=False)
        assert p.returncode == 1 and checked in p.stderr, settings
        p = run(SCHLOSSD, "-c", broker.yaml, check=False)
        assert p.returncode == 1 and started in p.stderr, settings
    assert not (broker.dir / "none").exists() and not list((broker.dir / "empty").glob("[!.]*"))


def refused_by_both(broker, said):
    """By -t as by a start."""
    for how in (("-t",), ()):
        p = run(SCHLOSSD, "-c", broker.yaml, *how, check=False)
        assert p.returncode == 1 and said in p.stderr, (how, p.stderr)


def test_check_reads_what_the_data_directory_says(broker):
    """UPGRADE in the manual relies on it: what another version wrote, and tenants that are none."""
    assert "no errors" in run(SCHLOSSD, "-c", broker.yaml, "-t").stdout, "beside a broker that runs"
    broker.add_listener("elsewhere", f"address: 127.0.0.1:{free_port()}\ntenant: nope")
    p = run(SCHLOSSD, "-c", broker.yaml, "-t", check=False)
    assert p.returncode == 1 and "listener elsewhere: there is no tenant 'nope'" in p.stderr
    broker.ctl("tenant", "create", "nope", "--admin", "nina", "--password", "secret")
    assert "no errors" in run(SCHLOSSD, "-c", broker.yaml, "-t").stdout
    broker.delete_tenant("nope", "--purge")
    broker.stop()
    data = broker.dir / "data"
    before = {p: p.stat().st_mtime_ns for p in data.iterdir()}
    assert run(SCHLOSSD, "-c", broker.yaml, "-t", check=False).returncode == 1
    assert {p: p.stat().st_mtime_ns for p in data.iterdir()} == before, "nothing is written"
    refused_by_both(broker, "listener elsewhere: there is no tenant 'nope'")
    broker.yaml.write_text(broker.yaml.read_text().replace("tenant: nope", "tenant: main"))
    assert "no errors" in run(SCHLOSSD, "-c", broker.yaml, "-t").stdout
    format_ = (data / "format").read_text()
    (data / "format").write_text("schloss-log 2\n")
    refused_by_both(broker, "data/format: the directory was written by a newer broker")
    (data / "format").write_text(format_)
    with contextlib.closing(sqlite3.connect(data / "meta.db")) as db:
        db.execute("PRAGMA user_version=2")
    refused_by_both(broker, "meta.db has format 2, this schlossd knows 1")
    with contextlib.closing(sqlite3.connect(data / "meta.db")) as db:
        db.execute("PRAGMA user_version=1")
    assert "no errors" in run(SCHLOSSD, "-c", broker.yaml, "-t").stdout


def take_certificate(broker, days):
    """A certificate of so many days for the broker's next start; its file."""
    key, request, file = broker.tmp / "key", broker.tmp / "csr", broker.tmp / "soon.pem"
    run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x", "-keyout", key,
        "-out", request)
    run("openssl", "x509", "-req", "-in", request, "-signkey", key, "-days", days, "-out", file)
    file.write_text(file.read_text() + key.read_text())
    broker.configure(f"ssl.keystore.location: {file}")
    return file


def test_certificates_that_end_are_told_of_daily(broker, shim, tmp_path):
    """At the start, once a day from then on, and after a reload; not of one that lasts."""
    broker.stop()
    broker.start()
    broker.stop()
    assert "certificate" not in broker.log
    take_certificate(broker, 5)

    def told(words):
        return broker.log.count(f"listener main: its certificate {words}: schlossd cert, then reload")

    def later(days):
        for clock in ("skew", "passed"):
            (tmp_path / clock).write_text(str(int(days * 86400)))

    later(0.1)
    broker.start(env={**hostile.preloaded(shim, tmp_path), "SHIM_PASSED": "1"})
    hostile.eventually(lambda: told("ends in 4 days") == 1)
    later(0.9)
    broker.process.send_signal(signal.SIGHUP)  # looks at once, and counts the day from there
    hostile.eventually(lambda: told("ends in 4 days") == 2)
    later(1.95)
    hostile.eventually(lambda: told("ends in 3 days") == 1)
    later(5.5)
    hostile.eventually(lambda: told("has expired") == 1)
    assert (told("ends in 4 days"), told("ends in 3 days")) == (2, 1)


def test_open_listeners_are_told_of_at_every_start(broker):
    broker.stop()
    broker.add_listener("open", f"address: 127.0.0.1:{free_port()}\nprotocol: PLAINTEXT\n"
                        "allow.plaintext: true\nallow.anonymous: true")
    broker.add_listener("bare", f"address: 127.0.0.1:{free_port()}\nprotocol: SASL_PLAINTEXT\nallow.plaintext: true")
    for starts in (1, 2):
        broker.start()
        broker.stop()
        for said, n in {"listener open lets everybody in without a login": starts, "listener open is not encrypted": starts,
                        "listener bare is not encrypted": starts, "listener bare lets": 0, "listener main": 0}.items():
            warned = [line for line in broker.log.split("\n") if " warn " in line and said in line]
            assert (said, len(warned)) == (said, n)


@pytest.mark.parametrize("days, status, said", [
    (5, 0, "warning: {file}: the certificate ends in "), (60, 0, None), (-1, 1, "the certificate has expired")])
def test_check_tells_of_certificates_that_end(broker, days, status, said):
    file = take_certificate(broker, days)
    p = run(SCHLOSSD, "-c", broker.yaml, "-t", check=False)
    assert p.returncode == status and (said.format(file=file) in p.stderr if said else "certificate" not in p.stderr), p.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_check_looks_for_the_user(broker):
    """And looks with that user's eyes."""
    broker.stop()
    broker.configure("user: nosuchuser")
    refused_by_both(broker, "user nosuchuser: no such user on this system")
    broker.configure("user: root")
    refused_by_both(broker, "user root is root: name one that is not")
    broker.configure("user: nobody")
    os.chmod(broker.tmp, 0o755)
    os.chmod(broker.dir, 0o755)
    refused_by_both(broker, "ermission denied")
    run("chown", "-R", "nobody", broker.dir)
    assert "no errors" in run(SCHLOSSD, "-c", broker.yaml, "-t").stdout
    os.chmod(broker.dir / "data/meta.db", 0o400)
    p = run(SCHLOSSD, "-c", broker.yaml, "-t", check=False)
    assert p.returncode == 1 and "meta.db: Permission denied" in p.stderr


def test_what_init_says_can_be_pasted():
    with tempfile.TemporaryDirectory() as d:
        place = f"{d}/it's here"
        said = run(SCHLOSSD, "init", place, "--listen", f"127.0.0.1:{free_port()}").stdout.split("\n")
        start, then = (next(line.split(":", 1)[1] for line in said if line.startswith(w)) for w in ("Start it:", "Then:"))
        with subprocess.Popen(["bash", "-c", f"exec {start}"], stderr=subprocess.DEVNULL) as p:
            shown = run("bash", "-c", then).stdout
            p.terminate()
        assert shown.startswith("NAME ") and p.returncode == 0


def test_init_refuses_what_is_in_use(broker):
    p = run(SCHLOSSD, "init", broker.dir, check=False)
    assert p.returncode == 1 and "is in use" in p.stderr
    p = run(SCHLOSSD, "init", broker.tmp / "other", "--listen", "*:9093", check=False)
    assert p.returncode == 1 and "--advertise" in p.stderr
    assert not (broker.tmp / "other").exists()


def test_modes_of_what_init_makes(broker):
    for name, mode in {"": 0o700, "tls": 0o700, "data": 0o700, "tls/ca.key": 0o600, "tls/ca.pem": 0o644,
                       "tls/server.pem": 0o600, "admin.conf": 0o600, "admin.properties": 0o600}.items():
        assert (broker.dir / name).stat().st_mode & 0o777 == mode, name


def test_new_certificate_by_reload_and_the_key_may_be_away(broker):
    key, away = broker.dir / "tls/ca.key", broker.tmp / "ca.key"
    assert "broker.example.org" not in names_served(broker)
    key.rename(away)
    p = run(SCHLOSSD, "cert", "-c", broker.yaml, check=False)
    assert p.returncode == 1 and "ca.key is not there" in p.stderr
    broker.restart()  # the daemon does not need it
    away.rename(key)
    run(SCHLOSSD, "cert", "-c", broker.yaml, "--name", "broker.example.org")
    broker.process.send_signal(signal.SIGHUP)
    assert wait_for(lambda: "broker.example.org" in names_served(broker))
    assert "DNS:localhost" in names_served(broker)


def test_reload_of_a_broken_file_changes_nothing(broker):
    good = broker.yaml.read_text()
    broker.yaml.write_text(good + "nonsense\n")
    broker.process.send_signal(signal.SIGHUP)
    assert wait_for(lambda: "everything stays as it was" in broker.log)
    assert "broker 1 at" in broker.kcat("-L").stdout
    broker.yaml.write_text(good + "node.id: 7\nlog.level: debug\n")
    broker.process.send_signal(signal.SIGHUP)
    assert wait_for(lambda: "node.id has changed and waits for the next start" in broker.log)
    assert "log.level has changed" not in broker.log
    broker.kcat("-L")
    assert wait_for(lambda: " debug " in broker.log)


def test_lost_password(broker):
    p = run(SCHLOSSD, "passwd", "-c", broker.yaml, "admin", stdin="new one\n", check=False)
    assert p.returncode == 1 and "stop it first" in p.stderr
    broker.stop()
    run(SCHLOSSD, "passwd", "-c", broker.yaml, "admin", stdin="new one\n")
    p = run(SCHLOSSD, "passwd", "-c", broker.yaml, "nobody", stdin="x\n", check=False)
    assert p.returncode == 1 and "nobody" in p.stderr
    broker.start()
    assert broker.ctl("id", check=False).returncode == 3
    conf = broker.dir / "admin.conf"
    old = broker.conf()["sasl.password"]
    conf.write_text(conf.read_text().replace(old, "new one"))
    assert "admin" in broker.ctl("id").stdout


def test_two_brokers_on_one_directory(broker):
    p = run(SCHLOSSD, "-c", broker.yaml, check=False)
    assert p.returncode == 1 and "another broker" in p.stderr
    assert "broker 1 at" in broker.kcat("-L").stdout


def test_notifies_the_service_manager(tmp_path):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(path))
        s.settimeout(20)
        b = Broker()
        try:
            b.start(env={"NOTIFY_SOCKET": str(path)})
            assert s.recv(100) == b"READY=1"
            b.process.send_signal(signal.SIGHUP)
            assert s.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
            assert s.recv(100) == b"READY=1"
            b.stop()
            assert s.recv(100) == b"STOPPING=1"
        finally:
            b.remove()


def test_a_stop_waits_for_nobody_who_has_nothing_to_bring():
    """Silent connections, a Fetch for data that does not come, a member who waits for others."""
    s = hostile.Site("group.initial.rebalance.delay.ms: 300000")
    try:
        silent = [s.tcp(), s.tls()]
        reader, member = s.client(), s.client()
        reader.send("fetch", 11, dict(
            replica_id=-1, max_wait_ms=300000, min_bytes=1, max_bytes=1000, isolation_level=0, rack_id="",
            session_id=0, session_epoch=-1, topics=[{"topic": "calm", "partitions": [
                {"partition": 0, "fetch_offset": s.n, "partition_max_bytes": 1000}]}]))
        member.send("join_group", 3, dict(
            group_id="wait", session_timeout_ms=30000, rebalance_timeout_ms=300000, member_id="",
            protocol_type="consumer", protocols=[{"name": "range", "metadata": b""}]))
        hostile.eventually(lambda: "PreparingRebalance" in s.broker.ctl("group", "describe", "wait").stdout)
        began = time.monotonic()
        s.broker.stop()
        assert time.monotonic() - began < 4.5
        got = reader.answer("fetch", 11)[1]["responses"][0]["partitions"][0]
        assert (got["error_code"], got["records"] or b"") == (0, b"")
        assert member.answer("join_group", 3)[1]["error_code"] == 16  # NOT_COORDINATOR: it looks for another
        assert all(hostile.closed(c if isinstance(c, socket.socket) else c.sock) for c in silent)
    finally:
        s.remove()


def test_moved_directory(broker):
    """MOVING: stop, move, start; only client files name the old place."""
    broker.stop()
    moved = broker.tmp / "moved"
    broker.dir.rename(moved)
    broker.dir, broker.yaml = moved, moved / "schlossd.yaml"
    conf = moved / "admin.conf"
    conf.write_text(conf.read_text().replace(str(broker.tmp / "b"), str(moved)))
    broker.start()
    assert "broker 1 at" in broker.kcat("-L").stdout


def test_backup_and_restore(broker):
    broker.ctl("user", "create", "anna", "--conf", broker.dir / "anna.conf")
    broker.stop()
    run("tar", "-C", broker.tmp, "-cpf", broker.tmp / "backup.tar", "b")
    broker.start()
    broker.ctl("user", "delete", "anna")
    broker.stop()
    run("rm", "-rf", broker.dir)
    run("tar", "-C", broker.tmp, "-xpf", broker.tmp / "backup.tar")
    broker.start()
    assert "anna" in broker.ctl("user", "list").stdout
    assert "anna" in broker.ctl("id", conf="anna").stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_becomes_the_user():
    b = Broker("user: nobody")
    try:
        os.chmod(b.tmp, 0o755)
        run("chown", "-R", "nobody", b.dir)
        b.start()
        uid = [l for l in open(f"/proc/{b.process.pid}/status") if l.startswith("Uid:")][0].split()[1:]
        assert set(uid) == {str(os.stat(b.dir).st_uid)}
    except Failed as e:
        if "ermission" in str(e):
            pytest.skip("the build directory cannot be read by nobody")
        raise
    finally:
        b.remove()


def test_versions_and_help():
    assert run(SCHLOSSD, "--version").stdout.startswith("schlossd ")
    assert run(SCHLOSSCTL, "--version").stdout.startswith("schlossctl ")
    assert "schlossctl topic create" in run(SCHLOSSCTL, "help", "topic").stdout
    for command in ((), ("init",), ("passwd",), ("cert",)):
        assert "schlossd init DIR" in run(SCHLOSSD, *command, "--help").stdout
    assert run(SCHLOSSD, "nonsense", check=False).returncode == 2
    for command, name in (((), "schlossd"), (("init",), "schlossd: init"), (("passwd",), "schlossd: passwd"),
                          (("cert",), "schlossd: cert")):
        for option, said in (("--frob", "unrecognized option '--frob'"), ("-x", "invalid option -- 'x'")):
            p = run(SCHLOSSD, *command, option, check=False)
            assert (p.returncode, p.stderr) == (2, f"{name}: {said}\nTry: schlossd --help\n")
    assert run(SCHLOSSCTL, "nonsense", check=False).returncode == 2
