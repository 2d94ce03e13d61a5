"""State dicts and files into a network, with a report of what went where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hubel.weights.pair import Pairing, by_name, by_position

THRESHOLD = 0.9  # the share of the body's numbers that has to come from the source

# What training programs wrap around a state dict, the averaged weights first.
WRAPPERS = ("state_dict_ema", "model_ema", "ema", "state_dict", "model", "network", "net")
PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.", "network.", "net.")


@dataclass(frozen=True)
class Report:
    """What a load did, by name: tensors matched, of the source skipped, of the network left new."""

    matched: tuple[str, ...]
    skipped: tuple[str, ...]
    new: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"matched {len(self.matched)} tensors"]
        for what, names in (("skipped", self.skipped), ("new", self.new)):
            if names:
                lines.append(f"{what}: {', '.join(names)}")
        return "\n".join(lines)


def load(network: nn.Module, source: Mapping[str, Any] | str | Path) -> Report:
    """Put published tensors into a network; its head stays new where the classes differ.

    `source` is a state dict or a file (.safetensors, or .pth read with weights_only). Names may be
    the network's own; otherwise tensors are paired by position, which is how torchvision and timm
    spell the same networks. Wrappers (`state_dict`, `model_ema`, ...) and prefixes (`module.`) are
    taken off, and a first convolution of another number of picture channels is summed or repeated.

    Raises ValueError for files that cannot be read, for weights of another network, with the first
    tensor that differs, and for weights that hold NaN.
    """
    where = "the given weights" if isinstance(source, Mapping) else str(source)
    tensors = unwrapped(source if isinstance(source, Mapping) else read(Path(source)), where)
    own = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    given = {k: v for k, v in tensors.items() if not k.endswith("num_batches_tracked")}
    bad = [name for name, x in given.items() if x.is_floating_point() and not x.isfinite().all()]
    if bad:
        raise ValueError(f"{where}: {bad[0]} holds NaN or infinity; these weights are broken")
    head = head_of(network)
    named = len(own.keys() & given.keys()) >= len(given) // 2
    pairing: Pairing = (by_name if named else by_position)(own, given, head, where)
    body = [name for name in own if not name.startswith(head)]
    found = sum(own[name].numel() for name in body if name in pairing)
    share = found / max(1, sum(own[name].numel() for name in body))
    if share < THRESHOLD:
        raise ValueError(
            f"{where}: only {share:.0%} of the network's numbers are there and {THRESHOLD:.0%} are "
            "needed; are these the weights of another network?"
        )
    with torch.no_grad():
        for name, key in pairing.items():
            own[name].copy_(fitted(given[key], own[name]))
    _take_eps(network, next(iter(given)))
    used = set(pairing.values())
    return Report(
        tuple(pairing),
        tuple(key for key in given if key not in used),
        tuple(name for name in own if name not in pairing),
    )


def _take_eps(network: nn.Module, key: str) -> None:
    """The norm eps that belongs to the spelling of the keys, where two libraries share a name.

    A network whose eps was asked for by word keeps it.
    """
    spec: Any = getattr(network, "spec", None)
    eps = spec.facts.get("eps", {}).get(key.partition(".")[0]) if spec is not None else None
    if eps is None or "eps" in spec.words:
        return
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eps = eps
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
    return tensors
