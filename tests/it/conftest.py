# SPDX-License-Identifier: Apache-2.0
import faulthandler
import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "wire"))

from harness import Broker, run  # noqa: E402


LIMIT = 600  # seconds; no measure of speed: one that hangs is to be named, not to be waited for


def hangs(_signal, _frame):
    faulthandler.dump_traceback()
    raise TimeoutError(f"hangs: nothing came of it in {LIMIT} s")


@pytest.hookimpl(hookwrapper=True)
def limited(item):
    signal.signal(signal.SIGALRM, hangs)
    signal.alarm(LIMIT)
    faulthandler.dump_traceback_later(LIMIT + 60, exit=True)  # where a C library does not come back
    yield
    signal.alarm(0)
    faulthandler.cancel_dump_traceback_later()


pytest_runtest_setup = pytest_runtest_call = pytest_runtest_teardown = limited


@pytest.fixture
def broker():
    """A broker of the test's own."""
    b = Broker("auto.create.topics.enable: true\ngroup.initial.rebalance.delay.ms: 0").start()
    yield b
    b.remove()


@pytest.fixture(scope="module")
def shared():
    """One broker for a module, for tests that use names of their own."""
    b = Broker("auto.create.topics.enable: true\ngroup.initial.rebalance.delay.ms: 0").start()
    yield b
    b.remove()


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    """shim.c, for hostile.preloaded()."""
    out = tmp_path_factory.mktemp("shim") / "shim.so"
    run("gcc", "-shared", "-fPIC", "-O1", "-o", out, pathlib.Path(__file__).parent / "shim.c", "-ldl")
    return out
