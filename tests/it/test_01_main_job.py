# SPDX-License-Identifier: Apache-2.0
"""The main job, with Debian's own kcat: log in, be checked, produce, consume; be refused."""


def test_metadata(shared):
    out = shared.kcat("-L").stdout
    assert "broker 1 at 127.0.0.1" in out


def test_one_record_in_and_out(shared):
    shared.ctl("topic", "create", "one", "-p", "3")
    shared.kcat("-P", "-t", "one", stdin="hello\n")
    assert shared.kcat("-C", "-t", "one", "-e", "-o", "beginning").stdout == "hello\n"


def test_many_records_keep_their_order(shared):
    shared.ctl("topic", "create", "order", "-p", "1")
    lines = "".join(f"{i}\n" for i in range(20000))
    shared.kcat("-P", "-t", "order", stdin=lines)
    assert shared.kcat("-C", "-t", "order", "-e", "-o", "beginning").stdout == lines


def test_owner_may_and_stranger_may_not(shared):
    shared.user("anna")
    shared.user("bert")
    shared.ctl("topic", "create", "orders", "-p", "1", "--owner", "anna")
    shared.kcat("-P", "-t", "orders", conf="anna", stdin="x\n")
    assert shared.kcat("-C", "-t", "orders", "-e", "-o", "beginning", conf="anna").stdout == "x\n"
    refused = shared.kcat("-P", "-t", "orders", conf="bert", stdin="y\n", check=False)
    assert refused.returncode != 0
    assert "authorization failed" in refused.stderr
    assert "orders" not in shared.kcat("-L", conf="bert").stdout
    why = shared.ctl("why", "bert", "write", "/main/topics/orders", check=False)
    assert why.returncode == 1
    assert "denied" in why.stdout
    assert shared.ctl("why", "anna", "write", "/main/topics/orders").returncode == 0
    assert shared.kcat("-C", "-t", "orders", "-e", "-o", "beginning", conf="anna").stdout == "x\n"


def test_wrong_password_is_refused(shared):
    conf = shared.conf("admin")
    bad = shared.dir / "bad.conf"
    bad.write_text("".join(f"{k}={'wrong' if k == 'sasl.password' else v}\n" for k, v in conf.items()))
    p = shared.kcat("-L", "-m", "5", conf="bad", check=False)
    assert p.returncode != 0
    assert "uthentication" in p.stderr


def test_data_survives_a_clean_stop_and_a_kill(broker):
    broker.ctl("topic", "create", "keep", "-p", "1")
    broker.kcat("-P", "-t", "keep", stdin="before\n")
    broker.restart()
    broker.kcat("-P", "-t", "keep", stdin="between\n")
    broker.kill()
    broker.start()
    broker.kcat("-P", "-t", "keep", stdin="after\n")
    assert broker.kcat("-C", "-t", "keep", "-e", "-o", "beginning").stdout == "before\nbetween\nafter\n"


def test_group_consumes_and_commits(shared):
    shared.ctl("topic", "create", "grouped", "-p", "4")
    lines = sorted(f"m{i}" for i in range(100))
    shared.kcat("-P", "-t", "grouped", "-p", "-1", stdin="\n".join(lines) + "\n")
    first = shared.kcat("-G", "g1", "-e", "-c", "100", "-o", "beginning", "-X", "auto.offset.reset=earliest",
                        "grouped").stdout.split()
    assert sorted(first) == lines
    shared.kcat("-P", "-t", "grouped", stdin="new\n")
    again = shared.kcat("-G", "g1", "-c", "1", "-X", "auto.offset.reset=earliest", "grouped").stdout.split()
    assert again == ["new"]
