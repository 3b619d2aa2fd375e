# SPDX-License-Identifier: Apache-2.0
"""The examples of schloss-acl(5), schloss-tenants(7), schloss-quotas(7) and schlossd.yaml(5), done as they stand there; those of schlossctl(1) are
test_12_cli.py's, those of schlossd(8) test_70_install.py's."""
import os
import re

import pytest
from harness import BUILD, SCHLOSSD, Broker, run
from manual import examples


@pytest.fixture
def b():
    b = Broker()
    yield b
    b.remove()


# ---- schloss-acl(5) ----

def test_the_examples_on_permissions(b):
    """Each does what the sentence in front of it says, and what it prints is what the page shows."""
    b.start()
    b.user("anna")
    b.ctl("team", "create", "billing")
    b.user("bert", "--team", "billing")
    b.user("carl")
    b.ctl("topic", "create", "orders", "--owner", "anna")
    b.ctl("chmod", "0772", "/main/topics")
    env = {"PATH": f"{BUILD}:{os.environ['PATH']}", "SCHLOSSCTL_CONF": str(b.dir / "admin.conf")}

    def may(*words):
        p = b.ctl("why", *words, check=False)
        assert p.returncode in (0, 1), p.stderr
        return p.returncode == 0
    orders, secret, other = ("/main/topics/" + name for name in ("orders", "secret-x", "secrets"))
    office, street = ("--host", "10.1.2.3"), ("--host", "10.2.0.1")
    before = {"chgrp": lambda: may("bert", "read", orders), "setfacl -m user": lambda: may("bert", "write", orders, *office),
              "setfacl -m 'deny": lambda: not may("carl", "create", secret)}
    done = {"chmod": lambda: may("bert", "read", orders) and not may("carl", "read", orders) and not may("bert", "write", orders, *office),
            "setfacl -m user": lambda: may("bert", "write", orders, *office) and not may("bert", "write", orders, *street),
            "setfacl -m 'deny": lambda: not may("carl", "create", secret) and may("carl", "create", other)}
    seen = set()
    for block in examples("schloss-acl.5", "EXAMPLES"):
        assert block[0].startswith("$ schlossctl ")
        command, shown = block[0][2:], " ".join(block[1:])
        for word in before:
            assert not command.startswith(f"schlossctl {word}") or not before[word](), command
        p = run("bash", "-c", command, env=env, check=False)
        assert (p.returncode, p.stderr) == (1 if shown.startswith("denied: ") else 0, ""), f"{command}: {p.stdout}{p.stderr}"
        assert p.stdout.strip() == shown, command
        for word in done:
            if command.startswith(f"schlossctl {word}"):
                assert done[word](), command
                seen.add(word)
    assert seen == set(done)


# ---- schloss-tenants(7), schloss-quotas(7) ----

@pytest.mark.parametrize("page", ["schloss-tenants.7", "schloss-quotas.7"])
def test_the_examples_on_tenants_and_quotas(b, page):
    """Line by line, as they stand there; what must be there before is made."""
    b.start()
    env = {"PATH": f"{BUILD}:{os.environ['PATH']}", "SCHLOSSCTL_CONF": str(b.dir / "admin.conf")}
    if page == "schloss-quotas.7":
        b.ctl("tenant", "create", "acme", "--admin", "anna", "--password", "x")
    told = ""
    for block in examples(page, "EXAMPLES"):
        p = run("bash", "-ec", "cd $0; " + "\n".join(block), b.dir, env=env, check=False)
        assert (p.returncode, p.stderr) == (0, ""), f"{block}: {p.stdout}{p.stderr}"
        told += p.stdout
    if page == "schloss-tenants.7":
        assert "acme" not in b.ctl("tenant", "list").stdout and "emca" not in b.ctl("tenant", "list").stdout
        assert "suspended" in told and "stored_bytes" in told and (b.dir / "anna.conf").exists()
    else:
        assert "200" in b.ctl("quota", "show", "/acme/users/anna").stdout
        assert "stored_bytes" not in b.ctl("quota", "show", "/acme").stdout and "stored_bytes" in told


# ---- schlossd.yaml(5) ----

def check(b, text):
    """schlossd -t of that file."""
    b.yaml.write_text(text)
    return run(SCHLOSSD, "-c", b.yaml, "-t", check=False)


def plain(text):
    """Without comments and empty lines, by which alone the page and the file differ."""
    return [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def test_the_example_of_a_whole_file(b, tmp_path):
    """It is what init makes, and schlossd -t has nothing against it."""
    shown, = examples("schlossd.yaml.5", "EXAMPLES")
    run(SCHLOSSD, "init", tmp_path / "made")
    assert plain((tmp_path / "made/schlossd.yaml").read_text()) == plain("\n".join(shown))
    p = check(b, "\n".join(shown) + "\n")
    assert (p.returncode, p.stdout, p.stderr) == (0, f"{b.yaml}: no errors\n", "")


@pytest.mark.parametrize("which", [0, 1])
def test_the_examples_of_listeners(b, which):
    """In the place of those that init made; the first names a tenant, which must be there, and nothing else is missing."""
    both = examples("schlossd.yaml.5", "LISTENERS")
    assert len(both) == 2
    shown = both[which]
    assert shown[0] == "listeners:"
    b.start()
    b.ctl("tenant", "create", "acme", "--admin", "wanda", "--conf", b.dir / "wanda.conf")
    b.stop()
    made = b.yaml.read_text()
    text = re.sub(r"(?m)^listeners:\n(?:[ #].*\n|\n)*", "\n".join(shown) + "\n", made, count=1)
    p = check(b, text)
    assert (p.returncode, p.stdout, p.stderr) == (0, f"{b.yaml}: no errors\n", "")
    said = run(SCHLOSSD, "-c", b.yaml, "-T").stdout
    for line in shown:
        value = re.search(r': "(.*)"', line)
        assert value is None or value.group(1) in said, said
    p = check(b, text.replace("acme", "other"))
    if which == 0:
        assert p.returncode != 0 and "there is no tenant 'other'" in p.stderr
    else:  # what is bound may be made later
        assert p.returncode == 0, p.stderr
