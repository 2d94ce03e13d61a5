"""`hubel show` as typed, and the page that it writes."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_blocks(hubel):
    said = hubel("show", "resnet50")
    lines = said.out.splitlines()
    assert lines[0] == (
        "resnet50: He, Zhang, Ren, Sun 2015, Deep Residual Learning for Image Recognition"
    )
    (run,) = (line for line in lines if line.startswith("stages.3.1"))
    assert run.split()[-7:] == ["8.93M", "437M", "873M", "4.2Mi", "427", "32", "0"]
    assert "25,557,032 parameters, 4,089,184,256 MACs, 8,178,368,512 FLOPs" in said.out


@pytest.mark.parametrize("name", ["resnet152", "googlenet", "lenet5-1998", "efficientnet_b0"])
@pytest.mark.parametrize("every", [(), ("--all",)])
def test_it_fits_a_terminal(hubel, name, every):
    assert max(map(len, hubel("show", name, *every).out.splitlines())) <= 100


def test_every_layer(hubel):
    few = hubel("show", "resnet18").out
    many = hubel("show", "resnet18", "--all").out
    assert many.count("BatchNorm2d") == 20
    assert "BatchNorm2d" not in few


def test_words_and_json(hubel):
    said = hubel("show", "resnet34", "--word", "skip=none", "--word", "se=0", "--json")
    told = json.loads(said.out)
    assert told["network"] == "resnet34 skip=none se=0"
    assert told["params"] == 21_623_848


def test_mistakes_are_one_line(hubel):
    for words, says in [
        (("resnet5O",), "'resnet50'"),
        (("resnet50", "--word", "skip"), "write skip=none"),
        (("resnet50", "--word", "skip=nne"), "add, none"),
        (("resnet50", "--input", "224"), "a picture is CxHxW"),
        (("alexnet", "--input", "3x40x40"), "does not take 40x40"),
    ]:
        said = hubel("show", *words)
        assert (said.code, said.out) == (2, ""), words
        assert said.err.count("\n") == 1
        assert says in said.err


def test_the_page(hubel, tmp_path):
    page = tmp_path / "page.html"
    said = hubel("show", "resnet18", "--html", page)
    assert str(page) in said.out
    text = page.read_text(encoding="utf-8")
    assert "resnet18: 11.7" in text
    assert "stages.3.1" in text
    assert "Every layer" in text
    assert "http" not in text.replace("http-equiv", "")
    quiet = hubel("show", "resnet18", "--html", page, "--json")
    assert json.loads(quiet.out)["params"] == 11_689_512


def examples() -> list[tuple[str, str]]:
    """The commands of docs/show.md with what stands below them."""
    text = (ROOT / "docs" / "show.md").read_text(encoding="utf-8")
    blocks = [block.strip("\n") for block in text.split("```")[1::2]]
    return [tuple(block.split("\n", 1)) for block in blocks if block.startswith("$ hubel ")]


@pytest.mark.parametrize(("command", "shown"), examples(), ids=lambda text: text[:60])
def test_the_document_shows_what_is_printed(hubel, command, shown):
    said = hubel(*shlex.split(command)[2:])
    printed = [line.rstrip() for line in (said.out + said.err).strip("\n").split("\n")]
    # "..." in the document stands for lines left out.
    at = 0
    for part in shown.split("\n...\n"):
        lines = part.split("\n")
        found = [i for i in range(at, len(printed)) if printed[i : i + len(lines)] == lines]
        assert found, f"{command} prints no longer:\n{part}"
        at = found[0] + len(lines)
