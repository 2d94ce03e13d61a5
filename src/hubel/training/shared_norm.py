"""Batch norm over the batches of all processes, as if they were one."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

PLAIN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def share_norms(model: nn.Module) -> None:
    """Let the framework's batch norms in the model take their statistics over all processes.

    On a GPU they become the framework's own SyncBatchNorm, which refuses processors; there they
    become `SharedNorm`. Parameters and buffers stay the same tensors.
    """
    for module in model.modules():
        if type(module) in PLAIN:
            module.__dict__ |= {"shared_from": type(module), "process_group": None}
            gpu = any(t.is_cuda for t in (*module.parameters(), *module.buffers()))
            module.__class__ = nn.SyncBatchNorm if gpu else SharedNorm


def part_norms(model: nn.Module) -> None:
    """The inverse of `share_norms`: what ships holds the framework's plain batch norms."""
    for module in model.modules():
        if plain := module.__dict__.pop("shared_from", None):
            module.__class__ = plain


class SharedNorm(_BatchNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias; mean and var over all processes.

    (N, C, ...) -> the same shape. Evaluating, it is the framework's batch norm. Source: Ioffe,
    Szegedy 2015 (arXiv 1502.03167), algorithm 1; running statistics as the framework keeps them.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ValueError(f"input of shape {tuple(input.shape)}: batch norm takes (N, C, ...)")

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, ...) -> (N, C, ...)."""
        if not self.training:
            return super().forward(input)
        self._check_input_dim(input)
        x = input.float() if input.dtype in (torch.float16, torch.bfloat16) else input
        over, shape = [0, *range(2, x.ndim)], (1, -1, *(1,) * (x.ndim - 2))
        here = x.new_tensor([x.numel() // x.shape[1]])
        sums, count = _Sum.apply(torch.cat([x.sum(over), here])).split([x.shape[1], 1])
        mean = sums / count  # (C,)
        x = x - mean.view(shape)
        var = _Sum.apply(x.square().sum(over)) / count  # (C,)
        self._remember(mean, var * count / (count - 1))
        y = x * (var + self.eps).rsqrt().view(shape)
        if self.affine:
            y = y * self.weight.view(shape) + self.bias.view(shape)
        return y.to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, var: Tensor) -> None:
        seen, kept_mean, kept_var = self.num_batches_tracked, self.running_mean, self.running_var
        if seen is None or kept_mean is None or kept_var is None:
            return
        seen.add_(1)
        share = 1 / int(seen) if self.momentum is None else self.momentum
        kept_mean.lerp_(mean, share)
        kept_var.lerp_(var, share)


class _Sum(torch.autograd.Function):
    """y = the sum of x over the processes; the gradient of x is the sum of theirs for y."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(y)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _Sum.forward(ctx, gradient)
