from __future__ import annotations

import json
from pathlib import Path

import pytest

from hubel.runtime import load
from hubel.runtime.bundle import BundleError
from hubel.runtime.golden import replay


def change(bundle: Path, edit) -> None:
    path = bundle / "golden" / "golden.json"
    golden = json.loads(path.read_text(encoding="utf-8"))
    edit(golden)
    path.write_text(json.dumps(golden), encoding="utf-8")


def test_the_bundle_answers_as_it_was_written(made_bundle):
    found = replay(load(made_bundle))
    assert found.ok
    assert found.pictures == 3
    assert found.differences["logits"][0] <= 1e-5
    assert found.differences["probabilities"][1] == 1e-4
    assert found.prepared_otherwise == ()


@pytest.mark.parametrize("kind", ["logits", "probabilities"])
def test_a_difference_is_found(bundle, reseal, kind):
    def edit(golden):
        golden["pictures"][2][kind][9] += 0.01

    change(bundle, edit)
    reseal(bundle)
    found = replay(load(bundle))
    assert not found.ok
    assert found.differences[kind][0] == pytest.approx(0.01, rel=0.01)


def test_another_preparation_is_told_apart(bundle, reseal):
    def edit(golden):
        golden["pictures"][1]["prepared"] = "0" * 64

    change(bundle, edit)
    reseal(bundle)
    found = replay(load(bundle))
    assert found.ok
    assert found.prepared_otherwise == ("02-digit-1.png",)


@pytest.mark.parametrize(
    "edit",
    [
        lambda golden: golden.clear(),
        lambda golden: golden["pictures"].clear(),
        lambda golden: golden["pictures"][0]["logits"].pop(),
        lambda golden: golden["pictures"][0].update(logits="many"),
        lambda golden: golden["pictures"][0].update(file=3),
        lambda golden: golden["tolerance"].clear(),
    ],
)
def test_another_format(bundle, reseal, edit):
    change(bundle, edit)
    reseal(bundle)
    with pytest.raises(BundleError, match=r"golden.json is not of the format"):
        replay(load(bundle))


@pytest.mark.parametrize("name", ["../../secret.png", "/secret.png", "unlisted.png"])
def test_only_pictures_of_the_bundle_are_read(bundle, reseal, name):
    (bundle / "golden" / "unlisted.png").touch()
    change(bundle, lambda golden: golden["pictures"][0].update(file=name))
    reseal(bundle)
    sums = bundle / "SHA256SUMS"
    lines = sums.read_text(encoding="utf-8").splitlines(keepends=True)
    sums.write_text("".join(x for x in lines if "unlisted" not in x), encoding="utf-8")
    with pytest.raises(BundleError, match="SHA256SUMS does not cover"):
        replay(load(bundle))
