"""Tensors in every wrapping, and those that do not fit."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from hubel import networks
from hubel.weights import load
from hubel.weights import spelling as spellings
from tests.weights import spelled as libraries
from tests.weights.spelled import sorted_by_name, tensors


@pytest.fixture(scope="module")
def source():
    torch.manual_seed(1)
    return networks.create("resnet14", classes=10).eval()


def spelled(network) -> dict[str, torch.Tensor]:
    """The state dict as another library would name it."""
    renamed = {}
    for name, x in network.state_dict().items():
        part, leaf = name.rsplit(".", 1)
        head = part.startswith("head")
        renamed[f"{'fc' if head else 'layer.' + part.replace('.', '_')}.{leaf}"] = x
    return renamed


def same(a, b) -> bool:
    x = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        return torch.equal(a.eval()(x), b.eval()(x))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: s,
        lambda s: {"state_dict": s, "epoch": 3},
        lambda s: {"model": {k: v * 0 for k, v in s.items()}, "model_ema": s},
        lambda s: {f"module.{k}": v for k, v in s.items()},
        lambda s: {"state_dict": {f"module._orig_mod.{k}": v for k, v in s.items()}},
        lambda s: {k: v for k, v in s.items() if "num_batches" not in k},
    ],
)
@pytest.mark.parametrize("spelling", ["own", "foreign"])
def test_wrappers(source, wrap, spelling, tmp_path):
    state = source.state_dict() if spelling == "own" else spelled(source)
    assert same(networks.create("resnet14", weights=wrap(state)), source)
    torch.save(wrap(state), tmp_path / "x.pth")
    assert same(networks.create("resnet14", weights=tmp_path / "x.pth"), source)


def test_safetensors(source, tmp_path):
    save_file(source.state_dict(), tmp_path / "x.safetensors")
    assert same(networks.create("resnet14", weights=str(tmp_path / "x.safetensors")), source)


@pytest.mark.parametrize("spelling", ["own", "foreign"])
def test_other_classes_leave_the_head_new(source, spelling):
    network = networks.create("resnet14", classes=3)
    state = source.state_dict() if spelling == "own" else spelled(source)
    report = load(network, state)
    assert [name.rsplit(".", 1)[1] for name in report.new] == ["weight", "bias"]
    assert len(report.skipped) == 2
    assert torch.equal(network.stem[0][0].conv.weight, source.stem[0][0].conv.weight)
    assert "new: head" in str(report)


def test_a_file_without_a_head(source):
    headless = {k: v for k, v in spelled(source).items() if not k.startswith("fc")}
    report = load(networks.create("resnet14"), headless)
    assert all(name.startswith("head") for name in report.new)
    assert not report.skipped


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels(source, channels):
    network = networks.create("resnet14", channels=channels, weights=source.state_dict()).eval()
    grey = torch.rand(1, 1, 32, 32)
    with torch.inference_mode():
        y, expected = (
            net(grey.expand(-1, c, -1, -1)) for net, c in ((network, channels), (source, 3))
        )
    if channels == 1:
        torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-5)
    else:
        w, v = (net.stem[0][0].conv.weight for net in (network, source))
        torch.testing.assert_close(w, torch.cat([v, v[:, :1]], 1) * 0.75)


@pytest.mark.parametrize("spelling", ["own", "foreign"])
def test_a_shape_that_almost_fits(source, spelling):
    state = dict(source.state_dict() if spelling == "own" else spelled(source))
    key = list(state)[12]
    state[key] = torch.zeros(5, *state[key].shape[1:])
    with pytest.raises(ValueError, match="does not fit the network's"):
        load(networks.create("resnet14"), state)


def published_form(name: str, keys: list[str], **words) -> tuple[torch.nn.Module, dict]:
    """A network by chance, and its tensors under a library's names."""
    torch.manual_seed(1)
    network = networks.create(name, **words)
    own = tensors(network)
    last = sorted(own, key=lambda name: name.startswith("head."))  # auxiliary heads stand before it
    return network, {key: own[name] for key, name in zip(keys, last, strict=True)}


def equal(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    theirs = tensors(b)
    return all(torch.equal(x, theirs[name]) for name, x in tensors(a).items())


@pytest.mark.parametrize("wrap", [dict, sorted_by_name])
@pytest.mark.parametrize("dot", ["", "."])
def test_old_names_of_densenet(wrap, dot):
    network, state = published_form("densenet121", libraries.densenet121(dot))
    assert equal(networks.create("densenet121", weights=wrap(state)), network)


def test_auxiliary_heads_in_the_middle():
    network, state = published_form("googlenet", libraries.googlenet())
    order = [k for k in state if "aux" not in k]
    moved = {k: state[k] for k in order[:200]} | {k: state[k] for k in state if "aux" in k}
    moved |= {k: state[k] for k in order[200:]}
    for given in (state, sorted_by_name(state), moved):
        loaded = networks.create("googlenet", weights=given)
        assert not loaded.loaded.new
        assert not loaded.loaded.skipped
        assert equal(loaded, network)


def test_without_auxiliary_heads():
    _, state = published_form("googlenet", libraries.googlenet())
    plain = sorted_by_name({k: x for k, x in state.items() if "aux" not in k})
    loaded = networks.create("googlenet", weights=plain)
    assert all(name.startswith("aux.") for name in loaded.loaded.new)
    assert len(loaded.loaded.new) == 18
    assert "and 14 more" in str(loaded.loaded)
    assert torch.equal(loaded.head[0][0][-1].weight, state["fc.weight"])


def test_without_a_head_and_sorted_by_name():
    _, state = published_form("resnet18", libraries.resnet18())
    body = sorted_by_name({k: x for k, x in state.items() if not k.startswith("fc.")})
    loaded = networks.create("resnet18", classes=5, weights={"state_dict": body})
    assert all(name.startswith("head.") for name in loaded.loaded.new)
    assert torch.equal(loaded.stages[3][1].body[0].conv.weight, state["layer4.1.conv1.weight"])


def test_the_spelling_says_the_eps():
    network, state = published_form("efficientnet_b5", libraries.efficientnet_b5())
    assert network.stem[0][0].norm.eps == 1e-3  # torchvision's
    load(network, sorted_by_name(state))
    assert network.stem[0][0].norm.eps == 1e-5
    assert network.spec.words == {"eps": 1e-5}
    asked = networks.create("efficientnet_b5", eps=1e-3, weights=state)
    assert asked.stem[0][0].norm.eps == 1e-3


def test_sorted_by_name_under_unknown_names(source):
    with pytest.raises(ValueError, match=r"sorted by name, as \.safetensors keeps them"):
        load(networks.create("resnet14"), sorted_by_name(spelled(source)))


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "googlenet", "efficientnet_b5"])
def test_the_names_are_those_that_were_compared(name):
    keys = [key for key in getattr(libraries, name)() if "aux" not in key]
    body = {key: key for key in keys[:-2]}
    assert (name, spellings.pairing_hashes(body)[0]) in spellings.known_pairings()


def test_another_pairing_than_the_compared_one_is_refused():
    _, state = published_form("resnet18", libraries.resnet18())
    network = networks.create("resnet18")
    parts = network.stages[1][1].body._modules  # two convolutions of one shape change places
    parts["0"] = parts.pop("0")
    with pytest.raises(ValueError, match="would go to other places of resnet18 than when the"):
        load(network, state)


def test_weights_of_another_network(source):
    with pytest.raises(ValueError, match="another network"):
        load(networks.create("resnet20"), spelled(source))
    with pytest.raises(ValueError, match="another network"):
        load(networks.create("resnet18"), source.state_dict())


def test_half_of_the_tensors(source):
    half = dict(list(source.state_dict().items())[:40])
    with pytest.raises(ValueError, match="90% are needed"):
        load(networks.create("resnet14"), half)


def test_nan(source):
    state = source.state_dict() | {"stem.0.0.norm.bias": torch.full((16,), float("nan"))}
    with pytest.raises(ValueError, match=r"stem\.0\.0\.norm\.bias holds NaN"):
        load(networks.create("resnet14"), state)


def test_files_that_are_none(tmp_path):
    network = networks.create("lenet5")
    with pytest.raises(ValueError, match="no such file"):
        load(network, tmp_path / "absent.pth")
    for name in ("broken.pth", "broken.safetensors"):
        (tmp_path / name).write_bytes(b"not a file of weights at all")
        with pytest.raises(ValueError, match=f"{name}: not readable"):
            load(network, tmp_path / name)
    with pytest.raises(ValueError, match="holds no tensors"):
        load(network, {"epoch": 3})


class Hostile:
    def __reduce__(self):
        return (print, ("code of the file was run",))


def test_no_code_of_a_file_is_run(tmp_path, capsys):
    torch.save({"state_dict": Hostile()}, tmp_path / "x.pth")
    with pytest.raises(ValueError, match=r"x\.pth: not readable"):
        load(networks.create("lenet5"), tmp_path / "x.pth")
    assert not capsys.readouterr().out
