# SPDX-License-Identifier: Apache-2.0
"""./quickstart, and then every command that it printed, pasted as it stands; with the programs of this build."""
import os
import pathlib
import re
import signal
import subprocess
import time

import foreign
import pytest
from harness import BUILD, ROOT, SCHLOSSD, free_port, run

QUICKSTART = ROOT / "quickstart"


class Site:
    """In a directory with a blank in its name, called from elsewhere."""

    def __init__(self, tmp):
        self.tmp, self.dir, self.port = tmp, tmp / "q s", free_port()
        tools = tmp / "tools"
        tools.mkdir()
        self.env = {"PATH": f"{tools}:{os.environ['PATH']}"}
        self.tools = tools

    def call(self, *args, check=True, **env):
        return subprocess.run([QUICKSTART, *args], cwd=self.tmp, capture_output=True, text=True, timeout=120, check=check,
                              stdin=subprocess.DEVNULL,
                              env={**os.environ, "SCHLOSS_BUILD": str(BUILD), "SCHLOSS_QUICKSTART": "q s",
                                   "SCHLOSS_PORT": str(self.port), **env})

    def paste(self, command, check=True):
        """Into another shell, which knows nothing of what quickstart was called with."""
        return run("bash", "-c", f"cd {self.tmp}; {command}", check=check, env=self.env)

    def pid(self):
        return int((self.dir / "schlossd.pid").read_text())


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    s = Site(tmp_path_factory.mktemp("quick"))
    yield s
    s.call("clean", check=False)


@pytest.fixture(scope="module")
def first(site):
    """What a stranger sees."""
    return site.call().stdout


def runs(pid):
    """A process that has ended has no words, even where nobody has asked how it ended."""
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except FileNotFoundError:
        return False


def commands(text):
    """Behind "$ "; a line that ends in a backslash goes on."""
    return re.findall(r"(?m)^  \$ ((?:.*\\\n)*.*)$", text)


def one(text, word):
    found = [c for c in commands(text) if word in c]
    assert len(found) == 1, found
    return found[0]


def test_it_shows_the_main_job(site, first):
    assert re.search(r"\n  order placed at [\d:]+\n", first)
    assert "Topic authorization failed" in first and "denied: bert has no w on /main/topics/orders" in first


def test_what_it_ran_can_be_pasted_again(site, first):
    """All but what is done once: making a broker, users, a topic."""
    bert, anna = (c for c in commands(first) if c.startswith("echo "))
    anna, bert = (anna, bert) if "anna.conf" in anna else (bert, anna)
    site.paste(anna)
    p = site.paste(bert, check=False)
    assert p.returncode != 0 and "authorization failed" in p.stderr
    assert site.paste(one(first, "anna.conf' -C")).stdout.count("order placed") == 2
    assert "/main/topics/orders" in site.paste(one(first, " ls ")).stdout
    assert site.paste(one(first, " why "), check=False).returncode == 1
    for made in ("user create anna", "user create bert", "topic create orders"):
        assert "exists already" in site.paste(one(first, made), check=False).stderr
    assert "is in use" in site.paste(one(first, "schlossd init"), check=False).stderr


def test_what_init_printed_there_can_be_pasted(site, first):
    said = re.search(r"(?m)^  Then: +(.*)$", first).group(1)
    assert "orders" in site.paste(said).stdout


def test_bert_is_let_in(site, first):
    assert site.paste(one(first, "bert.conf' -C"), check=False).returncode != 0
    site.paste(one(first, " setfacl "))
    assert "order placed" in site.paste(one(first, "bert.conf' -C")).stdout


def test_the_last_line_has_the_steps_of_the_manual(first):
    page = (ROOT / "man/schlossd.8").read_text()
    install = page[page.index(".Sh INSTALL"):page.index(".Sh BACKUP")]
    steps = re.search(r"^A real installation, as root: make -C (.*?) install; (.*) \(", first.splitlines()[-1])
    assert all(re.search(rf"(?m)^{step}", install) for step in steps.group(2).split("; ")) and "make install" in install
    assert steps.group(1).strip("'") == str(BUILD.resolve())


def test_connect_with_kcat(site, first):
    assert 'topic "orders" with 3 partitions' in site.paste(one(first, " -L")).stdout


def test_connect_with_python(site, first):
    site.paste(one(first, "python3 -c"))
    assert "hello" in site.paste(one(first, "anna.conf' -C")).stdout.split("\n")


def test_connect_with_java(site, first):
    """kafka-topics.sh is a name for a class."""
    jars = foreign.had(foreign.kafka_jars)
    script = site.tools / "kafka-topics.sh"
    script.write_text(f'#!/bin/sh\nexec java -XX:TieredStopAtLevel=1 -cp "{jars}/*" org.apache.kafka.tools.TopicCommand "$@"\n')
    script.chmod(0o755)
    assert "orders" in site.paste(one(first, "kafka-topics.sh")).stdout.split()


def test_files_are_where_it_says(site, first):
    files = re.search(r"(?m)^Files: (.*)$", first).group(1)
    for path in re.sub(r" \([a-z]+\)", "", files).split(", "):
        assert os.path.exists(path), path


def test_again_it_is_quick_and_keeps_the_data(site, first):
    pid, began = site.pid(), time.monotonic()
    again = site.call(SCHLOSS_PORT="1").stdout      # the port is the one that init was told
    assert time.monotonic() - began < 10 and site.pid() == pid
    assert "its data is kept" in again and f"process {pid}" in again and again.count("\n  order placed") == 3
    assert f"127.0.0.1:{site.port} " in one(again, "kafka-topics.sh")


def test_stop_and_start_as_printed(site, first):
    stop, start, _ = [c for c in commands(first) if "quickstart" in c.split("'")[-1]][-3:]
    pid = site.pid()
    assert "stopped" in site.paste(stop).stdout and not runs(pid)
    assert "no broker runs" in site.paste(stop).stdout
    again = site.paste(start).stdout
    assert again.count("\n  order placed") == 4 and site.pid() != pid


def test_a_number_of_another_process_is_not_ours(site, first):
    """After a reboot it may be anybody's."""
    site.call("stop")
    with subprocess.Popen(["sleep", "600"]) as other:
        (site.dir / "schlossd.pid").write_text(f"{other.pid}\n")
        assert "no broker runs" in site.call("stop").stdout
        assert "order placed" in site.call().stdout
        assert other.poll() is None
        other.send_signal(signal.SIGKILL)


def test_clean_deletes_a_broker_and_nothing_else(site, first):
    other = site.tmp / "mine"
    other.mkdir()
    (other / "letter").write_text("dear")
    p = site.call("clean", check=False, SCHLOSS_QUICKSTART=str(other))
    assert p.returncode == 1 and "left alone" in p.stderr and (other / "letter").exists()
    site.paste([c for c in commands(first) if c.endswith(" clean")][-1])
    assert not site.dir.exists()


def test_a_port_that_is_taken(site):
    """Nothing is made, and what it says to do works."""
    site.call("clean")
    taken = free_port()
    with subprocess.Popen(["python3", "-m", "http.server", "--bind", "127.0.0.1", str(taken)], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as other:
        run("bash", "-c", f"until (exec 3<>/dev/tcp/127.0.0.1/{taken}) 2>/dev/null; do sleep 0.05; done")
        p = site.call(check=False, SCHLOSS_PORT=str(taken))
        assert p.returncode == 1 and not site.dir.exists()
        advice = re.search(r"stop that, or (.*)", p.stderr).group(1)
        assert "order placed" in site.paste(re.sub(r"SCHLOSS_PORT=\d+", f"SCHLOSS_PORT={free_port()}", advice)).stdout
        other.kill()
    assert "deleted" in site.call("clean").stdout


def test_a_broker_that_does_not_start_is_told_of(site):
    run(SCHLOSSD, "init", site.dir, "--listen", f"127.0.0.1:{site.port}")
    (site.dir / "schlossd.yaml").write_text("nonsense: 1\n")
    p = site.call(check=False)
    assert p.returncode == 1 and "unknown key nonsense" in p.stderr
    site.call("clean")


def test_help_and_words_that_are_none(site):
    assert "SCHLOSS_BUILD" in site.call("--help").stdout and "set -" not in site.call("--help").stdout
    assert site.call("halt", check=False).returncode == 2
    said = run(ROOT / "runtests", "--help").stdout
    assert said.startswith("Installs what") and said.endswith("./runtests -k tenants\n")
