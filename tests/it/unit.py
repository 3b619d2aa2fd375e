#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""systemctl for a machine without systemd: does by the command lines of schlossd.service what
systemd would, as far as they and User, UMask, LimitNOFILE, NoNewPrivileges, Type=notify and the time-outs say, and
ProtectSystem=strict, ProtectHome, PrivateTmp, MemoryDenyWriteExecute, RestrictAddressFamilies and SystemCallFilter.

usage: systemctl start|stop|restart|reload|enable [--now] schlossd
What the service manager is told stands in /run/notified, a line each; the log in /run/schlossd.log.
"""
import ctypes
import errno
import os
import pathlib
import re
import resource
import shlex
import signal
import socket
import subprocess
import sys
import time

STATE = pathlib.Path("/run")
NOTIFIED, LOG, PID = STATE / "notified", STATE / "schlossd.log", STATE / "main.pid"


def unit():
    found = [p / "schlossd.service" for p in map(pathlib.Path, ("/usr/local/lib/systemd/system", "/usr/lib/systemd/system"))]
    text = next(p for p in found if p.exists()).read_text()
    lines = re.findall(r"(?m)^(\w+)=(.*)$", text)
    return {k: [v for name, v in lines if name == k] for k, _ in lines}


# ---- what the unit takes away ----

MOUNTS = """mount --make-rprivate /
for d in $(awk '{ print $2 }' /proc/self/mounts); do
	case $d in /proc*|/sys*|/dev*|/run*|/tmp|/home|/root) ;; *) mount -o remount,bind,ro "$d" 2>/dev/null ;; esac
done
mount --bind "$STATE" "$STATE" && mount -o remount,bind,rw "$STATE"
for d in /tmp /var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "$d"; done
for d in /root /home; do mount -t tmpfs -o mode=0 tmpfs "$d"; done
exec "$@"
"""
ALLOW, ERRNO, EQ, MASKED_EQ = 0x7FFF0000, 0x00050000, 4, 7
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}


def expand(name):
    """The calls of a set, as this machine's systemd has it."""
    if not name.startswith("@"):
        return {name}
    said = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True).stdout
    lines = [line.strip() for line in said.split("\n")[1:]]
    return set().union(*(expand(line) for line in lines if line and not line.startswith("#")))


def allowed(u):
    """By lines: the first one says that others are refused."""
    calls = set()
    for line in u["SystemCallFilter"]:
        these = set().union(*(expand(name) for name in line.lstrip("~").split()))
        calls = calls - these if line.startswith("~") else calls | these
    return calls


class Arg(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def filtered(u, argv):
    """Becomes argv with the filter of the unit."""
    lib = ctypes.CDLL("libseccomp.so.2")
    lib.seccomp_init.restype = ctypes.c_void_p
    lib.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p]
    lib.seccomp_load.argtypes = [ctypes.c_void_p]
    no = ERRNO | getattr(errno, u["SystemCallErrorNumber"][0])
    ctx = lib.seccomp_init(no)

    def rule(name, *arg):
        nr = lib.seccomp_syscall_resolve_name(name.encode())
        if nr != -1:
            assert lib.seccomp_rule_add_array(ctx, ALLOW, nr, len(arg) // 4, ctypes.byref(Arg(*arg)) if arg else None) == 0, name
    for name in sorted(allowed(u) - {"mmap", "mprotect", "socket"}):
        rule(name)
    for bits in (0, 2, 4):  # MemoryDenyWriteExecute: not both
        rule("mmap", 2, MASKED_EQ, 6, bits)
    rule("mprotect", 2, MASKED_EQ, 4, 0)
    for family in u["RestrictAddressFamilies"][0].split():
        rule("socket", 0, EQ, FAMILIES[family], 0)
    assert u["MemoryDenyWriteExecute"] == ["yes"] and lib.seccomp_load(ctx) == 0
    os.execv(argv[0], argv)


def shut_in(u, argv):
    """The command line of argv with less around it."""
    assert u["ProtectSystem"] == ["strict"] and u["ProtectHome"] == u["PrivateTmp"] == ["yes"]
    return ["env", f"STATE=/var/lib/{u['StateDirectory'][0]}", "unshare", "--mount", "sh", "-c", MOUNTS, "sh", *argv]


def as_user(u, line, main=""):
    return ["setpriv", f"--reuid={u['User'][0]}", f"--regid={u['Group'][0]}",
            "--init-groups", "--no-new-privs", "--bounding-set=-all", *shlex.split(line.replace("$MAINPID", main))]


def run_all(u, key, main=""):
    for line in u.get(key, []):
        with open(LOG, "a", encoding="utf-8") as log:
            p = subprocess.run(as_user(u, line, main), check=False, stdout=log, stderr=log)
        if p.returncode != 0:
            sys.exit(f"schlossd.service: {key}: {line}: exit {p.returncode}\n{LOG.read_text()[-3000:]}")


def notified():
    return NOTIFIED.read_text().split("\n")[:-1] if NOTIFIED.exists() else []


def wait_for(what, reason, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end or not running():
            sys.exit(f"schlossd.service: {reason}\n{LOG.read_text()[-3000:]}")
        time.sleep(0.02)


def running():
    return PID.exists()


def supervise(u):
    """In the background: the process, and what it says to its manager."""
    path = STATE / "notify"
    path.unlink(missing_ok=True)
    box = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    box.bind(str(path))
    path.chmod(0o666)
    box.settimeout(0.1)
    os.umask(int(u["UMask"][0], 8))
    with open(LOG, "a", encoding="utf-8") as log:
        p = subprocess.Popen(shut_in(u, as_user(u, f"/run/bin/systemctl filtered {u['ExecStart'][0]}")), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                             env={**os.environ, "NOTIFY_SOCKET": str(path)}, cwd="/")
    PID.write_text(str(p.pid))
    while True:
        over = p.poll() is not None
        try:
            said = box.recv(4096).decode()
            with open(NOTIFIED, "a", encoding="utf-8") as f:
                f.write("".join(f"{line}\n" for line in said.split("\n") if line))
        except TimeoutError:
            if over:
                break
    with open(NOTIFIED, "a", encoding="utf-8") as f:
        f.write(f"exit {p.returncode}\n")
    PID.unlink()


def start(u):
    if running():
        return
    NOTIFIED.unlink(missing_ok=True)
    run_all(u, "ExecStartPre")
    if os.fork() == 0:
        os.setsid()
        null = os.open("/dev/null", os.O_RDWR)
        for fd in range(3):
            os.dup2(null, fd)
        supervise(u)
        os._exit(0)
    while not running() and "exit" not in " ".join(notified()):
        time.sleep(0.01)
    wait_for(lambda: "READY=1" in notified(), "did not become ready")


def stop(u):
    if not running():
        return
    os.kill(int(PID.read_text()), signal.SIGTERM)
    end = time.monotonic() + 120
    while running():
        if time.monotonic() > end:
            sys.exit("schlossd.service: does not stop")
        time.sleep(0.02)
    if notified()[-2:] != ["STOPPING=1", "exit 0"]:
        sys.exit(f"schlossd.service: no clean end: {notified()}\n{LOG.read_text()[-3000:]}")


def reload(u):
    before = notified().count("READY=1")
    run_all(u, "ExecReload", PID.read_text())
    wait_for(lambda: notified().count("READY=1") > before, "did not say that it has reloaded")
    if "RELOADING=1" not in notified():
        sys.exit("schlossd.service: did not say that it reloads")


def main():
    u, verb = unit(), sys.argv[1]
    files = min(int(u["LimitNOFILE"][0]), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    if verb == "filtered":
        filtered(u, sys.argv[2:])
    if sys.argv[-1] != "schlossd":
        sys.exit(__doc__)
    if verb == "start" or (verb == "enable" and "--now" in sys.argv):
        start(u)
    elif verb in ("stop", "reload"):
        {"stop": stop, "reload": reload}[verb](u)
    elif verb == "restart":
        stop(u)
        start(u)
    elif verb != "enable":
        sys.exit(__doc__)


main()
