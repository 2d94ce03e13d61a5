"""`hubel train` as a user meets it: what it leaves behind, and its answer to every bad input."""

from __future__ import annotations

import csv
import json
import re
from zlib import crc32

import numpy as np
import pytest
from PIL import Image

from hubel.training import checkpoint
from hubel.training.run import Run

SMALL = ("--epochs", "1", "--threads", "1", "--batch", "8")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HUBEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HUBEL_DATA", raising=False)
    monkeypatch.chdir(tmp_path)


def picture(path, colour, size=(40, 40)):
    """A noisy square of one colour, so that a network can learn it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(crc32(path.name.encode())).integers(0, 60, (*size, 3))
    Image.fromarray((np.array(colour) * 180 + noise).clip(0, 255).astype(np.uint8)).save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    """Two classes of 20 pictures in a folder whose name has a space and an umlaut."""
    root = tmp_path / "meine Bilder für heute"
    for label, colour in (("rot", (1, 0, 0)), ("grün", (0, 1, 0))):
        for i in range(20):
            picture(root / label / f"Bild {i}.png", colour)
    return root


def test_a_folder_becomes_a_run(hubel, folder):
    said = hubel("train", folder, *SMALL, "--json")
    assert said.code == 0, said.err
    result = json.loads(said.out)
    run = Run.open(result["run"])
    assert run.path.parent.name == "classify"
    assert run.recipe.steps == 4  # 32 pictures, batches of 8
    assert run.recipe.data == str(folder)
    assert {p.name for p in run.path.iterdir()} == {
        "recipe.yaml", "results.csv", "metrics.jsonl", "checkpoints", "bundle", "report.html",
        "errors.csv", "environment.json", "findings.json", "data.json", "outcome.npz",
    }  # fmt: skip
    assert {p.name for p in run.checkpoints.iterdir()} == {"last.pt", "best.pt"}
    with (run.path / "errors.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    assert "grün" in {row["truth"] for row in rows}

    said = hubel("predict", result["bundle"], folder / "rot" / "Bild 3.png", "--json")
    assert said.code == 0, said.err
    assert said.err == ""


def test_the_same_recipe_gives_the_same_run(hubel, folder):
    hubel("train", folder, *SMALL, "--name", "one")
    said = hubel("train", "--recipe", "runs/classify/one/recipe.yaml", "--name", "two", "--json")
    assert said.code == 0, said.err
    one, two = (Run.open(f"runs/classify/{name}") for name in ("one", "two"))
    assert two.recipe == one.recipe
    a, b = (checkpoint.load(r.checkpoints / "last.pt")["model"] for r in (one, two))
    assert all((a[name] == b[name]).all() for name in a)


def test_a_dry_run_writes_no_run(hubel, folder):
    said = hubel("train", folder, "--dry-run", *SMALL)
    assert said.code == 0, said.err
    assert "32 pictures to train on, 8 to validate on, 2 classes" in said.out
    assert "4 steps of 8 pictures" in said.out
    assert not (folder.parent / "runs").exists()


def test_minutes_become_steps_that_are_kept(hubel, folder):
    said = hubel("train", folder, "--minutes", "0.02", "--threads", "1", "--batch", "8", "--json")
    assert said.code == 0, said.err
    recipe = Run.open(json.loads(said.out)["run"]).recipe
    assert recipe.minutes == 0.02
    assert recipe.steps is not None
    assert recipe.steps >= 1


def test_values_are_used_as_given(hubel, folder):
    hubel("train", folder, *SMALL, "--lr", "0.0123", "--seed", "7", "--size", "24", "--name", "x")
    recipe = Run.open("runs/classify/x").recipe
    assert recipe.optimizer["lr"] == 0.0123
    assert recipe.seed == 7
    assert recipe.preprocess.size == (24, 24)


def test_any_network_at_the_size_of_the_pictures(hubel, folder):
    said = hubel("train", folder, *SMALL, "--network", "resnet18", "--name", "r")
    assert said.code == 0, said.err
    assert Run.open("runs/classify/r").recipe.preprocess.size == (40, 40)


def test_one_bad_picture_among_many_is_left_out_and_listed(hubel, folder):
    (folder / "rot" / "broken.png").write_bytes(b"")
    said = hubel("train", folder, *SMALL, "--name", "bad")
    assert said.code == 0, said.err
    assert "1 pictures were left out" in said.err
    assert "broken.png" in said.err
    run = Run.open("runs/classify/bad")
    (left_out,) = run.read_json("findings.json")["left_out"]
    assert left_out["name"].endswith("broken.png")
    assert "broken.png" in run.report.read_text(encoding="utf-8")


def spoil_truncated(path):
    path = picture(path.with_suffix(".jpg"), (1, 0, 0), (80, 80))
    path.write_bytes(path.read_bytes()[:-200])


def spoil_zero(path):
    path.write_bytes(b"")


def spoil_text(path):
    path.with_suffix(".jpg").write_text("not a picture at all")


def spoil_huge(path):
    Image.new("1", (20_000, 20_000)).save(path)


def spoil_animated(path):
    frames = [Image.new("RGB", (40, 40), (i, 0, 0)) for i in (0, 200)]
    frames[0].save(path.with_suffix(".gif"), save_all=True, append_images=frames[1:])


def spoil_symlink(path):
    path.symlink_to(path.parent / "nowhere.png")


SPOILS = [spoil_truncated, spoil_zero, spoil_text, spoil_huge, spoil_animated, spoil_symlink]


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda s: s.__name__[6:])
def test_a_spoiled_picture_is_named_by_train_and_refused_by_predict(hubel, folder, spoil):
    before = set((folder / "rot").iterdir())
    spoil(folder / "rot" / "spoiled.png")
    (bad,) = set((folder / "rot").iterdir()) - before
    said = hubel("train", folder, *SMALL, "--name", "s")
    assert said.code == 0, said.err
    (finding,) = Run.open("runs/classify/s").read_json("findings.json")["left_out"]
    assert finding["name"].endswith(bad.name)
    said = hubel("predict", "runs/classify/s", bad)
    assert said.code in (1, 2)
    assert bad.name in said.out + said.err
    assert "Traceback" not in said.out + said.err


def refused(said, *words):
    assert said.code == 2, (said.code, said.out, said.err)
    assert "Traceback" not in said.err
    for word in words:
        assert word in said.err, said.err
    return said.err


def test_bad_folders(hubel, folder, tmp_path):
    (tmp_path / "empty").mkdir()
    refused(hubel("train", tmp_path / "empty"), "empty", "folder per class")
    picture(tmp_path / "single" / "cat" / "1.png", (1, 0, 0))
    refused(hubel("train", tmp_path / "single"), "only one class (cat)")
    picture(folder / "lonely" / "1.png", (0, 0, 1))
    refused(hubel("train", folder, *SMALL), "lonely")
    refused(hubel("train", tmp_path / "meine Bilder fur heute"), "meine Bilder")


def test_bad_tables(hubel, folder, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("path,colour\nx.png,red\n")
    refused(hubel("train", table), "table.csv", "colour")
    table.write_text("file,label\nmissing one.png,red\nmissing two.png,green\n")
    refused(hubel("train", table), "missing one.png")


def test_a_parquet_with_unknown_columns(hubel, tmp_path):
    pq, pa = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyarrow")
    pq.write_table(pa.table({"pixels": [1, 2], "answer": [0, 1]}), tmp_path / "x.parquet")
    refused(hubel("train", tmp_path / "x.parquet"), "pixels", "answer")


def test_bad_words(hubel, folder):
    refused(hubel("train", folder, "--network", "resent50"), "resnet50")
    refused(hubel("train", folder, "--netwrk", "resnet50"), "--network")
    refused(hubel("train", folder, "--epochs", "many"), "--epochs", "number")
    refused(hubel("train", folder, "--recipe", "resnet-14"), "resnet14")
    refused(hubel("train", folder, "--device", "gpu"), "cuda")
    refused(hubel("train", folder, "--batch", "4000"), "batch", "4000", "--batch")
    refused(hubel("train", folder, "--val", "1.5"), "1.5")
    refused(hubel("train"), "folder per class")
    refused(hubel("trian", folder), "train")
    refused(hubel("train", "--resume"), "no run there to resume")
    refused(hubel("train", "--resume", folder), "recipe.yaml")
    refused(hubel("train", "--resume", "--epochs", "3"), "epochs")


def test_a_loss_that_explodes_stops_with_the_last_checkpoint_kept(hubel, folder):
    words = ("--lr", "1e30", "--epochs", "4", "--threads", "1", "--batch", "8", "--name", "boom")
    err = refused(hubel("train", folder, *words, "--save-every", "1"), "became", "--lr")
    last = Run.open("runs/classify/boom").checkpoints / "last.pt"
    assert str(last) in err or not last.exists()
    if last.exists():
        assert all(v.isfinite().all() for v in checkpoint.load(last)["model"].values())


def test_pictures_that_changed_refuse_an_exact_resumption(hubel, folder):
    hubel("train", folder, *SMALL, "--name", "moved")
    run = Run.open("runs/classify/moved")
    run.report.unlink()  # as if it had been killed before the end
    picture(folder / "rot" / "one more.png", (1, 0, 0))
    refused(hubel("train", "--resume", run.path), "cannot be resumed exactly")


def test_a_run_killed_while_it_wrote_its_report_is_finished(hubel, folder):
    hubel("train", folder, *SMALL, "--name", "late")
    run = Run.open("runs/classify/late")
    before = (run.path / "results.csv").read_bytes()
    run.report.unlink()
    assert hubel("train", "--resume", run.path).code == 0
    assert run.report.exists()
    assert (run.path / "results.csv").read_bytes() == before


def test_a_run_is_the_start_of_another(hubel, folder, tmp_path):
    hubel("train", folder, *SMALL, "--name", "first")
    for label, colour in (("blau", (0, 0, 1)), ("gelb", (1, 1, 0)), ("weiss", (1, 1, 1))):
        for i in range(20):
            picture(tmp_path / "others" / label / f"{i}.png", colour)
    words = ("--weights", "runs/classify/first", "--freeze", r"^network\.(stem|stages)\.")
    said = hubel("train", tmp_path / "others", *SMALL, *words, "--name", "second")
    assert said.code == 0, said.err
    a, b = (checkpoint.load(Run.open(f"runs/classify/{n}").checkpoints / "last.pt")["steps"]
            ["average"] for n in ("first", "second"))  # fmt: skip
    counters = "num_batches_tracked"
    body = [n for n in a if ("stem" in n or "stages" in n) and not n.endswith(counters)]
    assert body
    assert all((a[n] == b[n]).all() for n in body)  # statistics of the frozen norms too
    assert [len(b[n]) for n in b if "head" in n and n.endswith("bias")] == [3]
    refused(hubel("train", folder, *SMALL, "--freeze", "layer4"), "layer4", "matches no parameter")
    refused(hubel("train", folder, *SMALL, "--weights", "nowhere.pth"), "nowhere.pth")


def test_words_of_the_family(hubel, folder):
    words = ("--network", "resnet14", "--word", "act=gelu")
    said = hubel("train", folder, *SMALL, *words, "--name", "w")
    assert said.code == 0, said.err
    assert Run.open("runs/classify/w").recipe.words == {"act": "gelu"}
    refused(hubel("train", folder, "--network", "resnet14", "--word", "actt=gelu"), "act")


def test_practices_are_left_out_by_name(hubel, folder):
    said = hubel("train", folder, *SMALL, "--without", "average, mirror", "--json")
    assert said.code == 0, said.err
    recipe = Run.open(json.loads(said.out)["run"]).recipe
    assert recipe.average is None
    assert "Mirror" not in {type(step).__name__ for step in recipe.augment}
    assert recipe.augment
    said = hubel("train", folder, *SMALL, "--without", "averge")
    assert said.code == 2
    assert "did you mean 'average'" in said.err


def test_the_summary_tells_about_every_class(hubel, folder):
    said = hubel("train", folder, *SMALL)
    assert re.search(r"^grün +\d+\.\d\d%  \d of 4$", said.out, re.MULTILINE)


def test_loss_and_mix_by_name_with_the_weights_frozen(hubel, folder):
    for i in range(10):
        (folder / "rot" / f"Bild {i}.png").unlink()
    words = ("--loss", "focal,gamma=1.5,weights=balanced", "--mix", "mixup,alpha=0.4")
    said = hubel("train", folder, *SMALL, *words, "--json")
    assert said.code == 0, said.err
    recipe = Run.open(json.loads(said.out)["run"]).recipe
    assert recipe.loss == {"name": "focal", "gamma": 1.5, "weights": [0.75, 1.5]}  # 16 and 8
    assert recipe.mix == {"name": "mixup", "alpha": 0.4}
    said = hubel("train", folder, *SMALL, "--loss", "focal,gama=2")
    assert said.code == 2
    assert "did you mean 'gamma'" in said.err
