# SPDX-License-Identifier: Apache-2.0
"""The load generator works: it moves what it was asked to and checks it. Its figures are for bench/ alone."""
import subprocess

from harness import BUILD, ROOT, run


def test_every_scenario_runs():
    out = run(ROOT / "bench/run", "--quick", "--build", BUILD, "idle", "latency", "produce", "fetch", timeout=300).stdout
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
