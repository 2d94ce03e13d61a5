"""Hubel: the whole convolutional network, from the first filter to the model in service.

The public names are loaded when they are first used, so that `import hubel` costs nothing and needs
no torch.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

PUBLIC = {
    "create": "hubel.networks",
    "load": "hubel.runtime",
    "train": "hubel.verbs.train",
    "plan": "hubel.verbs.train",
    "predict": "hubel.verbs.predict",
    "val": "hubel.verbs.val",
    "check": "hubel.verbs.check",
    "compare": "hubel.verbs.compare",
    "ablate": "hubel.verbs.ablate",
    "scale": "hubel.verbs.scale",
    "soup": "hubel.verbs.soup",
    "convert": "hubel.verbs.convert",
    "calibrate": "hubel.verbs.calibrate",
    "explain": "hubel.verbs.explain",
    "export": "hubel.verbs.export",
    "quantize": "hubel.verbs.quantize",
    "bench": "hubel.verbs.bench",
    "gradients": "hubel.verbs.gradients",
    "invariance": "hubel.verbs.invariance",
    "catalogue": "hubel.analysis.catalogue",
    "published": "hubel.weights.rows",
    "Weights": "hubel.weights.rows",
    "serve": "hubel.verbs.serve",
    "watch": "hubel.verbs.watch",
    "show": "hubel.verbs.show",
    "layer": "hubel.verbs.layer",
    "doctor": "hubel.verbs.doctor",
    "demo": "hubel.verbs.demo",
    "Preprocess": "hubel.pictures",
    "Recipe": "hubel.training.recipe",
    "Run": "hubel.training.run",
    "open_data": "hubel.data",
}
"""Public name -> the module it stands in."""

__all__ = [*PUBLIC, "__version__"]

if TYPE_CHECKING:
    from hubel.analysis.catalogue import catalogue as catalogue
    from hubel.data import open_data as open_data
    from hubel.networks import create as create
    from hubel.pictures import Preprocess as Preprocess
    from hubel.runtime import load as load
    from hubel.training.recipe import Recipe as Recipe
    from hubel.training.run import Run as Run
    from hubel.verbs.ablate import ablate as ablate
    from hubel.verbs.bench import bench as bench
    from hubel.verbs.calibrate import calibrate as calibrate
    from hubel.verbs.check import check as check
    from hubel.verbs.compare import compare as compare
    from hubel.verbs.convert import convert as convert
    from hubel.verbs.demo import demo as demo
    from hubel.verbs.doctor import doctor as doctor
    from hubel.verbs.explain import explain as explain
    from hubel.verbs.export import export as export
    from hubel.verbs.gradients import gradients as gradients
    from hubel.verbs.invariance import invariance as invariance
    from hubel.verbs.layer import layer as layer
    from hubel.verbs.predict import predict as predict
    from hubel.verbs.quantize import quantize as quantize
    from hubel.verbs.scale import scale as scale
    from hubel.verbs.serve import serve as serve
    from hubel.verbs.show import show as show
    from hubel.verbs.soup import soup as soup
    from hubel.verbs.train import plan as plan
    from hubel.verbs.train import train as train
    from hubel.verbs.val import val as val
    from hubel.verbs.watch import watch as watch
    from hubel.weights.rows import Weights as Weights
    from hubel.weights.rows import published as published


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module 'hubel' has no attribute {name!r}")
    return getattr(import_module(PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """`hubel.explain` is the verb, although a room has its name: importing the room, which would
    bind its name here, leaves the verb alone. `from hubel.explain.heat import ...` works as ever.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in PUBLIC and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
