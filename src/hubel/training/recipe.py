"""The recipe: everything needed to repeat a run, as one frozen value and as recipe.yaml."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hubel.data import augment
from hubel.pictures import Preprocess
from hubel.runtime.files import write_whole
from hubel.runtime.names import bound, unknown
from hubel.tasks.losses import LOSSES
from hubel.training.optimizers import OPTIMIZERS
from hubel.training.schedules import SCHEDULES

Words = Mapping[str, Any]


@dataclass(frozen=True)
class Recipe:
    """What is trained, on what, and how. Every given value is used as given.

    A field that is None is chosen when the run starts and frozen into the run's recipe.yaml, so
    that resuming and repeating never measure again.
    """

    network: str = ""
    """A name of `hubel networks`, or mypackage.module:build."""
    words: Words = field(default_factory=dict)
    """Words of the network's family, such as {"act": "sigmoid"}."""
    weights: str = ""
    """A file of weights, or a run or bundle to start from; empty: freshly drawn."""
    data: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Corrected labels, {picture: class}, that stand in for the data's own."""
    task: str = "classify"
    preprocess: Preprocess | None = None
    canvas: int | None = None
    """Pixels that training crops are cut from. Where `crop` is the first step of augmentation:
    pictures of their own shape, decoded at 1/2, 1/4 or 1/8 where both sides keep so many (a number
    that is large enough decodes all in full). Else squares of this side; None: the network's own
    input. Validation and prediction see what `preprocess` says, in full.
    """
    augment: tuple[augment.Step, ...] = ()

    epochs: float = 10
    steps: int | None = None
    """Steps of the whole run; from `epochs`, or from `minutes` by measuring, when the run
    starts.
    """
    minutes: float | None = None
    batch: int = 64
    optimizer: Words = field(default_factory=lambda: {"name": "adamw", "lr": 1e-3})
    decay: float = 0.0
    decay_all: bool = False
    """Decay biases and norms too, as the papers until 2017 do."""
    rules: tuple[Words, ...] = ()
    """Exceptions by name: {"match": expression, "freeze": true, "rate": 0.1, "decay": 0}."""
    schedule: Words = field(default_factory=lambda: {"name": "cosine", "warmup": 0.05})
    loss: Words = field(default_factory=lambda: {"name": "cross-entropy"})
    average: float | None = None
    """Decay of the exponential average of the weights; None: none."""
    clip: float | None = None
    """Longest gradient, over all parameters."""
    parts: int = 1
    """In how many parts a batch goes through the network, where memory is short."""
    precision: str = "float32"
    """float32, or bf16 by the framework's autocast."""

    seed: int = 0
    val: float = 0.2
    """Share of the pictures held out where the data has no validation part of its own."""
    split: int = 0
    """Seed of that choice, apart from `seed`, so that runs of several seeds can be compared."""
    workers: int | None = None
    """Of the loader: threads where pictures are decoded already, else processes; 0 for none."""
    threads: int | None = None
    device: str = "auto"
    layout: str = "channels-last"
    """Memory layout of the pictures on the device: channels-last or channels-first."""

    recipe: str = ""
    """The page it came from."""

    def __post_init__(self) -> None:
        bound("optimizer", OPTIMIZERS, self.optimizer)
        bound("schedule", SCHEDULES, self.schedule)
        bound("loss", LOSSES, self.loss)
        for name in ("epochs", "batch", "parts"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)}: it must be greater than 0")
        for name in ("steps", "minutes", "threads"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name}={value}: it must be greater than 0")
        if not 0 < self.val < 1:
            raise ValueError(f"val={self.val}: the held-out share lies between 0 and 1")
        if self.average is not None and not 0 < self.average < 1:
            raise ValueError(f"average={self.average}: the decay lies between 0 and 1")
        if self.workers is not None and self.workers < 0:
            raise ValueError(f"workers={self.workers}: 0 loads in the training process itself")
        for name, known in (("layout", LAYOUTS), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                raise unknown(name, getattr(self, name), known)

    @property
    def seen(self) -> Preprocess:
        """The preprocessing; ValueError for a recipe that does not say how pictures are seen."""
        if self.preprocess is None:
            raise ValueError(f"the recipe for {self.network!r} has no preprocess; give it one")
        return self.preprocess

    def replace(self, **changes: Any) -> Recipe:
        """The same recipe with other values; an unknown field is a ValueError with the
        nearest names.
        """
        known = [f.name for f in dataclasses.fields(self)]
        for name in changes:
            if name not in known:
                raise unknown("recipe field", name, known)
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in recipe.yaml."""
        made = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        made["words"], made["labels"] = dict(self.words), dict(self.labels)
        made["preprocess"] = self.preprocess.to_dict() if self.preprocess else None
        made["rules"] = [dict(rule) for rule in self.rules]
        made["augment"] = augment.to_dict(self.augment)
        return made | {name: dict(made[name]) for name in ("optimizer", "schedule", "loss")}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """The inverse of `to_dict`; unknown fields and wrong types are ValueErrors."""
        values = dict(values)
        if values.get("preprocess"):
            values["preprocess"] = Preprocess.from_dict(values["preprocess"])
        values["rules"] = tuple(values.get("rules", ()))
        if "augment" in values:
            values["augment"] = augment.from_dict(values["augment"])
        try:
            return cls().replace(**values)
        except TypeError as error:
            raise ValueError(f"a value of the recipe has the wrong type: {error}") from error

    def save(self, path: Path) -> Path:
        """Write recipe.yaml."""
        import yaml

        return write_whole(
            path, yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)
        )

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read recipe.yaml; nothing in it is run."""
        import yaml

        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: not a recipe that can be read ({error})") from error
        if not isinstance(values, dict):
            raise ValueError(f"{path}: not a recipe; it holds {type(values).__name__}, not fields")
        return cls.from_dict(values)


PRECISIONS = ("float32", "bf16")
LAYOUTS = ("channels-last", "channels-first")
