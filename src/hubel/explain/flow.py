"""How activations and gradients live on from layer to layer."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Flow:
    """One layer with weights, for one batch: root mean square of its output, norm of the loss's
    gradient there (of one picture, root mean square over them), and norm of that of its weights.
    """

    layer: str
    activation: float
    gradient: float
    weights: float


@dataclass(frozen=True)
class Course:
    """One network: the loss of each step, and every layer at a few steps, the first of them 0."""

    network: str
    losses: tuple[float, ...]
    moments: tuple[tuple[int, tuple[Flow, ...]], ...]

    @property
    def fading(self) -> float:
        """At the start, the gradient at the first layer over that at the last but one.

        The last layer gives the logits, where the gradient is what the loss hands in.
        """
        layers = self.moments[0][1]
        last = layers[-2 if len(layers) > 2 else -1].gradient
        return layers[0].gradient / last if last else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for --json."""
        return {
            "network": self.network,
            "fading": self.fading,
            "losses": list(self.losses),
            "moments": [
                {"step": step, "layers": [asdict(layer) for layer in layers]}
                for step, layers in self.moments
            ],
        }


def flow(model: nn.Module, loss: Callable[[nn.Module], Tensor]) -> list[Flow]:
    """Every layer with weights in the order of the pass; `loss` gives the mean over a batch.

    It works on a copy in training mode, as the training does, so that nothing of the model changes.
    That gradients fade with depth: Hochreiter 1991; Glorot, Bengio 2010.
    """
    twin = copy.deepcopy(model).train()
    outputs: list[tuple[str, nn.Module, Tensor]] = []
    hooks = []
    for name, part in twin.named_modules():
        weight = getattr(part, "weight", None)
        if isinstance(weight, nn.Parameter) and weight.ndim > 1:
            weight.requires_grad_()

            def note(part: nn.Module, _: object, out: Tensor, name: str = name) -> None:
                outputs.append((name, part, out))

            hooks.append(part.register_forward_hook(note))
    try:
        made = loss(twin)
    finally:
        for hook in hooks:
            hook.remove()
    found = []
    values = [out for _, _, out in outputs]
    weights = [part.get_parameter("weight") for _, part, _ in outputs]
    grads = torch.autograd.grad(made, [*values, *weights], allow_unused=True)
    for i, (name, _, out) in enumerate(outputs):
        g, w = grads[i], grads[len(outputs) + i]
        if g is None or w is None:  # a head that the loss does not ask
            continue
        # The loss is a mean over pictures: times their number it is that of each.
        norms = len(out) * g.flatten(1).norm(dim=1)
        found.append(
            Flow(
                name,
                float(out.detach().square().mean().sqrt()),
                float(norms.square().mean().sqrt()),
                float(w.norm()),
            )
        )
    return found
