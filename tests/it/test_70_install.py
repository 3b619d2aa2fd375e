# SPDX-License-Identifier: Apache-2.0
"""An installation from schlossd(8): every command in its sections on operation is run, in order, on a
machine of the test's own; systemd's part is played by the lines of the unit file."""
import os
import re
import shutil

import pytest
from harness import BUILD, Failed
from machine import HOME, Machine
from manual import examples

SECTIONS = ("INSTALL", "BACKUP AND RESTORE", "UPGRADE", "LOST PASSWORD", "CERTIFICATES", "MOVING")
# What has been done already by whoever runs this; and where the rest differs from the page.
DONE = {"./configure", "make"}
INSTEAD = {"make install": f"make -s -C {BUILD} install"}
CONF = f"{HOME}/.config/schloss/admin.conf"


def commands(section):
    return examples("schlossd.8", section)


class Site(Machine):
    """ran: the lines of the page that were run."""

    def __init__(self):
        super().__init__()
        self.ran = set(DONE)

    def follow(self, section, number, stdin="", together=False):
        """Runs a block of a section, line by line, or as one paste; what it printed."""
        lines = commands(section)[number]
        those = [INSTEAD.get(line, line) for line in lines if line not in DONE]
        self.ran.update(lines)
        out = ""
        for line in ["{ " + "\n".join(those) + "\n} >/tmp/said 2>&1 </dev/null"] if together else those:
            p = self.run(line, stdin=stdin)
            out += p.stdout + p.stderr
        return out

    def kcat(self, *args, stdin=""):
        return self.run(f"kcat -F {CONF} {' '.join(args)}", stdin=stdin).stdout

    def served_names(self, name="kafka.example.org"):
        return self.run(f"openssl s_client -connect {name}:9093 -verify_hostname {name} -CAfile /etc/schloss/ca.pem "
                        "</dev/null 2>&1 | openssl x509 -noout -ext subjectAltName").stdout


@pytest.fixture(scope="module")
def site():
    if os.geteuid() != 0:
        pytest.skip("only root can install")
    missing = [p for p in ("unshare", "nsenter", "setpriv", "ip", "systemd-sysusers", "systemd-tmpfiles",
                           "sqlite3", "kcat", "openssl") if shutil.which(p) is None]
    if missing:
        pytest.skip(f"not installed: {' '.join(missing)}")
    try:
        s = Site()
    except Failed as e:
        pytest.skip(str(e))
    s.run("echo 127.0.0.1 kafka.example.org broker.example.org new.example.org >>/etc/hosts")
    yield s
    s.run("systemctl stop schlossd", check=False)
    s.remove()


def test_user_without_systemd(site):
    site.follow("INSTALL", 1)
    assert "schloss:x:" in site.read("/etc/passwd")
    site.run("userdel schloss")


def test_install_as_the_page_says(site):
    site.follow("INSTALL", 0)
    assert site.run("stat -c '%U %a' /var/lib/schloss /etc/schloss/tls /etc/schloss/tls/server.pem").stdout.split("\n")[:3] == [
        "schloss 700", "schloss 700", "schloss 600"]
    assert site.run(f"stat -c '%U %a' {CONF}").stdout == "root 600\n"
    uids = site.run("grep ^Uid: /proc/$(cat /run/main.pid)/status").stdout.split()[1:]
    assert set(uids) == {site.run("id -u schloss").stdout.strip()}
    site.run("schlossctl topic create orders -p 2")
    site.kcat("-P", "-t", "orders", "-p", "0", stdin="first\n")
    assert site.kcat("-C", "-t", "orders", "-p", "0", "-e", "-q") == "first\n"
    assert "kafka.example.org:9093" in site.kcat("-L")


def test_pages_and_completion_are_installed(site):
    for page in ("man8/schlossd.8", "man5/schlossd.yaml.5", "man5/schloss-acl.5", "man5/schloss-audit.5", "man7/schloss-auth.7", "man7/schloss-metrics.7", "man7/schloss-tutorial.7", "man1/schlossctl.1"):
        site.run(f"test -s /usr/local/share/man/{page}")
    site.run("test -s /usr/local/share/zsh/site-functions/_schlossctl")
    for data in ("grafana/schloss.json", "prometheus/schloss.rules.yml"):
        site.run(f"test -s /usr/local/share/schloss/{data}")
    words = site.run(". /usr/local/share/bash-completion/completions/schlossctl; COMP_WORDS=(schlossctl topic ''); COMP_CWORD=2; "
                     "_schlossctl; echo ${COMPREPLY[@]}").stdout.split()
    assert {"create", "list", "describe", "alter", "delete"} <= set(words)


def test_unit_file_is_understood(site):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    said = site.run("systemd-analyze verify /usr/local/lib/systemd/system/schlossd.service 2>&1", check=False).stdout
    assert [line for line in said.split("\n") if "schlossd.service" in line] == []


def test_unit_leaves_little(site):
    """By systemd's own reckoning, 0 to 10; and of what the broker gives up by itself nothing is in the way."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    said = site.run("systemd-analyze security --offline=true --threshold=12 /usr/local/lib/systemd/system/schlossd.service 2>&1",
                    check=False)
    overall = re.search(r"Overall exposure level for schlossd.service: ([\d.]+)", said.stdout)
    assert said.returncode == 0 and float(overall.group(1)) <= 1.2, said.stdout
    log = site.read("/run/schlossd.log")
    assert "sandbox: files: written below log.dirs" in log and "sandbox: system calls: those of a broker" in log
    assert "are not held back" not in log and " was refused, " not in log


def test_the_unit_shuts_it_in(site):
    """What the unit says is so, and the tests above and below are of such a broker."""
    broker = site.read("/run/main.pid")
    assert "ro," in site.run(f"grep ' /etc ' /proc/{broker}/mounts").stdout.split(" ")[3] + ","
    assert site.run(f"nsenter --target {broker} --mount sh -c 'touch /var/lib/schloss/x && rm /var/lib/schloss/x; ls /root'").stdout == ""
    assert site.run(f"nsenter --target {broker} --mount touch /usr/x", check=False).returncode != 0
    assert "Seccomp_filters:\t2" in site.read(f"/proc/{broker}/status")


def test_without_installing(site):
    """The block is pasted as a whole: the second line has hardly begun when the third runs. The
    port is the installed broker's, which is stopped for it."""
    site.run("systemctl stop schlossd")
    try:
        site.follow("INSTALL", 2, together=True)
        assert "NAME  PARTITIONS" in site.read("/tmp/said")
    finally:
        site.run("pkill -TERM -f /tmp/broker/schlossd.yaml; while pgrep -f /tmp/broker/schlossd.yaml; do sleep 0.1; done",
                 check=False)
        site.run("systemctl start schlossd")


def test_backup_and_restore(site):
    site.follow("BACKUP AND RESTORE", 0)
    site.run("schlossctl topic create later && schlossctl topic delete orders")
    site.follow("BACKUP AND RESTORE", 1)
    assert site.run("schlossctl topic list").stdout.split().count("later") == 0
    assert site.kcat("-C", "-t", "orders", "-p", "0", "-e", "-q") == "first\n"
    strangers = "find /var/lib/schloss ! -user schloss -o ! -group schloss -o -perm /077"
    assert site.run(strangers).stdout == ""
    assert "etc/schloss/tls/server.pem" in site.run("tar -tzf /srv/schloss-etc.tar.gz").stdout


def test_copy_of_a_stopped_broker(site):
    site.follow("BACKUP AND RESTORE", 2)
    site.run("schlossctl user create kept --password x")
    site.run("systemctl restart schlossd")
    assert "kept" in site.run("schlossctl user list").stdout
    assert site.kcat("-C", "-t", "orders", "-p", "0", "-e", "-q") == "first\n"


def test_upgrade(site):
    assert "no errors" in site.follow("UPGRADE", 0) + site.run("schlossd -t").stdout
    assert "orders" in site.kcat("-L")


def test_lost_password(site):
    site.follow("LOST PASSWORD", 0, stdin="another one\n")
    assert site.run("schlossctl id", check=False).returncode == 3
    old = re.search(r"(?m)^sasl.password=(.*)$", site.read(CONF)).group(1)
    site.edit(CONF, old, "another one")
    assert "admin" in site.run("schlossctl id").stdout


def test_certificates(site):
    site.follow("CERTIFICATES", 0)
    assert "DNS:broker.example.org" in site.served_names("broker.example.org")
    assert "DNS:kafka.example.org" in site.served_names()
    assert site.run("stat -c '%U %a' /etc/schloss/tls/server.pem").stdout == "schloss 600\n"


def test_what_an_authority_says_of_a_certificate(site):
    """The authority is the private one, with a responder of OpenSSL's."""
    site.run("cd /etc/schloss/tls && cat ca.pem >>server.pem && echo '127.0.0.1 ocsp.example.org' >>/etc/hosts && "
             "printf 'V\\t%s\\t\\t%s\\tunknown\\t/CN=x\\n' 491231235959Z "
             "$(openssl x509 -in server.pem -noout -serial | cut -d= -f2) >/tmp/index && "
             "{ openssl ocsp -index /tmp/index -port 8888 -rsigner ca.pem -rkey ca.key -CA ca.pem -ndays 3 >/tmp/responder 2>&1 & } && "
             "until grep -q waiting /tmp/responder; do sleep 0.1; done")
    site.run("echo 'ssl.ocsp.response.location: /etc/schloss/tls/server.ocsp' >>/etc/schloss/schlossd.yaml")
    assert "Response verify OK" in site.follow("CERTIFICATES", 1, together=True) + site.read("/tmp/said")
    said = site.run("openssl s_client -connect kafka.example.org:9093 -status -CAfile /etc/schloss/ca.pem </dev/null 2>&1").stdout
    assert "Cert Status: good" in said, said
    site.run("pkill -f '^openssl ocsp'; sed -i '/^ssl.ocsp/d' /etc/schloss/schlossd.yaml; systemctl reload schlossd")


def test_reload_takes_options_over(site):
    site.run("echo 'log.level: debug' >>/etc/schloss/schlossd.yaml; systemctl reload schlossd")
    site.kcat("-L")
    assert " debug " in site.read("/run/schlossd.log") or "<7>" in site.read("/run/schlossd.log")
    site.run("echo nonsense >>/etc/schloss/schlossd.yaml")
    assert site.run("systemctl reload schlossd", check=False).returncode != 0
    assert "orders" in site.kcat("-L")
    site.run("sed -i -e '/^nonsense/d' -e '/^log.level/d' /etc/schloss/schlossd.yaml; systemctl reload schlossd")


def test_moving(site):
    """To the same machine by another name, from copies with owners and modes."""
    site.run("systemctl stop schlossd; cd /srv && cp -a /etc/schloss conf && cp -a /var/lib/schloss data && "
             "rm -r /etc/schloss /var/lib/schloss && mv conf /etc/schloss && mv data /var/lib/schloss")
    site.edit("/etc/schloss/schlossd.yaml", 'advertised: "kafka.example.org:9093"', 'advertised: "new.example.org:9093"')
    site.follow("MOVING", 0)
    site.run("systemctl start schlossd")
    site.edit(CONF, "kafka.example.org", "new.example.org")
    assert "new.example.org:9093" in site.kcat("-L")
    assert site.kcat("-C", "-t", "orders", "-p", "0", "-e", "-q") == "first\n"


def test_every_command_of_the_page_was_run(site):
    all_of_them = {line for section in SECTIONS for block in commands(section) for line in block}
    assert all_of_them - site.ran == set()
