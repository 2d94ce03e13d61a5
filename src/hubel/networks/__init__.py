"""Networks by name: one page per family, merged here."""

from __future__ import annotations

import fnmatch
import importlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

# isort: off
from hubel.networks import (
    airbench, alexnet, convnext, densenet, dpn, efficientnet, googlenet, inception, lenet,
    mobilenet, preact, regnet, repvgg, resnet, senet, shufflenet, squeezenet, vgg, xception,
)  # fmt: skip

# isort: on
from hubel.networks.network import Network
from hubel.networks.spec import Spec, Stage, make, row, words_of
from hubel.ops.account import Account, Row, account
from hubel.runtime.names import unknown
from hubel.weights.loading import load, outputs_of

__all__ = [
    "FAMILIES", "VARIANTS", "Account", "Network", "Row", "Spec", "Stage", "account", "create",
    "names", "row", "specification", "words_of",
]  # fmt: skip

FAMILIES = (
    lenet, alexnet, vgg, googlenet, inception, resnet, preact, senet, densenet, dpn, xception,
    squeezenet, mobilenet, shufflenet, efficientnet, regnet, repvgg, convnext, airbench,
)  # fmt: skip


def _merged() -> dict[str, Callable[..., Spec]]:
    variants: dict[str, Callable[..., Spec]] = {}
    for page in FAMILIES:
        for name, rule in page.VARIANTS.items():
            if name in variants:
                raise ValueError(f"{name} of {page.__name__} is registered already by another page")
            variants[name] = rule
    return variants


VARIANTS: Mapping[str, Callable[..., Spec]] = _merged()


def names(pattern: str = "*") -> list[str]:
    """The registered names that match a shell pattern ("resnet*"), in the order of the pages."""
    return [name for name in VARIANTS if fnmatch.fnmatchcase(name, pattern)]


def specification(name: str, **words: Any) -> Spec:
    """The table of a registered network under ablation words (skip="none", se=16, act="gelu", ...).

    Raises ValueError for an unknown name, with the nearest ones, and for a word or a value that
    makes no sense for this network, with those that do.
    """
    if name not in VARIANTS:
        raise unknown("network", name, VARIANTS)
    return make(name, VARIANTS[name], words)


def create(
    name: str, *, classes: int | None = None, channels: int | None = None,
    weights: Mapping[str, Any] | str | Path | None = None, **words: Any,
) -> nn.Module:  # fmt: skip
    """A network by its name, with freshly drawn weights or with the given ones.

    `classes` and `channels` replace the published number of logits and of picture channels.
    `weights` is a state dict or a file (.safetensors, .pth), in Hubel's, torchvision's or timm's
    spelling, or a name of `hubel networks --weights`, which also says the classes; `.loaded` tells
    what was loaded. `words` are the family's ablation words. `name` may also be
    "package.module:build", one's own function of what was given here to a module or a Spec.

    Raises ValueError for names, words and counts that make no sense, and weights that do not fit.
    """
    if ":" in name:
        given = {"classes": classes, "channels": channels}
        network = _own(name, {k: v for k, v in given.items() if v is not None} | words)
    else:
        classes = outputs_of(weights) if classes is None else classes
        spec = specification(name, **words).given(classes=classes, channels=channels)
        network = Network(spec)
    if weights is not None:
        load(network, weights)
    return network


def _own(name: str, given: Mapping[str, Any]) -> nn.Module:
    """What a user's own function gives: "package.module:build" called with the given words."""
    where, _, what = name.partition(":")
    try:
        build = getattr(importlib.import_module(where), what)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"network {name!r}: {error}; it is looked for where Python imports from"
        ) from None
    except AttributeError:
        raise ValueError(f"network {name!r}: {where} has no {what!r}") from None
    parameters = inspect.signature(build).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    taken = {word: x for word, x in given.items() if takes_all or word in parameters}
    rest = given.keys() - taken.keys()
    made = build(**taken)
    if isinstance(made, Spec) and rest <= {"classes", "channels"}:
        return Network(made.given(**{word: given[word] for word in rest}))
    if rest:
        raise ValueError(f"network {name!r}: {what} takes no {', '.join(sorted(rest))}")
    if not isinstance(made, nn.Module):
        kind = type(made).__name__
        raise ValueError(f"network {name!r} gave a {kind}; it must give a module or a Spec")
    return made
