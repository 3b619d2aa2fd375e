# SPDX-License-Identifier: Apache-2.0
"""The load generator works: it moves what it was asked to and checks it. Its figures are for bench/ alone."""
import subprocess

from harness import BUILD, ROOT, run


def test_every_scenario_runs():
    out = run(ROOT / "bench/run", "--quick", "--build", BUILD, "idle", "latency", "produce", "fetch", "requests", timeout=300).stdout
    assert len(out.splitlines()) > 15, out


def test_the_generator_sees_a_gap(shared):
    """A fetch that skips records would be noticed: the checks are not for show."""
    subprocess.run(["make", "-s", "-C", BUILD, "bench/load"], check=True)
    shared.ctl("topic", "create", "gap")
    load = [BUILD / "bench/load", "-F", shared.dir / "admin.conf"]
    run(*load, "produce", "gap", "-b", 20000, "-m", 1)
    assert "bytes=2" in run(*load, "fetch", "gap", "-c", 1, "-m", 2).stdout
    shared.stop()
    path = next((shared.dir / "data/gap-0").glob("*.log"))
    data = bytearray(path.read_bytes())
    data[30000] ^= 1
    path.write_bytes(data)
    shared.start()
    p = run(*load, "fetch", "gap", "-c", 1, "-m", 2, check=False)
    assert p.returncode == 1 and "load:" in p.stderr


def test_the_generator_sees_what_comes_again(shared):
    """Two runs count from the same beginning: to who verifies, the second repeats the first."""
    subprocess.run(["make", "-s", "-C", BUILD, "bench/load"], check=True)
    shared.ctl("topic", "create", "again", "-p", "2")
    load = [BUILD / "bench/load", "-F", shared.dir / "admin.conf"]
    sent = run(*load, "produce", "again", "-p", 2, "-b", 20000, "-m", 1).stdout
    words = dict(w.split("=") for w in sent.split())
    assert f"messages={words['messages']} " in run(*load, "verify", "again", "-p", 2).stdout
    run(*load, "produce", "again", "-p", 2, "-b", 20000, "-m", 1)
    p = run(*load, "verify", "again", "-p", 2, check=False)
    assert p.returncode == 1 and "comes again" in p.stderr


def test_the_generator_asks_for_what_it_committed(shared):
    """What it counts is what the groups have: a commit that was acknowledged and lost would end it."""
    subprocess.run(["make", "-s", "-C", BUILD, "bench/load"], check=True)
    shared.ctl("topic", "create", "committed")
    load = [BUILD / "bench/load", "-F", shared.dir / "admin.conf"]
    words = dict(w.split("=") for w in run(*load, "commit", "committed", "-c", 2, "-t", 0.5).stdout.split())
    kept = [next(line for line in shared.ctl("group", "describe", f"load-{i}").stdout.splitlines() if line.startswith("committed")) for i in (0, 1)]
    assert sum(int(line.split()[2]) for line in kept) == int(words["requests"]) + 2, kept	# the first of each is not counted


def test_the_generator_polls_what_is_idle(shared):
    subprocess.run(["make", "-s", "-C", BUILD, "bench/load"], check=True)
    shared.ctl("topic", "create", "idle", "-p", "50")
    load = [BUILD / "bench/load", "-F", shared.dir / "admin.conf"]
    poll = [*load, "poll", "idle", "-c", 1, "-p", 50, "-t", 0.2]
    assert "requests=" in run(*poll).stdout
    run(*load, "produce", "idle", "-b", 2000, "-m", 1)
    p = run(*poll, check=False)
    assert p.returncode == 1 and "not idle" in p.stderr
    sent = run(*load, "produce", "idle", "-p", 50, "-c", 1, "-b", 2000, "-m", 1).stdout
    ends = run(*load, "ends", "idle", "-c", 1, "-p", 50).stdout
    assert int(dict(w.split("=") for w in ends.split())["messages"]) == 2 * int(dict(w.split("=") for w in sent.split())["messages"])


def test_the_generator_logs_in(shared):
    subprocess.run(["make", "-s", "-C", BUILD, "bench/load"], check=True)
    words = dict(w.split("=") for w in run(BUILD / "bench/load", "-F", shared.dir / "admin.conf", "logins", "-", "-c", 2, "-t", 0.5).stdout.split())
    assert int(words["requests"]) >= 2
