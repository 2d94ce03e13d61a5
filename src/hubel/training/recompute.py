"""Activation checkpointing: memory for time. Chen et al. 2016 (arXiv 1604.06174).

Of every block only the input is kept for the backward pass, which computes the rest once more.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from hubel.networks import Network
from hubel.networks.densenet import DenseLayer


@contextlib.contextmanager
def recomputing(network: nn.Module) -> Iterator[None]:
    """Within it, a forward pass in training keeps of every block the input alone.

    Outputs, gradients, drawn numbers and running statistics are those of the plain pass. A network
    of one's own is taken by its children. The backward pass may come afterwards.
    """
    changed = list(_forwards(network))
    for module, forward in changed:
        module.forward = forward
    try:
        yield
    finally:
        for module, _ in changed:
            del module.forward


def _forwards(network: nn.Module) -> Iterator[tuple[nn.Module, Callable[..., Any]]]:
    """What to recompute, each with the forward that does so."""
    if not isinstance(network, Network):
        yield from ((child, partial(_again, child, child.forward)) for child in network.children())
        return
    for row in (*network.stem, *network.stages):
        if all(isinstance(block, DenseLayer) for block in row.children()):
            yield row, partial(_dense, row)
        else:
            yield from ((block, partial(_again, block, block.forward)) for block in row.children())


def _dense(row: nn.Module, x: Tensor) -> Tensor:
    """A dense block of which only the new channels of every layer are kept: (N, c, H, W) -> (N, c +
    depth k, H, W).

    The concatenations, quadratic in the depth where each is kept, are made again in the backward
    pass. Pleiss et al. 2017 (arXiv 1707.06990), section 3; their 3x3 convolution is not recomputed.
    """

    def new(layer: nn.Module, *features: Tensor) -> Tensor:
        return layer.body(torch.cat(features, dim=1))  # type: ignore[operator]

    features = [x]
    for layer in row.children():
        features.append(_again(layer, partial(new, layer), *features))
    return torch.cat(features, dim=1)


def _again(module: nn.Module, forward: Callable[..., Any], *inputs: Any) -> Any:
    """forward(*inputs), computed again in the backward pass; the module is the one that it runs."""
    if not torch.is_grad_enabled():
        return forward(*inputs)
    contexts = partial(_contexts, module)
    return checkpoint(forward, *inputs, use_reentrant=False, context_fn=contexts)


def _contexts(module: nn.Module) -> tuple[Any, Any]:
    return contextlib.nullcontext(), _uncounted(module)


@contextlib.contextmanager
def _uncounted(module: nn.Module) -> Iterator[None]:
    """Within it, buffers are copies: what norms count the second time is forgotten."""
    kept = [(m, dict(m._buffers)) for m in module.modules() if m.training and m._buffers]
    for part, buffers in kept:
        part._buffers.update({k: b if b is None else b.clone() for k, b in buffers.items()})
    try:
        yield
    finally:
        for part, buffers in kept:
            part._buffers.update(buffers)
