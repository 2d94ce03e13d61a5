"""The built wheel in an environment of its own, without torch: what `pip install hubel` gives."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from hubel.runtime import load

ROOT = Path(__file__).parents[1]
PARTS = ("src", "pyproject.toml", "README.md", "LICENSE", "constraints.txt")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that no old build/ folder gets into it."""
    tree = tmp_path_factory.mktemp("tree")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            ignore = shutil.ignore_patterns("*.egg-info", "__pycache__")
            shutil.copytree(source, tree / part, ignore=ignore)
        elif source.exists():
            shutil.copy(source, tree)
    pip("wheel", "--no-deps", "-w", tree / "dist", tree)
    (made,) = (tree / "dist").glob("hubel-*.whl")
    return made


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """The folder of executables of an environment that holds the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    pip("--python", python, "install", "--no-compile", "-c", ROOT / "constraints.txt", wheel)
    return scripts


@pytest.fixture(scope="module")
def picture(tmp_path_factory, digits) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "a digit.png"
    Image.fromarray(digits[5][1]).save(path)
    return path


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = {n for n in file.namelist() if ".dist-info/" not in n}
    package = ROOT / "src" / "hubel"
    expected = {
        p.relative_to(package.parent).as_posix()
        for p in package.rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    assert names == expected


def test_it_answers_as_the_checkout_does(environment, made_bundle, picture):
    done = run(environment, "hubel", "predict", made_bundle, picture, "--json")
    assert done.returncode == 0, done.stderr
    (answer,) = json.loads(done.stdout)
    expected = load(made_bundle).predict(picture)
    assert answer["label"] == expected.label
    assert [p for _, p in answer["top"]] == pytest.approx([p for _, p in expected.top], abs=1e-4)


def test_it_answers_from_python(environment, made_bundle, picture):
    code = "import sys, hubel; print(hubel.load(sys.argv[1]).predict(sys.argv[2]).label)"
    done = run(environment, "python", "-c", code, made_bundle, picture)
    assert done.stdout.strip() == load(made_bundle).predict(picture).label, done.stderr


def test_it_proves_the_bundle(environment, made_bundle):
    done = run(environment, "hubel", "val", made_bundle, "--golden")
    assert done.returncode == 0, done.stderr
    assert "the same answers" in done.stdout


def test_there_is_no_torch(environment):
    done = run(environment, "python", "-c", "import torch")
    assert done.returncode == 1
    assert "No module named 'torch'" in done.stderr


def test_layers_and_the_catalogue_need_none(environment):
    done = run(environment, "hubel", "layer", "Conv2d(64,128,1)", "--input", "64x32x32")
    assert "8,192" in done.stdout, done.stderr
    done = run(environment, "hubel", "networks", "resnet50", "--json")
    assert json.loads(done.stdout)[0]["params"] == 25_557_032, done.stderr
    done = run(environment, "hubel", "show", "resnet50")
    assert done.returncode == 2
    assert "pip install 'hubel[train]'" in done.stderr


def test_training_says_what_to_install(environment, picture):
    done = run(environment, "hubel", "train", picture.parent)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install 'hubel[train]'" in done.stderr
    assert done.stdout == ""


def test_scoring_on_data_says_it_too(environment, made_bundle, picture):
    done = run(environment, "hubel", "val", made_bundle, picture.parent)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install 'hubel[train]'" in done.stderr


def run(scripts: Path, program: str, *words: object) -> subprocess.CompletedProcess[str]:
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "HUBEL"))}
    return subprocess.run(
        [scripts / program, *map(str, words)], capture_output=True, text=True, env=outside
    )


def pip(*words: object) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *map(str, words)],
        capture_output=True,
        text=True,
    )
    if "No matching distribution found" in done.stderr:
        pytest.skip("the packages cannot be had: no network and none kept")
    assert done.returncode == 0, done.stderr
