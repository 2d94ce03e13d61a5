"""A network of timm or torchvision, as the runner of a race: weights by chance, the same pictures.

python benchmarks/peer.py BUNDLE WAY THREADS    (started by benchmarks/engines.py)
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from operators import operators

from hubel.export.bundle import load_module
from hubel.export.eager import Eager
from hubel.export.runner import serve
from hubel.ops.normalize import Normalize
from hubel.runtime.bundle import Bundle


class Peer(torch.nn.Module):
    """uint8 (N, H, W, 3) -> logits, with the normalization that the bundle's graph has too."""

    def __init__(self, library: str, bundle: Bundle):
        super().__init__()
        self.normalize = Normalize(bundle.preprocess)
        operators()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if library == "hubel":  # as it was trained, nothing folded
                self.network: Any = load_module(bundle)
            elif library == "timm":
                import timm

                self.network = timm.create_model(bundle.name)
            else:
                import torchvision

                self.network = torchvision.models.get_model(bundle.name, weights=None)

    def forward(self, pictures: torch.Tensor) -> Any:
        """(N, H, W, 3) -> (N, classes)."""
        return self.network(self.normalize(pictures.permute(0, 3, 1, 2)))


def main() -> None:
    """Serve the race."""
    path, way, threads = sys.argv[1:]
    library, _, form = json.loads(way)["engine"].partition(" ")

    def opened(bundle: Bundle) -> Callable[[np.ndarray], Any]:
        return Eager(Peer(library, bundle).eval(), bundle, threads=int(threads), form=form).run

    serve(path, opened)


if __name__ == "__main__":
    main()
