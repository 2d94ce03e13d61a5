from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hubel.verbs.predict import predict

START = "from hubel.cli import start; start()"


def test_the_table(hubel, made_bundle, pictures):
    said = hubel("predict", made_bundle, pictures, "--top", 2)
    lines = said.out.splitlines()
    assert (said.code, said.err) == (0, "")
    assert lines[0].split() == ["picture", "answer", "confidence", "then"]
    first = predict(made_bundle, pictures, top=2)[0]
    assert lines[1].startswith(f"{first.name}  ")
    assert lines[1].split("  ")[-1] == f"{first.top[1][0]} {first.top[1][1]:.1%}"
    assert f"{first.label}  " in lines[1]
    assert len(lines) == 4
    assert len({line.index("digit") for line in lines[1:]}) == 1


def test_a_run_folder_will_do(hubel, bundle, pictures):
    assert hubel("predict", bundle.parent, pictures).code == 0


def test_broken_pictures_do_not_stop_the_others(hubel, made_bundle, pictures):
    (pictures / "broken.png").write_bytes((pictures / "one.png").read_bytes()[:80])
    said = hubel("predict", made_bundle, pictures, "nowhere.png")
    assert said.code == 1
    assert said.err == "2 of 5 pictures could not be read\n"
    lines = said.out.splitlines()
    assert len(lines) == 6
    assert "broken.png" in lines[1]
    assert "restore it from its source" in lines[1]
    assert "does not exist; check the path" in lines[5]


def test_json(hubel, made_bundle, pictures):
    (pictures / "empty.png").touch()
    said = hubel("predict", made_bundle, pictures, "--json", "--top", 3)
    found = json.loads(said.out)
    assert said.code == 1
    assert [Path(a["name"]).name for a in found] == [
        "one.png",
        "empty.png",
        "one.png",
        "zwei Käfer.png",
    ]
    answer = predict(made_bundle, pictures / "one.png", top=3)[0]
    assert found[2] == {
        "name": answer.name,
        "label": answer.label,
        "confidence": pytest.approx(answer.confidence, abs=1e-6),
        "top": [[label, pytest.approx(p, abs=1e-6)] for label, p in answer.top],
        "error": None,
        "unsure": False,
        "labels": None,
    }
    assert found[1]["label"] is None
    assert found[1]["error"] == "is empty (0 bytes); restore or remove it"


def test_csv_to_standard_output_and_to_a_file(hubel, made_bundle, pictures, tmp_path):
    (pictures / "empty.png").touch()
    said = hubel("predict", made_bundle, pictures, "--csv", "-", "--top", 2)
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert said.code == 1
    assert list(rows[0]) == ["file", "label", "confidence", "label2", "confidence2", "error"]
    answer = predict(made_bundle, pictures / "zwei Käfer.png")[0]
    assert rows[3]["file"] == answer.name
    assert rows[3]["label"] == answer.label
    assert float(rows[3]["confidence2"]) == pytest.approx(answer.top[1][1], abs=1e-6)
    assert rows[1]["error"].startswith("is empty")
    assert rows[1]["label"] == ""
    target = tmp_path / "answers.csv"
    again = hubel("predict", made_bundle, pictures, "--csv", target, "--top", 2)
    assert (again.code, again.out, again.err) == (1, "", said.err)
    assert target.read_text(encoding="utf-8") == said.out


def test_a_list_on_standard_input(made_bundle, pictures):
    listed = f"{pictures / 'one.png'}\n\n{pictures / 'zwei Käfer.png'}\r\n"
    done = subprocess.run(
        [sys.executable, "-c", START, "predict", made_bundle, "-", "--json"],
        input=os.fsencode(listed),
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert [Path(a["name"]).name for a in json.loads(done.stdout)] == ["one.png", "zwei Käfer.png"]


def test_names_that_steer_a_terminal_are_shown(hubel, made_bundle, pictures):
    evil = pictures / "\x1b[31mred.png"
    try:
        evil.write_bytes((pictures / "one.png").read_bytes())
    except OSError:
        pytest.skip("this file system refuses such names itself")
    said = hubel("predict", made_bundle, evil)
    assert "\x1b" not in said.out
    assert r"\x1b[31mred.png" in said.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere", "x.png"], "no such folder"),
        (["{bundle}", "{empty}"], "no pictures in this folder"),
        (["{bundle}", "x.png", "--json", "--csv", "-"], "choose one"),
        (["{bundle}", "x.png", "--top", "0"], "--top"),
        (["{bundle}", "x.png", "--batch", "many"], "--batch"),
        (["{bundle}", "x.png", "--engine-threads", "0"], "--engine-threads"),
        (["{bundle}"], "pictures"),
        (["{bundle}", "x.png", "--sort", "y"], "--sort"),
    ],
)
def test_a_wrong_call(hubel, made_bundle, tmp_path, words, message):
    (tmp_path / "empty").mkdir()
    said = hubel(
        "predict", *(w.format(bundle=made_bundle, empty=tmp_path / "empty") for w in words)
    )
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert "Traceback" not in said.err


def test_the_end_of_the_process_loses_nothing(made_bundle, pictures):
    command = [sys.executable, "-m", "hubel", "predict", made_bundle]
    many = [*command, *[pictures / "one.png"] * 2000, "--json", "--top", "10"]
    done = subprocess.run(many, capture_output=True, check=True)
    assert len(json.loads(done.stdout)) == 2000  # more than any buffer holds
    assert done.stderr == b""
    done = subprocess.run([*command, "nowhere.png"], capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr == b"1 of 1 pictures could not be read\n"
    done = subprocess.run([*command, "--nothing"], capture_output=True, check=False)
    assert done.returncode == 2
