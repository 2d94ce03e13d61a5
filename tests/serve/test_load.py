"""The load of benchmarks/serve.py in a small form: a thousand requests, then SIGTERM in one."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the memory of a process is read from /proc"
)


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "serve.py"
    spec = importlib.util.spec_from_file_location("benchmark_of_serve", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look for their annotations
    spec.loader.exec_module(module)
    return module


def test_none_lost_none_wrong_no_server_error(benchmark, made_bundle, files):
    good = benchmark.asked(made_bundle, files)
    bad = benchmark.malformed("/predict", files[0])
    asks = benchmark.mixed(good, bad, 1000)
    found = benchmark.under_load([made_bundle], asks, 16)
    assert found["lost"] == found["wrong"] == found["server errors"] == 0
    deserved = sorted(ask.status for ask in bad)
    refused = [s for s, n in found["statuses"].items() if s != 200 for _ in range(n)]
    assert refused == deserved
    assert found["statuses"][200] == 990


def test_sigterm_in_the_middle(benchmark, made_bundle, files):
    good = benchmark.asked(made_bundle, files)
    found = benchmark.stopped(made_bundle, good * 10_000, 16)
    assert found["lost"] == found["wrong"] == found["exit code"] == 0
    assert 16 <= found["answered"] < 80_000
