"""`hubel.show`: the layer table of a network without running it."""

from __future__ import annotations

import ast
import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hubel import networks
from hubel.analysis import account as words
from hubel.networks import Account, Network
from hubel.networks.table import rows
from hubel.verbs.sizes import sides


@dataclass(frozen=True)
class Shown:
    """A network's account for pictures of `size` (C, H, W): its blocks, its layers, warnings.

    `paper` is the paper's table, empty for a module that has none.
    """

    name: str
    size: tuple[int, int, int]
    paper: str
    account: Account
    blocks: tuple[words.Line, ...]
    layers: tuple[words.Line, ...]
    warnings: tuple[str, ...]

    @property
    def activations(self) -> int:
        """Bytes of all layers' outputs for one picture in float32."""
        return sum(line.activations for line in self.layers)

    def to_dict(self) -> dict[str, Any]:
        """What --json prints: the sums, the warnings and every layer."""
        return {
            "network": self.name,
            "input": self.size,
            "params": self.account.params,
            "macs": self.account.macs,
            "flops": 2 * self.account.macs,
            "activation_bytes": self.activations,
            "warnings": self.warnings,
            "layers": [_line(line) for line in self.layers],
        }

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the page with bars for each block and layer: one HTML file that works offline."""
        from hubel.report.account import write_account

        return write_account(
            path,
            title=self.name,
            size=self.size,
            paper=self.paper,
            blocks=self.blocks,
            layers=self.layers,
            warnings=self.warnings,
        )


def show(
    network: str | nn.Module,
    input: str | Sequence[int] | None = None,
    *,
    object_size: float | None = None,
    **ablation: Any,
) -> Shown:
    """What every layer of a network gives, holds, costs and sees; nothing is run or allocated.

    `network` is a name, "package.module:build", or a module. `input` is (C, H, W) or "3x224x224",
    by default the paper's. `object_size`: the pixels of a typical object, for the warnings.
    `ablation` are words of the family, as in hubel.create: skip="none". Raises ValueError for names
    and words that make no sense, and for a size that the network's arithmetic does not allow.
    """
    size = None if input is None else sides(input)
    if size is not None and (len(size) != 3 or min(size) < 1):
        raise ValueError(f"input {'x'.join(map(str, size))}: a picture is CxHxW, as 3x224x224")
    with _undisturbed():
        module = _made(network, size, ablation) if isinstance(network, str) else network
        spec = module.spec if isinstance(module, Network) else None
        if size is None:
            if spec is None:
                raise ValueError(
                    f"{network}: the size of its pictures is not known; give it as 3x224x224"
                )
            size = (spec.channels, spec.size, spec.size)
        found = networks.account(module, size)
        lines = words.layers(found)
        title = network if isinstance(network, str) else type(module).__name__
        return Shown(
            titled(title, ablation),
            size,
            rows(spec, found) if spec else "",
            found,
            tuple(words.blocks(lines, module)),
            tuple(lines),
            tuple(words.warnings(lines, size, object_size)),
        )


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Without garbage collection, which would walk all that the framework has loaded: that takes
    longer than the account.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def titled(network: str, words: Mapping[str, Any]) -> str:
    """A network and its words as one text: "resnet20 skip=none"."""
    return " ".join([network, *(f"{word}={value}" for word, value in words.items())])


def _made(name: str, size: Sequence[int] | None, ablation: Mapping[str, Any]) -> nn.Module:
    """Built without memory; a registered network for pictures of so many channels."""
    channels = size[0] if size and ":" not in name else None
    with torch.device("meta"):
        return networks.create(name, channels=channels, **ablation)


def ablation_words(name: str, given: Sequence[str]) -> dict[str, Any]:
    """["skip=none", "se=16"] -> {"skip": "none", "se": 16}, in the types that the family takes."""
    found: dict[str, Any] = {}
    rule = networks.VARIANTS.get(name)  # what is none of them says itself what it takes
    known = networks.words_of(rule) if rule else {}
    for text in given:
        word, sign, value = text.partition("=")
        if not sign or not word:
            raise ValueError(f"{text!r} is no word with its value; write skip=none")
        if word in found:
            raise ValueError(f"the word {word} was given twice")
        found[word] = value if isinstance(known.get(word), str) else _typed(value)
    return found


def named(text: str) -> dict[str, Any]:
    """ "focal,gamma=2" -> {"name": "focal", "gamma": 2}."""
    name, *given = text.split(",")
    return {"name": name, **ablation_words(":", given)}


def _typed(value: str) -> Any:
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value


def _line(line: words.Line) -> dict[str, Any]:
    place = line.place
    axes = (place.rows, place.columns) if place else ()
    return {
        "name": line.name,
        "kind": line.kind,
        "shape": line.shape,
        "params": line.params,
        "macs": line.macs,
        "flops": line.flops,
        "activation_bytes": line.activations,
        "field": [axis.field for axis in axes] or None,
        "stride": [axis.jump for axis in axes] or None,
        "offset": [axis.offset for axis in axes] or None,
    }
