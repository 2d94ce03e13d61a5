from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hubel.runtime.bundle import Bundle, BundleError, inside

FILES = [
    "README.md", "bundle.json", "model.onnx", "model.safetensors", "golden/golden.json",
    "golden/01-digit-0.png",
]  # fmt: skip


def test_it_reads_what_was_written(bundle):
    found = Bundle.open(bundle)
    assert (found.name, found.task, found.temperature) == ("lenet5", "classify", 1.0)
    assert found.classes == tuple(f"digit {i}" for i in range(10))
    assert found.preprocess.input_size == (32, 32)
    assert found.facts["data"]["licence"] == "CC BY 4.0"
    assert set(FILES) <= found.files


def test_a_run_stands_for_its_bundle(bundle):
    assert Bundle.open(bundle.parent) == Bundle.open(bundle)


@pytest.mark.parametrize("name", FILES)
def test_a_changed_byte_is_refused_by_name(bundle, name):
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(BundleError, match=f"{name} was changed"):
        Bundle.open(bundle)


@pytest.mark.parametrize("name", [n for n in FILES if n != "bundle.json"])
def test_a_missing_file_is_refused_by_name(bundle, name):
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=f"{name} is missing"):
        Bundle.open(bundle)


def test_missing_sums(bundle):
    (bundle / "SHA256SUMS").unlink()
    with pytest.raises(BundleError, match="SHA256SUMS is missing"):
        Bundle.open(bundle)


@pytest.mark.parametrize("sealed", [True, False])
def test_a_newer_schema_asks_for_a_newer_hubel(bundle, reseal, sealed):
    change(bundle, schema=2)
    if sealed:
        reseal(bundle)
    with pytest.raises(
        BundleError, match=r"schema version 2, newer than this Hubel.*upgrade hubel"
    ):
        Bundle.open(bundle)


def test_what_is_no_bundle(tmp_path):
    with pytest.raises(BundleError, match=r"not a bundle: it holds no bundle.json"):
        Bundle.open(tmp_path)
    with pytest.raises(BundleError, match="no such folder"):
        Bundle.open(tmp_path / "nowhere")
    (tmp_path / "model.onnx").touch()
    with pytest.raises(BundleError, match="is a file; give the bundle's folder"):
        Bundle.open(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "golden/../../secret", "..\\secret", "C:secret"]
)
def test_a_name_outside_the_bundle_is_refused(bundle, name):
    (bundle.parent / "secret").touch()
    with (bundle / "SHA256SUMS").open("a", encoding="utf-8") as file:
        file.write(f"{'0' * 64}  {name}\n")
    with pytest.raises(BundleError, match="outside the bundle"):
        Bundle.open(bundle)


def test_inside():
    assert inside("golden/a..b.png")
    assert not any(map(inside, ["", ".", "/", "..", "a/..", "a\0b", "\\\\host\\share"]))


def test_unreadable_sums(bundle):
    (bundle / "SHA256SUMS").write_bytes(b"\xff\xfe nonsense\n")
    with pytest.raises(BundleError, match="SHA256SUMS, line 1"):
        Bundle.open(bundle)


@pytest.mark.parametrize("name", ["model.onnx", "golden/golden.json"])
def test_every_needed_file_is_covered(bundle, name):
    sums = bundle / "SHA256SUMS"
    lines = sums.read_text(encoding="utf-8").splitlines(keepends=True)
    sums.write_text("".join(x for x in lines if name not in x), encoding="utf-8")
    with pytest.raises(BundleError, match=f"does not list {name}"):
        Bundle.open(bundle)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes in the file system are of POSIX")
def test_a_pipe_in_place_of_a_file_does_not_hang(bundle):
    (bundle / "README.md").unlink()
    os.mkfifo(bundle / "README.md")
    with pytest.raises(BundleError, match="not a regular file"):
        Bundle.open(bundle)


def test_a_huge_json_is_not_read(bundle, reseal):
    with (bundle / "bundle.json").open("wb") as file:
        file.truncate(1 << 25)
    reseal(bundle)
    with pytest.raises(BundleError, match=r"bundle.json has 33,554,432 bytes, more than"):
        Bundle.open(bundle)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 0}, "'schema' is 0"),
        ({"schema": "1"}, "'schema' is '1'"),
        ({"task": "clasify"}, "did you mean 'classify'"),
        ({"classes": []}, "'classes' must be a list of names"),
        ({"classes": [1, 2]}, "'classes' must be a list of names"),
        ({"classes": ["a", "a"]}, "a name twice"),
        ({"network": "lenet5"}, "'network' must tell"),
        ({"network": {"name": "lenet5", "words": {}, "classes": 9, "channels": 1}}, "'network'"),
        ({"calibration": {"temperature": 0}}, "'temperature'"),
        ({"calibration": {"temperature": float("nan")}}, "'temperature'"),
        ({"calibration": {"temperature": "1"}}, "'temperature'"),
        ({"calibration": None}, "'calibration'"),
        (
            {
                "network": {
                    "name": "lenet5",
                    "words": {"weights": "/etc/passwd"},
                    "classes": 10,
                    "channels": 1,
                }
            },
            "'words'",
        ),
        ({"preprocess": None}, "'preprocess'"),
        ({"preprocess": {"size": [90_000, 90_000]}}, "more than 100,000,000 pixels"),
        ({"preprocess": {"size": [28, -1]}}, "'preprocess': size"),
        ({"preprocess": {"size": [28, 28], "run": "x"}}, "unknown word 'run'"),
    ],
)
def test_facts_of_a_wrong_kind(bundle, reseal, changes, message):
    change(bundle, **changes)
    reseal(bundle)
    with pytest.raises(ValueError, match=message):
        Bundle.open(bundle)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "null"])
def test_facts_that_are_no_object(bundle, reseal, text):
    (bundle / "bundle.json").write_bytes(text.encode())
    reseal(bundle)
    with pytest.raises(BundleError, match=r"not valid JSON|must hold an object"):
        Bundle.open(bundle)


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="sha256sum is not installed")
def test_sha256sum_agrees(made_bundle):
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=made_bundle, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b": OK") == 8


def test_the_runtime_imports_no_torch():
    code = (
        "import sys, hubel.runtime.golden, hubel.verbs.predict, hubel.verbs.val; "
        "print([m for m in ('torch', 'onnx', 'safetensors', 'yaml') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def change(bundle: Path, **changes: object) -> None:
    facts = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    (bundle / "bundle.json").write_text(json.dumps(facts | changes), encoding="utf-8")
