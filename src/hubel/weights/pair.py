"""Which tensor of a source belongs to which tensor of a network.

torchvision, timm and Hubel write the same tensors in the same order under other names. So they are
paired by position: one after the other, each pair of one kind (weight, bias, running mean, ...) and
of one shape once dimensions of 1 are dropped. Heads are paired apart from the body, so that other
class counts and files without a head load too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

Pairing = dict[str, str]  # name in the network -> name in the source

KINDS = ("weight", "bias", "running_mean", "running_var")
HEADS = ("head", "fc", "classifier", "last_linear", "pre_logits", "logits", "conv_head")


def by_name(
    own: Mapping[str, Tensor], given: Mapping[str, Tensor], head: Sequence[str], where: str
) -> Pairing:
    """Equal names; a head of another shape is left out, a body of another shape is refused."""
    pairing = {}
    for i, (name, x) in enumerate(own.items()):
        if name not in given:
            continue
        if _fits(x, given[name]) or (i == 0 and _is_first(x, given[name])):
            pairing[name] = name
        elif not name.startswith(tuple(head)):
            raise _differs(name, x, name, given[name], where)
    return pairing


def by_position(
    own: Mapping[str, Tensor], given: Mapping[str, Tensor], head: Sequence[str], where: str
) -> Pairing:
    """Equal places. Raises ValueError with the first pair that differs in kind or in shape."""
    auxiliary = [key for key in given if key.lower().startswith("aux")]
    main = [key for key in given if key not in auxiliary]
    body = [name for name in own if not name.startswith(tuple(head))]
    tail = [name for name in own if name.startswith(head[0])]
    count = len(main) - len(tail)
    whole = count == len(body) and all(_is_head(key) for key in main[count:])
    if not whole and len(main) != len(body):
        for name, key in zip(body, main):
            if not _pairs(name, own[name], key, given[key], first=name == body[0]):
                raise _differs(name, own[name], key, given[key], where)
        raise ValueError(
            f"{where}: {len(main)} tensors, where the network has {len(body)} and {len(tail)} in "
            "its head; these are the weights of another network"
        )
    pairing = {}
    for name, key in zip(body, main):
        if not _pairs(name, own[name], key, given[key], first=name == body[0]):
            raise _differs(name, own[name], key, given[key], where)
        pairing[name] = key
    own_auxiliary = [name for name in own if name.startswith("aux.")]
    for names, keys in ((tail, main[len(body) :]), (own_auxiliary, auxiliary)):
        fit = [_pairs(name, own[name], key, given[key]) for name, key in zip(names, keys)]
        if len(names) == len(keys) and all(fit):
            pairing.update(zip(names, keys))
    return pairing


def _is_head(key: str) -> bool:
    return any(part in HEADS for part in key.split("."))


def _pairs(name: str, x: Tensor, key: str, y: Tensor, *, first: bool = False) -> bool:
    kinds = name.rpartition(".")[2], key.rpartition(".")[2]
    same_kind = kinds[0] == kinds[1] or not set(kinds) & set(KINDS)
    return same_kind and (_fits(x, y) or (first and _is_first(x, y)))


def _fits(x: Tensor, y: Tensor) -> bool:
    """The same shape without ones; a dense layer may be written as the convolution that it is."""
    if [n for n in x.shape if n > 1] == [n for n in y.shape if n > 1]:
        return True
    ndims = {x.ndim, y.ndim}
    return ndims == {2, 4} and x.numel() == y.numel() and x.shape[0] == y.shape[0]


def _is_first(x: Tensor, y: Tensor) -> bool:
    """First convolutions that differ in the channels of the picture only."""
    return x.ndim == y.ndim == 4 and (x.shape[0], *x.shape[2:]) == (y.shape[0], *y.shape[2:])


def _differs(name: str, x: Tensor, key: str, y: Tensor, where: str) -> ValueError:
    return ValueError(
        f"{where}: {key} {tuple(y.shape)} does not fit the network's {name} {tuple(x.shape)}; "
        "these are the weights of another network or of another form of it"
    )
