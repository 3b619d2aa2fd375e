# SPDX-License-Identifier: Apache-2.0
"""A machine of a test's own: one that may be installed on, and forgets everything.

It is this one in new namespaces: an own network with nothing but a loopback, own processes,
and what is written below the directories in OVERLAID goes to memory. `systemctl` there is unit.py,
which does what the unit file says.
"""
import os
import pathlib
import shlex
import subprocess
import tempfile

from harness import Failed

HOME = "/root"
OVERLAID = ("/etc", "/var/lib", "/usr/local", HOME, "/srv", "/tmp")
HERE = pathlib.Path(__file__).resolve().parent
SETUP = """set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
for d in $2; do
	mkdir -p "$d" "$1$d/upper" "$1$d/work"
	mount -t overlay overlay -o "lowerdir=$d,upperdir=$1$d/upper,workdir=$1$d/work" "$d"
done
mount -t tmpfs tmpfs /run
mkdir /run/bin
cp "$3" /run/bin/systemctl
chmod 755 /run/bin/systemctl
ip link set lo up
echo ready
exec sleep infinity
"""


class Machine:
    def __init__(self):
        """Failed, with the reason, where namespaces are not to be had."""
        self.space = tempfile.mkdtemp(prefix="schloss-machine-")
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", SETUP, "sh",
             self.space, " ".join(OVERLAID), HERE / "unit.py"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            self.process.kill()
            reason = self.process.stderr.read().strip()
            self.remove()
            raise Failed(f"no namespaces of its own: {reason}")
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        self.first = children.read_text().split()[0]

    def run(self, command, check=True, stdin="", timeout=120):
        """A line for bash, as root has it after a login."""
        env = {"PATH": "/run/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": HOME,
               "LANG": "C.UTF-8", "ASAN_OPTIONS": "detect_leaks=0"}
        p = subprocess.run(["nsenter", "--target", self.first, "--mount", "--net", "--pid", "bash", "-c", command],
                           capture_output=True, text=True, timeout=timeout, input=stdin, env=env, cwd="/")
        if check and p.returncode != 0:
            raise Failed(f"{command}: exit {p.returncode}\n{p.stdout}{p.stderr}")
        return p

    def read(self, path):
        return self.run(f"cat {shlex.quote(str(path))}").stdout

    def write(self, path, text):
        self.run(f"cat >{shlex.quote(str(path))}", stdin=text)

    def edit(self, path, old, new):
        text = self.read(path)
        assert old in text, f"{path} has no {old}"
        self.write(path, text.replace(old, new))

    def remove(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()
        os.rmdir(self.space)
