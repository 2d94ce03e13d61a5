"""What the races of several networks share: a row for each in a file, and torch as an opponent."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from hubel.export.race import RUNNER
from hubel.export.ways import Way
from hubel.runtime.files import write_whole
from hubel.runtime.machine import cores, environment

HERE = Path(__file__).parent


def rows(
    doc: str | None,
    file: str,
    names: Iterable[str],
    measured: Callable[[str, int, int], dict[str, Any]],
    **facts: Any,
) -> dict[str, Any]:
    """The row of every network, measured (name, rounds, threads) as the command line asks.

    Each is written to results/`file` when it is done, and is not measured again while it stands
    there.
    """
    names, result = list(names), HERE / "results" / file
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--only", nargs="*", choices=names, default=names)
    asked = parser.parse_args()
    found = json.loads(result.read_text("utf-8"))["networks"] if result.is_file() else {}
    for name in asked.only:
        if name not in found:
            found[name] = measured(name, asked.rounds, asked.threads)
            said = {"machine": environment(), "threads": asked.threads, **facts}
            write_whole(result, json.dumps({**said, "networks": found}, indent=1) + "\n")
    return found


def runner(way: Way) -> tuple[str, ...]:
    """The program of a way: "timm eager" and the like are networks in torch, by peer.py."""
    return (sys.executable, str(HERE / "peer.py")) if " " in way.engine else RUNNER
