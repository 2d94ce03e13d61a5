from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from hubel.cli import main


@dataclass
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def hubel(monkeypatch, capsys):
    """Run the command line in this process: hubel("train", "digits") -> Said."""

    def run(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["hubel", *map(str, words)])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        shown = capsys.readouterr()
        return Said(code, shown.out, shown.err)

    return run
