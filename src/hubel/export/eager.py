"""A network in torch, behind the protocol of the runtime's engines."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import torch
from torch import nn

from hubel.runtime.bundle import Bundle
from hubel.runtime.engines import Port
from hubel.runtime.names import unknown

FORMS = ("eager", "channels-last", "compiled")
PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


class Eager:
    """A module (uint8 (N, H, W, 3) -> the bundle's outputs) as torch runs it.

    `form`: "eager" in torch's own memory layout, "channels-last", or "compiled" with its weights
    frozen into the code. Lower precisions are autocast's.
    """

    def __init__(
        self,
        module: nn.Module,
        bundle: Bundle,
        *,
        threads: int,
        form: str = "eager",
        precision: str = "float32",
        device: str = "cpu",
    ):
        if form not in FORMS:
            raise unknown("form of the network in torch", form, FORMS)
        torch.set_num_threads(threads)
        self.device, self.precision = torch.device(device), PRECISIONS[precision]
        self.planes = form == "eager"
        module = module.to(self.device)
        if not self.planes:
            module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._call: Any = module
        if form == "compiled":
            import torch._inductor.config as inductor

            inductor.freezing = True
            self._call = torch.compile(module, dynamic=False)
        seen = Port("pictures", "uint8", (None, *bundle.shape))
        self.inputs: tuple[Port, ...] = (seen,)
        shape = (None, len(bundle.classes) if bundle.of_classes else None)
        self.outputs = tuple(Port(name, "float32", shape) for name in bundle.outputs)

    def run(self, pictures: np.ndarray) -> list[np.ndarray]:
        """uint8 (N, H, W, 3) -> the network's outputs, in its order."""
        x = torch.from_numpy(np.ascontiguousarray(pictures)).to(self.device)
        if self.planes:  # the network turns the axes back; the memory stays as it is here
            x = x.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
        with torch.no_grad(), self._autocast():
            found = self._call(x)
        outputs = (found,) if isinstance(found, torch.Tensor) else found
        return [y.float().cpu().numpy() for y in outputs]

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        if self.precision == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.precision)


def devices() -> list[tuple[str, str]]:
    """(device, precision) of all that torch can compute with here at a useful speed."""
    found = [("cpu", "float32")]
    if _has_bfloat16():
        found.append(("cpu", "bfloat16"))
    if torch.cuda.is_available():
        found += [("cuda", "float32"), ("cuda", "float16")]
    if torch.backends.mps.is_available():
        found.append(("mps", "float32"))
    return found


def _has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself: elsewhere it is slower than float32."""
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(asked and asked())
