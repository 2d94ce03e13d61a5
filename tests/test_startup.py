"""What runs without torch imports none; benchmarks/startup.py has the times."""

from __future__ import annotations

import subprocess
import sys

import pytest
from PIL import Image

HEAVY = ("torch", "onnx", "safetensors", "pyarrow", "matplotlib", "sklearn", "scipy", "yaml")
RUNTIME = ("numpy", "PIL", "onnxruntime", "rich")


@pytest.fixture
def picture(tmp_path, digits):
    Image.fromarray(digits[0][1]).save(tmp_path / "digit.png")
    return tmp_path / "digit.png"


def imported(code: str, *words: object) -> set[str]:
    """The packages that a process of its own has imported when it ends."""
    report = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "
    done = subprocess.run(
        [sys.executable, "-c", report + code, *map(str, words)],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.split(".")[0] for name in done.stderr.splitlines()[-1].split()}


COMMAND = "from hubel.cli import main; main()"


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["predict", "--help"], ["train", "--help"]]
)
def test_help_imports_nothing_heavy(words):
    found = imported(COMMAND, *words)
    assert "hubel" in found
    assert not found & {*HEAVY, *RUNTIME}


def test_import_hubel_imports_nothing_heavy():
    assert not imported("import hubel; dir(hubel)") & {*HEAVY, *RUNTIME, "typer"}


def test_a_bundle_answers_without_torch(made_bundle, picture):
    found = imported(COMMAND, "predict", made_bundle, picture)
    assert "onnxruntime" in found
    assert not found & {*HEAVY, "rich"}
    assert not imported(COMMAND, "val", made_bundle, "--golden") & set(HEAVY)
    load = "import hubel; hubel.load(sys.argv[1]).predict(sys.argv[2])"
    assert not imported(load, made_bundle, picture) & set(HEAVY)
