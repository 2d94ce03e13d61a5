from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import hubel
from hubel.cli import main
from hubel.runtime import load
from hubel.verbs.predict import _folders, predict


@pytest.fixture
def pictures(tmp_path, digits) -> Path:
    """Three pictures, one of them in a folder, with names that need care."""
    folder = tmp_path / "my pictures"
    for name, (_, picture) in zip(("one.png", "zwei Käfer.png", "deep/one.png"), digits):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / name)
    return folder


@pytest.fixture
def hubel_(monkeypatch, capsys):
    """Run the command in this process: (exit code, standard output, standard error)."""

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hubel", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        return (stop.value.code or 0, *capsys.readouterr())

    return run


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_the_function(made_bundle, pictures):
    answers = predict(made_bundle, pictures)
    assert [a.name for a in answers] == [
        str(pictures / n) for n in ("deep/one.png", "one.png", "zwei Käfer.png")
    ]
    assert answers[1] == predict(made_bundle, pictures / "one.png")[0]
    assert answers[1].top == load(made_bundle).predict(pictures / "one.png").top
    assert hubel.predict(made_bundle, [str(pictures)], batch=1, engine_threads=1, top=2)[0].label


def test_the_table(hubel_, made_bundle, pictures):
    code, out, err = hubel_("predict", made_bundle, pictures, "--top", 2)
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0].split() == ["picture", "answer", "confidence", "then"]
    first = predict(made_bundle, pictures, top=2)[0]
    assert lines[1].startswith(f"{first.name}  ")
    assert lines[1].split("  ")[-1] == f"{first.top[1][0]} {first.top[1][1]:.1%}"
    assert f"{first.label}  " in lines[1]
    assert len(lines) == 4
    assert len({line.index("digit") for line in lines[1:]}) == 1


def test_a_run_folder_will_do(hubel_, bundle, pictures):
    assert hubel_("predict", bundle.parent, pictures)[0] == 0


def test_broken_pictures_do_not_stop_the_others(hubel_, made_bundle, pictures):
    (pictures / "broken.png").write_bytes((pictures / "one.png").read_bytes()[:80])
    code, out, err = hubel_("predict", made_bundle, pictures, "nowhere.png")
    assert code == 1
    assert err == "2 of 5 pictures could not be read\n"
    lines = out.splitlines()
    assert len(lines) == 6
    assert "broken.png" in lines[1]
    assert "restore it from its source" in lines[1]
    assert "does not exist; check the path" in lines[5]


def test_json(hubel_, made_bundle, pictures):
    (pictures / "empty.png").touch()
    code, out, _ = hubel_("predict", made_bundle, pictures, "--json", "--top", 3)
    found = json.loads(out)
    assert code == 1
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
    }
    assert found[1]["label"] is None
    assert found[1]["error"] == "is empty (0 bytes); restore or remove it"


def test_csv_to_standard_output_and_to_a_file(hubel_, made_bundle, pictures, tmp_path):
    (pictures / "empty.png").touch()
    code, out, err = hubel_("predict", made_bundle, pictures, "--csv", "-", "--top", 2)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 1
    assert list(rows[0]) == ["file", "label", "confidence", "label2", "confidence2", "error"]
    answer = predict(made_bundle, pictures / "zwei Käfer.png")[0]
    assert rows[3]["file"] == answer.name
    assert rows[3]["label"] == answer.label
    assert float(rows[3]["confidence2"]) == pytest.approx(answer.top[1][1], abs=1e-6)
    assert rows[1]["error"].startswith("is empty")
    assert rows[1]["label"] == ""
    target = tmp_path / "answers.csv"
    assert hubel_("predict", made_bundle, pictures, "--csv", target, "--top", 2) == (1, "", err)
    assert target.read_text(encoding="utf-8") == out


def test_a_list_on_standard_input(made_bundle, pictures):
    listed = f"{pictures / 'one.png'}\n\n{pictures / 'zwei Käfer.png'}\r\n"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from hubel.cli import main; main()",
            "predict",
            made_bundle,
            "-",
            "--json",
        ],
        input=os.fsencode(listed),
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert [Path(a["name"]).name for a in json.loads(done.stdout)] == ["one.png", "zwei Käfer.png"]


def test_names_that_steer_a_terminal_are_shown(hubel_, made_bundle, pictures):
    evil = pictures / "\x1b[31mred.png"
    try:
        evil.write_bytes((pictures / "one.png").read_bytes())
    except OSError:
        pytest.skip("this file system refuses such names itself")
    _, out, _ = hubel_("predict", made_bundle, evil)
    assert "\x1b" not in out
    assert r"\x1b[31mred.png" in out


def test_sorting_copies_and_never_overwrites(made_bundle, pictures, tmp_path):
    into = tmp_path / "sorted"
    before = {n: (pictures / n).read_bytes() for n in names(pictures)}
    labels = {Path(a.name): a.label for a in predict(made_bundle, pictures, sort_into=into)}
    for path, label in labels.items():
        same = [p for p in (into / label).iterdir() if p.read_bytes() == path.read_bytes()]
        assert [p.name.startswith(path.stem) for p in same] == [True]
    assert {n: (pictures / n).read_bytes() for n in names(pictures)} == before
    made = names(into)
    assert len(made) == 3
    # Again: nothing new. With another picture in the place of one: that one is left as it is.
    predict(made_bundle, pictures, sort_into=into)
    assert names(into) == made
    (into / made[0]).write_bytes(b"precious")
    predict(made_bundle, pictures, sort_into=into)
    assert (into / made[0]).read_bytes() == b"precious"
    assert len(names(into)) == 4


def test_two_pictures_of_one_name_are_both_kept(made_bundle, pictures, tmp_path, digits):
    twin = pictures / "twin" / "one.png"
    twin.parent.mkdir()
    image = digits[0][1].copy()
    image[0, 0] ^= 1  # another picture, of the same answer
    Image.fromarray(image).save(twin)
    answers = predict(made_bundle, [pictures / "one.png", twin], sort_into=tmp_path / "sorted")
    assert answers[0].label == answers[1].label
    assert names(tmp_path / "sorted") == [f"{answers[0].label}/one{end}.png" for end in ("-2", "")]


def test_sorted_pictures_within_the_folder_are_not_answered_again(made_bundle, pictures):
    for _ in range(2):
        assert len(predict(made_bundle, pictures, sort_into=pictures / "sorted")) == 3


def test_class_names_stay_below_the_folder():
    classes = [
        "../../etc",
        "a/b",
        "a\\b",
        "..",
        "",
        "CON",
        "con.txt",
        "Bee",
        "bee",
        "C:",
        "x" * 300,
        " . ",
    ]
    folders = _folders(classes)
    assert folders["Bee"] == "Bee"
    assert len({f.casefold() for f in folders.values()}) == len(classes)
    for name in folders.values():
        assert not set('/\\:"<>|?*') & set(name)
        assert name.strip(" .") == name != ""
        assert not name.lower().startswith("con")
        assert len(name) < 120


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
def test_a_wrong_call(hubel_, made_bundle, tmp_path, words, message):
    (tmp_path / "empty").mkdir()
    code, out, err = hubel_(
        "predict", *(w.format(bundle=made_bundle, empty=tmp_path / "empty") for w in words)
    )
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_nothing_given(made_bundle):
    with pytest.raises(ValueError, match="no pictures given"):
        predict(made_bundle, [])
