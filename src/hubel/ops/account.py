"""The static account: what every layer of any module gives, costs and sees, without running it.

The module runs on the meta device under a mode that carries the geometry of every tensor (size,
jump, offset, receptive field) through the functions it meets. Nothing is allocated.

Receptive fields: Araujo, Norris, Sim, "Computing receptive fields of convolutional neural
networks", Distill 2019. MACs are the multiplications of convolutions and dense layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from hubel.ops.shapes import RULES, Axis, Place, joined, place_of

# Functions between modules that make a row of their own.
SHOWN = {
    "add",
    "__add__",
    "__iadd__",
    "add_",
    "cat",
    "mul",
    "__mul__",
    "mean",
    "pad",
    "interpolate",
}


@dataclass(frozen=True)
class Row:
    """One layer: its module's name, what it gives (without the batch), costs and sees.

    `place` says where its cells stand over the picture; None where that is unknown.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    params: int
    macs: int
    place: Place | None


@dataclass(frozen=True)
class Account:
    """The rows in the order of the pass; `places` and `shapes` of the output of every module by
    name.
    """

    rows: tuple[Row, ...]
    places: Mapping[str, Place]
    shapes: Mapping[str, tuple[int, ...]]

    @property
    def params(self) -> int:
        """Parameters of the whole module."""
        return sum(row.params for row in self.rows)

    @property
    def macs(self) -> int:
        """Multiplications of one picture in convolutions and dense layers: half the FLOPs."""
        return sum(row.macs for row in self.rows)


def account(module: nn.Module, size: tuple[int, int, int]) -> Account:
    """The account of any module that takes one picture batch (N, C, H, W), for size = (C, H, W).

    The module is left as it is; it may be on any device. Dropout and batch norm count as in
    evaluation. Raises ValueError where the arithmetic does not allow the size, with the layer and
    the reason.
    """
    on_meta: dict[str, Tensor] = {}
    twins: dict[int, Tensor] = {}  # one stand-in for a tensor that several modules share
    walk = _Walk()
    for name, part in module.named_modules():
        for key, x in (*part._parameters.items(), *part._buffers.items()):
            if x is None:
                continue
            path = f"{name}.{key}" if name else key
            if key in part._parameters and id(x) not in twins:
                walk.unmet[path] = x.numel()
            stand_in = twins.setdefault(
                id(x), x if x.is_meta else torch.empty_like(x, device="meta")
            )
            if stand_in is not x:
                on_meta[path] = stand_in
    picture = torch.empty((1, *size), device="meta", dtype=_dtype(module))
    picture.place = Place(Axis(size[1]), Axis(size[2]))  # type: ignore[attr-defined]
    with torch.no_grad(), evaluating(module), walk.watching(module):
        try:
            functional_call(module, on_meta, picture, tie_weights=False)
        except (RuntimeError, ValueError) as error:
            where = f"{walk.name} of " if walk.name else ""
            raise ValueError(
                f"{where}{type(module).__name__} does not take {size[1]}x{size[2]} with {size[0]} "
                f"channels: {error}"
            ) from error
    return Account((*walk.rows, *walk.rest(module)), walk.places, walk.shapes)


class _Walk(TorchFunctionMode):
    """Collects rows while a module runs."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self.places: dict[str, Place] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.stack: list[str] = []
        self.inside = 0  # layers entered and not left
        self.macs = 0
        self.unmet: dict[str, int] = {}  # parameters that no layer has used so far

    @property
    def name(self) -> str:
        return self.stack[-1] if self.stack else ""

    @contextmanager
    def watching(self, module: nn.Module) -> Iterator[None]:
        hooks = []
        for name, part in module.named_modules():
            hooks.append(part.register_forward_pre_hook(self._enter(name, part)))
            hooks.append(part.register_forward_hook(self._leave(name, part)))
        try:
            with self:
                yield
        finally:
            for hook in hooks:
                hook.remove()

    def _enter(self, name: str, part: nn.Module) -> Any:
        whole = _is_whole(part)

        def enter(*_: Any) -> None:
            self.stack.append(name)
            self.inside += whole

        return enter

    def _leave(self, name: str, part: nn.Module) -> Any:
        kind, whole = type(part).__name__, _is_whole(part)
        prefix = f"{name}." if name else ""

        def leave(_: Any, __: Any, out: Any) -> None:
            self.stack.pop()
            self.inside -= whole
            if self.inside or not isinstance(out, Tensor):
                return
            place, shape = place_of(out), tuple(out.shape[1:])
            self.shapes[name] = shape
            if place is not None:
                self.places[name] = place
            # named_parameters walks the module, which is dear for the many that have no parts.
            deep = whole and part._modules
            names = dict(part.named_parameters()) if deep else part._parameters
            params = sum(self.unmet.pop(prefix + key, 0) for key in names)
            if params or (whole and not isinstance(part, (nn.Identity, nn.Sequential))):
                count = getattr(part, "macs", None)
                macs = count(out) if count else self.macs
                self.rows.append(Row(name, kind, shape, params, macs, place))
            self.macs = 0

        return leave

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, name = kwargs or {}, func.__name__
        shape, place, macs = None, None, 0
        known = name in RULES and isinstance(args[0] if args else None, (Tensor, list, tuple))
        if known:
            shape, place, macs = RULES[name](*args, **kwargs)
        if shape is None:
            out = func(*args, **kwargs)
        elif min(shape, default=1) < 1:
            raise ValueError(f"{name} leaves nothing: {tuple(shape[1:])}")
        else:
            first = next(x for x in _tensors(args) if isinstance(x, Tensor))
            out = torch.empty(shape, dtype=first.dtype, device="meta")
        if not known:
            for y in out if isinstance(out, (tuple, list)) else (out,):
                if isinstance(y, Tensor) and place_of(y) is None:
                    y.place = _carried(args, tuple(y.shape))  # type: ignore[attr-defined]
        elif isinstance(out, Tensor):
            out.place = place  # type: ignore[attr-defined]
            if self.inside:
                self.macs += macs
            elif macs or name in SHOWN:
                self.rows.append(
                    Row(self.name, name.strip("_"), tuple(out.shape[1:]), 0, macs, place)
                )
        return out

    def rest(self, module: nn.Module) -> Iterator[Row]:
        """Parameters that the pass did not meet, such as those of auxiliary heads: a row per
        module.
        """
        for name, part in module.named_modules():
            prefix = f"{name}." if name else ""
            params = sum(self.unmet.pop(prefix + key, 0) for key in part._parameters)
            if params:
                yield Row(name, f"{type(part).__name__} (not in this pass)", (), params, 0, None)


def _is_whole(part: nn.Module) -> bool:
    """Whether a module makes one row: it has no parts, or it counts its multiplications itself."""
    return not part._modules or hasattr(part, "macs")


def _tensors(args: Any) -> Iterator[Any]:
    for x in args:
        if isinstance(x, (list, tuple)):
            yield from x
        else:
            yield x


def _carried(args: Any, shape: tuple[int, ...]) -> Place | None:
    """The place of what a function without a rule gave: the same where the sizes stayed."""
    place = joined(_tensors(args), shape)
    if place is not None:
        return place
    places = [p for p in map(place_of, _tensors(args)) if p is not None]
    if not places:
        return None
    first = places[0]
    if first.at is not None and len(shape) > -min(first.at):
        sizes = (first.rows.size, first.columns.size)
        if tuple(shape[d] for d in first.at) == sizes:
            return first
    return first.whole() if len(shape) < 3 else None


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode, and afterwards every part in its own again."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def _dtype(module: nn.Module) -> torch.dtype:
    floating = (p.dtype for p in module.parameters() if p.is_floating_point())
    return next(floating, torch.float32)
