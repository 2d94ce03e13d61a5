"""Training that starts from published weights: the file lies in the cache, as if fetched."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

import hubel
from hubel.networks import create
from hubel.runtime.bundle import Bundle
from hubel.verbs.origin import licence
from hubel.weights.download import place
from tests.weights.spelled import efficientnet_b5, tensors

SHORT = {"steps": 1, "batch": 8, "size": 32, "augment": (), "threads": 1}


def put(name: str) -> hubel.Weights:
    """Weights by chance, where those of that name belong."""
    row = hubel.published(name)
    place(row).parent.mkdir(parents=True)
    torch.manual_seed(0)
    state = create(row.network).state_dict()
    save_file({key: x for key, x in state.items() if "num_batches" not in key}, place(row))
    return row


def test_the_plan_from_published_weights(labelled):
    row = put("timm/regnetx_002.pycls_in1k")
    recipe = hubel.plan(labelled, weights=row.name, **SHORT).recipe
    assert (recipe.network, recipe.weights) == ("regnetx_002", row.name)
    assert (recipe.seen.mean, recipe.seen.std) == (row.preprocess.mean, row.preprocess.std)
    assert recipe.seen.size == (32, 32)
    assert licence(row.name) == row.licence == "mit"


@pytest.mark.slow
def test_from_published_weights(labelled, tmp_path, capsys):
    row = put("timm/regnetx_002.pycls_in1k")
    run = hubel.train(labelled, weights=row.name, runs=tmp_path / "runs", **SHORT)
    said = capsys.readouterr()
    (line,) = (x for x in (said.out + said.err).splitlines() if x.startswith("Weights "))
    assert line.startswith(f"Weights {row.name}: matched ")
    assert "skipped: head" in line
    assert "new: head" in line
    assert Bundle.open(run.bundle).facts["licences"]["weights"] == row.licence == "mit"

    assert licence(str(run.path)) == "mit"


def test_what_the_recipe_was_told_stays(labelled):
    row = put("timm/regnetx_002.pycls_in1k")
    seen = hubel.Preprocess((32, 32), mean=(0.1,) * 3, std=(0.2,) * 3)
    planned = hubel.plan(labelled, weights=row.name, preprocess=seen, canvas=None, **SHORT)
    assert planned.recipe.seen == seen


def test_mistakes(labelled):
    with pytest.raises(ValueError, match=r"did you mean 'timm/regnetx_002\.pycls_in1k'"):
        hubel.plan(labelled, weights="timm/regnetx_002.pycls")
    with pytest.raises(ValueError, match=r"weights of regnetx_002, not of resnet14; create that"):
        hubel.plan(labelled, weights="timm/regnetx_002.pycls_in1k", network="resnet14", **SHORT)


@pytest.mark.slow
def test_an_eps_that_comes_with_the_weights_is_kept(labelled, tmp_path):
    """Files of timm have another eps than the network's own: the recipe builds it again."""
    own = tensors(create("efficientnet_b5")).values()
    file = tmp_path / "b5.safetensors"
    save_file(dict(zip(efficientnet_b5(), own, strict=True)), file)
    recipe = hubel.plan(labelled, network="efficientnet_b5", weights=file, **SHORT).recipe
    assert recipe.words == {"eps": 1e-5}
    assert create(recipe.network, **recipe.words).stem[0][0].norm.eps == 1e-5
