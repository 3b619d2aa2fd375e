# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "wire"))

from harness import Broker, run  # noqa: E402


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
