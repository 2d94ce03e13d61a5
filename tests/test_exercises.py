"""docs/exercises.md: every command is run, every output and picture compared."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import shlex
import sys
from pathlib import Path

import pytest

from hubel.cli import main

DOCUMENT = Path(__file__).parents[1] / "docs" / "exercises.md"
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
SHELL = [text for language, text in BLOCKS if not language]
PYTHON = [text for language, text in BLOCKS if language == "python"]
PICTURES = re.findall(r"docs/pictures/([\w-]+\.svg)", "".join(SHELL))[::2]  # asked for, and said


def run(line: str) -> str:
    """What a command prints."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(sys, "argv", shlex.split(line))
        try:
            main()
        except SystemExit as stop:
            code = stop.code
        else:
            code = 0
    assert not code, line
    return printed.getvalue()


def answered(block: str) -> str:
    """The block with what its commands print."""
    lines = [line for line in block.splitlines() if line.startswith("$ ")]
    return "".join(f"{line}\n{run(line[2:])}" for line in lines)


@pytest.mark.parametrize("block", SHELL, ids=lambda block: block.splitlines()[0][8:60])
def test_commands_and_pictures(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    drawn = Path("docs") / "pictures"
    drawn.mkdir(parents=True)
    assert answered(block) == block
    for picture in drawn.iterdir():
        kept = DOCUMENT.parent / "pictures" / picture.name
        assert picture.read_text("utf-8") == kept.read_text("utf-8"), (
            f"{picture.name} is drawn otherwise"
        )


def test_python():
    test = doctest.DocTestParser().get_doctest("\n".join(PYTHON), {}, DOCUMENT.name, None, 0)
    found = io.StringIO()
    doctest.DocTestRunner(verbose=False).run(test, out=found.write)
    assert not found.getvalue()
    assert len(test.examples) > 15


def test_every_picture_is_drawn_by_a_command_and_shown():
    shown = re.findall(r"\]\(pictures/([\w-]+\.svg)\)", DOCUMENT.read_text(encoding="utf-8"))
    kept = sorted(path.name for path in (DOCUMENT.parent / "pictures").iterdir())
    assert sorted(shown) == sorted(PICTURES) == kept


def write() -> None:
    """Write the document's outputs and pictures anew: `python -m tests.test_exercises`."""
    text = DOCUMENT.read_text(encoding="utf-8")
    (DOCUMENT.parent / "pictures").mkdir(exist_ok=True)
    for block in SHELL:
        text = text.replace(f"```\n{block}```", f"```\n{answered(block)}```")
    names: dict[str, object] = {}
    for block in PYTHON:
        text = text.replace(f"```python\n{block}```", f"```python\n{_told(block, names)}```")
    DOCUMENT.write_text(text, encoding="utf-8")


def _told(block: str, names: dict[str, object]) -> str:
    """The block with what its lines print."""
    lines = []
    for example in doctest.DocTestParser().get_examples(block):
        source = example.source.rstrip("\n").split("\n")
        lines += [f"{'>>>' if i == 0 else '...'} {line}" for i, line in enumerate(source)]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            try:
                exec(compile(example.source, "exercise", "single"), names)
            except ValueError as error:
                print(f"Traceback (most recent call last):\nValueError: {error}")
        lines += printed.getvalue().splitlines()
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    write()
