# SPDX-License-Identifier: Apache-2.0
"""What the kernel holds a running broker to: files and system calls, told of at the start, and held whoever runs in it."""
import pathlib
import re
import signal

import pytest
from harness import SCHLOSSD, Broker, Failed, free_port, run
from hostile import LEAN, eventually
from issuer import Issuer
from test_59_tokens import options

HERE = pathlib.Path(__file__).parent
FILES = "sandbox: files: written below log.dirs"
CALLS = "sandbox: system calls: those of a broker alone"


@pytest.fixture(scope="module")
def breakout(tmp_path_factory):
    out = tmp_path_factory.mktemp("breakout") / "breakout.so"
    run("gcc", "-shared", "-fPIC", "-O1", "-o", out, HERE / "breakout.c")
    return out


@pytest.fixture
def made():
    those = []

    def make(settings=""):
        those.append(Broker(settings))
        return those[-1]
    yield make
    for b in those:
        b.kill()
        b.remove()


def held(b):
    """Whether this kernel and this build hold both, as the log says; the process says the same of the calls."""
    status = pathlib.Path(f"/proc/{b.process.pid}/status").read_text()
    assert ("Seccomp:\t2" in status) == (CALLS in b.log)
    return FILES in b.log and CALLS in b.log


def broken_into(b, breakout, tmp_path, last=None):
    """What came of each try of breakout.c inside of the broker."""
    (tmp_path / "secret").write_text("of others")
    if last:
        (tmp_path / last).touch()
    b.start(env={"LD_PRELOAD": str(breakout), "BREAKOUT_DIR": str(tmp_path), "BREAKOUT_YAML": str(b.yaml),
                 "ASAN_OPTIONS": LEAN["ASAN_OPTIONS"] + ":verify_asan_link_order=0"})
    held_back = held(b)
    (tmp_path / "now").touch()
    b.ctl("topic", "create", "any", check=False)
    eventually(lambda: "key-ring" in (tmp_path / "told").read_text())
    return held_back, dict(line.split() for line in (tmp_path / "told").read_text().split("\n") if " " in line)


def test_what_somebody_inside_cannot_do(made, breakout, tmp_path):
    b = made()
    held_back, told = broken_into(b, breakout, tmp_path)
    if not held_back:
        pytest.skip("this kernel, or this build, holds less")
    assert told == {"read-a-file-of-others": "EACCES", "write-elsewhere": "EACCES", "change-the-configuration": "EACCES",
                    "read-the-configuration": "done", "change-the-system": "EACCES", "raw-socket": "ENOSYS",
                    "writable-code": "ENOSYS", "ring": "ENOSYS", "key-ring": "ENOSYS"}
    for call in ("io_uring_setup", "keyctl", "socket", "mmap"):  # and that it was tried is told of
        eventually(lambda c=call: f"sandbox: the system call {c} was refused, 1 times" in b.log)
    assert not (tmp_path / "left-behind").exists()
    b.ctl("topic", "list")
    with pytest.raises(Failed, match="needed what its sandbox refuses"):  # so that every other test would say so
        b.stop()


def test_another_program_is_the_end(made, breakout, tmp_path):
    b = made()
    held_back, _ = broken_into(b, breakout, tmp_path, last="run")
    if not held_back:
        pytest.skip("this kernel, or this build, holds less")
    assert b.process.wait(20) == -signal.SIGSYS
    assert (tmp_path / "told").read_text().endswith("run\n")
    b.process = None


def test_without_it_all_that_is_done(made, breakout, tmp_path):
    """The same tries come to something where nothing holds them: the tests above can fail."""
    b = made("sandbox: never")
    held_back, told = broken_into(b, breakout, tmp_path)
    pathlib.Path("/etc/schloss-was-here").unlink(missing_ok=True)
    assert not held_back and "sandbox: never: whoever takes this process over has all of its user's rights" in b.log
    for what in ("read-a-file-of-others", "write-elsewhere", "change-the-configuration", "writable-code"):
        assert told[what] == "done", told


def test_a_reload_that_names_a_file_elsewhere(made, tmp_path):
    """Nothing of it is taken, and it says what to do; which then works."""
    b = made().start()
    if FILES not in b.log:
        pytest.skip("this kernel holds no files")
    elsewhere = tmp_path / "server.pem"
    elsewhere.write_bytes((b.dir / "tls/server.pem").read_bytes())
    b.configure(f"ssl.keystore.location: {elsewhere}\nlog.level: debug")
    b.process.send_signal(signal.SIGHUP)
    eventually(lambda: re.search(
        rf"reload: sandbox: ssl.keystore.location: {elsewhere} lies outside of what the sandbox left open at the start: restart, or "
        r"name its directory in sandbox.read and restart once; everything stays as it was", b.log))
    assert " debug " not in b.log
    b.configure(f"sandbox.read: [{tmp_path}]\nssl.keystore.location: {b.dir}/tls/server.pem\nlog.level: info")
    b.restart()
    b.configure(f"ssl.keystore.location: {elsewhere}")
    b.process.send_signal(signal.SIGHUP)
    eventually(lambda: "were read again" in b.log)
    b.ctl("topic", "list")


def test_a_reload_that_finds_keys_of_tokens_elsewhere(made, tmp_path):
    """Those that came from an address come from a file from now on: it is refused before anything is taken, by the sandbox's
    own words and not as a file that is missing."""
    b = made(options(f"https://127.0.0.1:{free_port()}/keys", **{
        "sasl.enabled.mechanisms": ["SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]})).start()
    if FILES not in b.log:
        pytest.skip("this kernel holds no files")
    keys = tmp_path / "keys.json"
    keys.write_text(Issuer().jwks())
    text = b.yaml.read_text()
    b.configure(f"sasl.oauthbearer.jwks.endpoint.url: file://{keys}\nlog.level: debug")
    b.process.send_signal(signal.SIGHUP)
    eventually(lambda: re.search(
        rf"reload: sandbox: sasl.oauthbearer.jwks.endpoint.url: {keys} lies outside of what the sandbox left open at the start: "
        r"restart, or name its directory in sandbox.read and restart once; everything stays as it was", b.log))
    assert " debug " not in b.log and b.log.count(str(keys)) == 1
    b.yaml.write_text(text)
    b.process.send_signal(signal.SIGHUP)
    eventually(lambda: "were read again" in b.log)
    b.ctl("topic", "list")


def test_a_link_that_is_turned(made, tmp_path):
    """A certificate that is replaced by another file behind a link, as such tools do it."""
    b = made()
    store = tmp_path / "store"
    store.mkdir()
    (tmp_path / "live").mkdir()
    link = tmp_path / "live/server.pem"
    for n in ("1", "2"):
        (store / n).write_bytes((b.dir / "tls/server.pem").read_bytes())
    link.symlink_to("../store/1")
    b.configure(f"ssl.keystore.location: {link}")
    b.start()
    link.unlink()
    link.symlink_to("../store/2")
    b.process.send_signal(signal.SIGHUP)
    eventually(lambda: "were read again" in b.log)
    assert "err" not in b.log


def test_words_of_the_option(made):
    b = made("sandbox: perhaps")
    assert "none of: auto always never" in run(SCHLOSSD, "-c", b.yaml, "-t", check=False).stderr
    b.configure("sandbox: always")
    b.start()
    assert held(b)
