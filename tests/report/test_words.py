"""Numbers in words."""

from __future__ import annotations

import math

import pytest

from hubel.report.words import THIN, amount, counted, duration, percent, verdict


def plain(words: str) -> str:
    return words.replace(THIN, " ")


@pytest.mark.parametrize(
    ("share", "digits", "words"),
    [
        (0.9123, 1, "91.2 %"),
        (0.9123, 2, "91.23 %"),
        (1, 1, "100 %"),
        (0, 2, "0 %"),
        (0.99996, 1, ">99.9 %"),
        (0.9994, 1, "99.9 %"),
        (0.00001, 1, "<0.1 %"),
        (0.997, 0, ">99 %"),
        (math.nan, 1, "–"),
    ],
)
def test_percent(share, digits, words):
    assert plain(percent(share, digits)) == words


def test_amounts():
    numbers = (0, 175_258, 9_999_999, 25_557_032, 60_000_000, 4_089_184_256, 1.2e13, 999_999_999)
    said = ["0", "175,258", "9,999,999", "25.6 M", "60.0 M", "4.09 G", "12.0 T", "1.00 G"]
    assert [plain(amount(n)) for n in numbers] == said
    assert counted(1, "picture") == "1 picture"
    assert counted(10_000, "picture") == "10,000 pictures"


def test_durations():
    seconds = (0, 3.21, 45, 89.7, 90, 740, 5399, 5400, 7500)
    said = ["0.0 s", "3.2 s", "45 s", "1.5 minutes", "1.5 minutes", "12.3 minutes"]
    said += ["1 h 30 min", "1 h 30 min", "2 h 5 min"]
    assert [plain(duration(s)) for s in seconds] == said


def test_verdicts():
    spent = {"read": 3, "augment": 4, "compute": 91, "validate": 2}
    assert plain(verdict(spent)) == "compute-bound: 91 % of the time in forward and backward"
    said = plain(verdict(spent | {"read": 200}))
    bound = "decode-bound: 67 % of the time in reading and decoding"
    busy = "all processors are busy, so a smaller canvas or fewer distortions would help"
    assert said == f"{bound}; {busy}"
    assert verdict(spent | {"augment": 200}).startswith("augment-bound")
    assert verdict(spent | {"validate": 200}).startswith("validation-bound")
    assert verdict({"read": 0.0, "compute": 0.0}) == "no time was measured"
    assert verdict({}) == "no time was measured"


def test_how_many_more_workers():
    """What the loader made took 3 times as long as the network."""
    spent = {"read": 300.0, "augment": 0.0, "compute": 100.0}

    def said(**facts: int) -> str:
        return plain(verdict(spent, **facts)).partition("; ")[2]

    assert said(idle=8) == "3 more workers (--workers 3) would save about 75 %"
    assert said(idle=2) == "2 more workers (--workers 2) would save about 62 %"
    # One worker made 400 s of batches, 100 of them beside the network.
    assert said(workers=1, idle=8) == "3 more workers (--workers 4) would save about 75 %"
    assert said(workers=1, idle=2) == "1 more worker (--workers 2) would save about 50 %"
    assert "processors are busy" in said(workers=4, idle=4)
    some = {"read": 20.0, "augment": 0.0, "compute": 80.0}
    assert plain(verdict(some, 0, 3)) == (
        "compute-bound: 80 % of the time in forward and backward; "
        "1 more worker (--workers 1) would save about 20 %"
    )
