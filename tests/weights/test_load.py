"""Tensors in every wrapping, and those that do not fit."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from hubel import networks
from hubel.weights import load


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
