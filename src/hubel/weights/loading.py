"""State dicts and files into a network, with a report of what went where."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hubel.weights.download import fetch
from hubel.weights.pair import Pairing, by_name, by_position
from hubel.weights.rows import Weights, meant
from hubel.weights.spelling import check_pairing, ordered

THRESHOLD = 0.9  # the share of the body's numbers that has to come from the source
SHOWN = 4  # of the names that a report's line says

# What training programs wrap around a state dict, the averaged weights first.
WRAPPERS = ("state_dict_ema", "model_ema", "ema", "state_dict", "model", "network", "net")
OLD_DENSENET = re.compile(r"(\.denselayer\d+\.(?:norm|conv))\.([12])(?=\.)")  # of files until 2018
PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.", "network.", "net.")


@dataclass(frozen=True)
class Report:
    """What a load did, by name: tensors matched, of the source skipped, of the network left new."""

    matched: tuple[str, ...]
    skipped: tuple[str, ...]
    new: tuple[str, ...]

    def __str__(self) -> str:
        """One line: counts, and the names where something is left over."""
        parts = [f"matched {len(self.matched)} tensors"]
        for what, names in (("skipped", self.skipped), ("new", self.new)):
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            parts += [f"{what}: {', '.join(names[:SHOWN])}{more}"] if names else []
        return "; ".join(parts)


def load(network: nn.Module, source: Mapping[str, Any] | str | Path | Weights) -> Report:
    """Put published tensors into a network; its head stays new where the classes differ.

    `source` is a state dict, a file (.safetensors, or .pth read with weights_only), or published
    weights ("timm/resnet50.tv_in1k"), which are fetched where they are not in the cache. Names may
    be the network's own; otherwise tensors are paired by position, which is how torchvision and
    timm spell the same networks. Wrappers (`state_dict`, `model_ema`, ...) and prefixes (`module.`)
    are taken off, and a first convolution of another number of picture channels is summed or
    repeated. The report is kept as `network.loaded`.

    Raises ValueError for files that cannot be had or read, for weights of another network, with the
    first tensor that differs, and for weights that hold NaN.
    """
    weights = meant(source)
    if weights is not None:
        _check_name(network, weights)
        where, content = weights.name, read(fetch(weights))
    elif isinstance(source, Mapping):
        where, content = "the given weights", source
    else:
        where, content = str(source), read(Path(str(source)))
    tensors = unwrapped(content, where)
    own = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    given = {k: v for k, v in tensors.items() if not k.endswith("num_batches_tracked")}
    bad = [name for name, x in given.items() if x.is_floating_point() and not x.isfinite().all()]
    if bad:
        raise ValueError(f"{where}: {bad[0]} holds NaN or infinity; these weights are broken")
    head = head_of(network)
    named = len(own.keys() & given.keys()) >= len(given) // 2
    pairing = (by_name if named else _by_order)(own, given, head, where)
    body = [name for name in own if not name.startswith(head)]
    found = sum(own[name].numel() for name in body if name in pairing)
    share = found / max(1, sum(own[name].numel() for name in body))
    if share < THRESHOLD:
        raise ValueError(
            f"{where}: only {share:.0%} of the network's numbers are there and {THRESHOLD:.0%} are "
            "needed; are these the weights of another network?"
        )
    spec: Any = getattr(network, "spec", None)
    if spec is not None and not named and not spec.words.keys() - {"eps"}:
        check_pairing(spec.name, {name: pairing[name] for name in body}, where)
    with torch.no_grad():
        for name, key in pairing.items():
            own[name].copy_(fitted(given[key], own[name]))
    _take_eps(network, given)
    used = set(pairing.values())
    report: Any = Report(
        tuple(pairing),
        tuple(key for key in given if key not in used),
        tuple(name for name in own if name not in pairing),
    )
    network.loaded = report
    return report


def outputs_of(source: Any) -> int | None:
    """How many logits published weights give; None for other sources, and for a file of no head."""
    weights = meant(source)
    return weights.outputs or None if weights else None


def _check_name(network: nn.Module, weights: Weights) -> None:
    """Equal tensors may mean another function (padding, stride), so the name has to be the same."""
    name = getattr(getattr(network, "spec", None), "name", "") or weights.network
    if name != weights.network:
        raise ValueError(
            f"{weights.name} are weights of {weights.network}, not of {name}; create that network"
        )


def _by_order(
    own: Mapping[str, Tensor], given: Mapping[str, Tensor], head: Sequence[str], where: str
) -> Pairing:
    """Equal places, in the order that the names tell, else in that of the source."""
    order, sorted_by_name = ordered(given), list(given) == sorted(given)
    if order is None and sorted_by_name:
        raise ValueError(
            f"{where}: the tensors come sorted by name, as .safetensors keeps them, and the names "
            "are of no known network; give them in the network's order, as a .pth file has them"
        )
    if order is not None:
        try:
            return by_position(own, {key: given[key] for key in order}, head, where)
        except ValueError:
            if sorted_by_name:
                raise
    return by_position(own, given, head, where)


def _take_eps(network: nn.Module, keys: Iterable[str]) -> None:
    """The norm eps that belongs to the spelling of the keys, where two libraries share a name.

    A network whose eps was asked for by word keeps it.
    """
    spec: Any = getattr(network, "spec", None)
    if spec is None or "eps" in spec.words:
        return
    spelled = {key.partition(".")[0] for key in keys}
    for part, eps in spec.facts.get("eps", {}).items():
        if part in spelled:
            for norm in (x for x in network.modules() if isinstance(x, nn.BatchNorm2d)):
                norm.eps = eps
            network.spec = spec.swap(eps=eps)


def head_of(network: nn.Module) -> tuple[str, ...]:
    """The prefixes of what depends on the classes: the head's last row, auxiliary heads."""
    head = getattr(network, "head", None)
    if isinstance(head, nn.Sequential) and len(head):
        return (f"head.{len(head) - 1}.", "aux.")
    return ("head.", "fc.", "classifier.", "aux.")


def fitted(x: Tensor, own: Tensor) -> Tensor:
    """A tensor in the shape of the network's: ones dropped, picture channels summed or repeated."""
    if x.numel() == own.numel():
        return x.reshape(own.shape)
    c_own, c = own.shape[1], x.shape[1]
    if c_own == 1:
        return x.sum(1, keepdim=True)
    return x.repeat(1, -(-c_own // c), 1, 1)[:, :c_own] * (c / c_own)


def read(path: Path) -> Mapping[str, Any]:
    """The content of a .safetensors or .pth file; no code of the file is run."""
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file of weights")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # every library raises its own kinds for a broken file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path}: not readable as weights: {reason}") from error


def unwrapped(content: Any, where: str) -> dict[str, Tensor]:
    """The state dict within what a training program saved, without wrapper and prefixes."""
    while isinstance(content, Mapping) and not any(isinstance(x, Tensor) for x in content.values()):
        inner = [content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)]
        if not inner:
            break
        content = inner[0]
    if not isinstance(content, Mapping):
        raise ValueError(f"{where}: holds a {type(content).__name__} instead of a state dict")
    tensors = {key: x for key, x in content.items() if isinstance(x, Tensor)}
    if not tensors:
        raise ValueError(
            f"{where}: holds no tensors; its entries are {', '.join(map(str, content))}"
        )
    while prefix := next((p for p in PREFIXES if all(k.startswith(p) for k in tensors)), ""):
        tensors = {key.removeprefix(prefix): x for key, x in tensors.items()}
    return {OLD_DENSENET.sub(r"\1\2", key): x for key, x in tensors.items()}
