"""The page of `hubel show`."""

from __future__ import annotations

import html
import re

import pytest

from hubel.report.account import stored, write_account
from hubel.verbs.show import show


@pytest.fixture(scope="module")
def found():
    return show("inception_v3")


def test_the_page(found, tmp_path):
    text = found.write(tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.count("<table") == 2
    assert text.count('class="sortable"') == 2
    rows = text.count("<tr>") - 2
    assert rows == len(found.blocks) + len(found.layers)
    shares = [float(share) for share in re.findall(r"--share:([\d.]+)", text)]
    assert len(shares) == 4 * rows
    assert max(shares) == 1
    assert min(shares) == 0
    assert "1311" in text
    assert ">nan<" not in text
    assert "src=" not in text
    assert len(text) < 500_000


def test_what_a_user_names_stays_text(found, tmp_path):
    name = "<script>alert(1)</script>"
    page = write_account(
        tmp_path / "page.html",
        title=name,
        size=(3, 299, 299),
        paper="",
        blocks=found.blocks,
        layers=found.layers,
        warnings=[name],
    )
    text = page.read_text(encoding="utf-8")
    assert name not in text
    assert html.escape(name) in text
    assert "Table of the paper" not in text


def test_bytes_in_words():
    thin = "\u202f"
    assert stored(0) == f"0{thin}B"
    assert stored(802_816) == f"784{thin}KiB"
    assert stored(3 * 2**20) == f"3.0{thin}MiB"
