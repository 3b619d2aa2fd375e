# SPDX-License-Identifier: Apache-2.0
"""Where a broker spends its time while it is loaded: perf beside a run."""
import collections
import os
import re
import signal
import subprocess
import time

from peers import run


def functions(data, top):
    """The greatest of what perf recorded: (percent, function, file). What has no name, as the ciphers of a stripped library, is one of them."""
    out = run("perf", "report", "-i", data, "--stdio", "-q", "--no-children", "-g", "none", "-F", "overhead,sym,dso", "-t", "\t",
              env=os.environ | {"PAGER": "cat"})
    found = collections.Counter()
    for line in out.splitlines():
        if line.count("\t") == 2:
            percent, function, where = (w.strip() for w in line.split("\t"))
            found[re.sub(r"0x[0-9a-f]{8,}$", "without a name", function), where] += float(percent.rstrip("%"))
    return [(percent, function, where) for (function, where), percent in found.most_common(top)]


def profile(peer, work, top=12):
    """What work() returns, and where the processor time of a peer goes meanwhile, as functions() has it.
    Nothing where there is no perf, or it may not look."""
    data = peer.parent / "perf.data"
    try:
        p = subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", "499", "-p", str(peer.process.pid), "-o", data],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError:
        return work(), []
    try:
        time.sleep(0.2)
        result = work()
    finally:
        p.send_signal(signal.SIGINT)
        p.wait()
    try:
        return result, functions(data, top)
    except RuntimeError:
        return result, []
    finally:
        data.unlink(missing_ok=True)
