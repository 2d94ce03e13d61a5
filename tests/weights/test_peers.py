"""The same tensors give the same outputs here, in torchvision and in timm, wherever these are
installed.
"""

from __future__ import annotations

import importlib.util
import os
import warnings
from pathlib import Path

import pytest
import torch

from benchmarks.operators import operators
from hubel import networks
from hubel.export.timm_folder import shaped
from hubel.runtime.files import write_whole
from hubel.weights import load, loading
from hubel.weights.rows import lines
from hubel.weights.spelling import pairing_hashes
from hubel.weights.timm import timm_names


@pytest.fixture(scope="module")
def peers():
    """{library: {name: constructor}}, of the names that Hubel has too."""
    if not all(importlib.util.find_spec(name) for name in ("torchvision", "timm")):
        pytest.skip("torchvision and timm are not installed; they are compared where they are")
    operators()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import timm
        import torchvision
    known = set(networks.names())
    return {
        "torchvision": {
            name: lambda name=name: torchvision.models.get_model(name, weights=None)
            for name in torchvision.models.list_models(module=torchvision.models)
            if name in known
        },
        "timm": {
            name: lambda name=name: timm.create_model(name)
            for name in timm.list_models()
            if name in known
        },
    }


def shake(model: torch.nn.Module, seed: int) -> None:
    """Weights as constructed, norms and their statistics by chance."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, x in model.state_dict().items():
            if name.endswith("num_batches_tracked") or x.ndim > 1:
                continue
            if name.endswith("running_var"):
                x.uniform_(0.5, 2, generator=generator)
            elif name.endswith("weight"):
                x.uniform_(0.5, 1.2, generator=generator)
            else:
                x.uniform_(-0.2, 0.2, generator=generator)


@pytest.mark.slow
@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_outputs_equal(peers, library, capsys, monkeypatch):
    """From tensors sorted by name, as .safetensors has them.

    What was compared is what pairings.csv says; HUBEL_ACCEPT=1 writes its lines anew.
    """
    far: list[str] = []
    pairings: list[tuple[str, ...]] = []
    monkeypatch.setattr(
        loading,
        "check_pairing",
        lambda name, body, where: pairings.append((name, library, *pairing_hashes(body))),
    )
    for name, construct in peers[library].items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = construct().eval()
        shake(model, seed=len(name))
        ours = networks.create(name).eval()
        report = load(ours, dict(sorted(model.state_dict().items())))
        new = [name for name in report.new if not name.startswith("aux.")]
        if new or report.skipped:
            far.append(f"{name}: {report}")
            continue
        side = ours.spec.size
        sizes = [(side, side), (side - 32, side + 32)]
        if library == "timm" and name.startswith("vgg"):
            # at other sizes timm slides the dense head instead of resizing the map
            sizes = sizes[:1]
        for height, width in sizes:
            x = torch.randn(1, 3, height, width)
            with torch.inference_mode():
                theirs, mine = model(x), ours(x)
            error = ((theirs - mine).abs().max() / theirs.abs().max()).item()
            if not error < 1e-5:
                far.append(f"{name} at {height}x{width}: {error:.1e}")
    with capsys.disabled():
        print(f"\n{library}: compared {len(peers[library])} names")
    assert not far, "\n".join(far)
    known = [tuple(line.values()) for line in lines("pairings.csv")]
    if os.environ.get("HUBEL_ACCEPT"):
        others = [line for line in known if line[1] != library]
        table = [("network", "library", "keys", "pairs"), *sorted({*others, *pairings})]
        path = Path(loading.__file__).with_name("pairings.csv")
        write_whole(path, "".join(f"{','.join(line)}\n" for line in table))
    else:
        assert {*pairings} == {line for line in known if line[1] == library}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_auxiliary_outputs_equal(peers, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = peers["torchvision"][name]().eval()
    shake(model, seed=1)
    ours = networks.create(name, weights=model.state_dict()).eval()
    x = torch.randn(1, 3, ours.spec.size, ours.spec.size)
    seen = []
    heads = [part for key, part in model.named_children() if key.lower().startswith("aux")]
    for part in heads:
        part.register_forward_hook(lambda _, __, out: seen.append(out))
    for part in (model, *heads):
        part.training = (
            True  # the branch to the auxiliary heads only: norms and dropout stay as they are
        )
    with torch.inference_mode():
        theirs = [model(x)[0], *seen]
        mine = ours.outputs(x)
    assert len(theirs) == len(mine) == 1 + len(heads)
    for a, b in zip(mine, theirs):
        assert (a - b).abs().max() < 1e-5 * b.abs().max()


@pytest.mark.slow
def test_timm_has_the_tensors_that_are_spelled_for_it(peers):
    """Every key and every shape, of all networks that can be spelled."""
    far, spelled = [], 0
    for name, construct in peers["timm"].items():
        with torch.device("meta"):
            own = networks.create(name).state_dict()
            try:
                names = timm_names(name, own)
            except ValueError:
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                theirs = {key: tuple(x.shape) for key, x in construct().state_dict().items()}
        mine = {names[k]: tuple(shaped(names[k], x).shape) for k, x in own.items() if k in names}
        spelled += 1
        if mine != theirs:
            far.append(name)
    assert spelled > 80
    assert not far
