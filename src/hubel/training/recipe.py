"""The recipe: everything needed to repeat a run, as one frozen value and as recipe.yaml."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hubel.data import augment
from hubel.pictures import Preprocess
from hubel.runtime.files import write_whole
from hubel.runtime.names import bound, unknown
from hubel.tasks.catalogue import TASKS
from hubel.tasks.losses import LOSSES
from hubel.training.mixing import DRAWS, MIXES
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
    pictures: int | None = None
    """At most so many pictures of either part, evenly from the classes; None: all."""
    task: str = "classify"
    head: Words = field(default_factory=dict)
    """Words of the task's head, such as {"name": "unet"}."""
    preprocess: Preprocess | None = None
    canvas: int | None = None
    """Pixels that training crops are cut from. Where `crop` is the first step of augmentation:
    pictures of their own shape, decoded at 1/2, 1/4 or 1/8 where both sides keep so many (a number
    that is large enough decodes all in full). Else squares of this side; None: the network's own
    input. Validation and prediction see what `preprocess` says, in full.
    """
    augment: tuple[augment.Drawing, ...] = ()

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
    sizes: tuple[tuple[float, int], ...] = ()
    """(share of the run, side in pixels): until then pictures have that side, then their own."""
    whiten: bool = False
    """Start with a first convolution that whitens the training pictures; freeze it by a rule."""
    mix: Words | None = None
    """Pictures of two classes in one: {"name": "mixup", "alpha": 0.2}; None: none."""
    average: float | None = None
    """Decay of the exponential average of the weights; None: none."""
    clip: float | None = None
    """Longest gradient, over all parameters."""
    parts: int = 1
    """In how many parts a batch goes through the network, where memory is short."""
    recompute: bool = False
    """Keep only the inputs of blocks and compute the rest again in the backward pass: less memory,
    a third to two thirds more time.
    """
    precision: str = "float32"
    """float32, or bf16 or fp16 by the framework's autocast; fp16, on GPUs only, with a scaled loss.
    """
    compile: bool = False
    """Compile the forward and backward pass, once for every side of the pictures."""
    tune: bool = False
    """Measure layouts, precisions and compilation before the start, and keep the fastest whose
    numbers agree.
    """
    nan: str = "rollback"
    """On a loss that is not a number: rollback to the last epoch's end, or stop."""
    validate: int = 1
    """Validate after every so many epochs, and at the end."""
    patience: int | None = None
    """End after so many validations without a better score; None: never before the last step."""
    sync_norm: bool = False
    """Whether batch norm takes its statistics over the batches of all processes."""
    processes: int | None = None
    automatic: tuple[str, ...] = ()
    """What the user left open, of `batch` and `lr`: only that may adapt when something goes
    wrong.
    """
    retried: int | None = None
    """The batch that did not fit into memory, before it was halved."""

    thaw: float = 0.0
    """Share of the steps in which only the head learns: 0 none, 0.3 head first, then all, 1 all of
    them, so that the features stay as they came.
    """
    layerwise: float = 1.0
    """Factor on the rate from each row of the network to the one before it, away from the head."""
    views: int | None = None
    """Augmented forms of every picture, used in turns; None: a new one in every epoch."""

    seed: int = 0
    val: float = 0.2
    """Share of the pictures held out where the data has no validation part of its own."""
    split: int = 0
    """Seed of that choice, apart from `seed`, so that runs of several seeds can be compared."""
    folds: int | None = None
    """In how many parts the pictures are divided, of which each is held out once."""
    fold: int | None = None
    """The one that this run holds out, from 1 on; None: one run for each."""
    workers: int | None = None
    """Of the loader: threads where pictures are decoded already, else processes; 0 for none."""
    threads: int | None = None
    device: str = "auto"
    layout: str = "channels-last"
    """Memory layout of the pictures on the device: channels-last or channels-first."""

    soup: tuple[str, ...] = ()
    """The runs whose weights were averaged, by `hubel soup`; such a network is not trained."""

    recipe: str = ""
    """The page it came from."""

    def __post_init__(self) -> None:
        bound("optimizer", OPTIMIZERS, self.optimizer)
        bound("schedule", SCHEDULES, self.schedule)
        bound("loss", LOSSES, self.loss)
        if self.mix is not None:
            bound("mix", MIXES, self.mix)(np.zeros((1, DRAWS)), 1, 1)  # its values are checked too
        for name in ("epochs", "batch", "parts", "validate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)}: it must be greater than 0")
        for name in ("steps", "minutes", "threads", "patience", "processes", "views", "pictures"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name}={value}: it must be greater than 0")
        if self.folds is not None and not (self.folds >= 2 and 1 <= (self.fold or 1) <= self.folds):
            raise ValueError(f"fold {self.fold} of {self.folds}: at least two, numbered from 1")
        if not 0 < self.val < 1:
            raise ValueError(f"val={self.val}: the held-out share lies between 0 and 1")
        if self.average is not None and not 0 < self.average < 1:
            raise ValueError(f"average={self.average}: the decay lies between 0 and 1")
        if not 0 <= self.thaw <= 1:
            raise ValueError(
                f"thaw={self.thaw}: a share of the steps, 0 to 1; 1 trains the head only"
            )
        if not 0 < self.layerwise <= 1:
            raise ValueError(f"layerwise={self.layerwise}: a factor between 0 and 1, such as 0.5")
        shares = [share for share, _ in self.sizes]
        if shares != sorted(shares) or not all(0 < s < 1 for s in shares):
            raise ValueError(f"sizes={self.sizes}: shares of the run rise, between 0 and 1")
        if not all(isinstance(side, int) and side > 0 for _, side in self.sizes):
            raise ValueError(f"sizes={self.sizes}: sides are whole numbers of pixels above 0")
        if self.workers is not None and self.workers < 0:
            raise ValueError(f"workers={self.workers}: 0 loads in the training process itself")
        for name, known in (
            ("task", TASKS),
            ("layout", LAYOUTS),
            ("precision", PRECISIONS),
            ("nan", ON_NAN),
        ):
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

    def practices(self) -> dict[str, dict[str, Any]]:
        """What can be left out of it, by name -> the fields without it.

        Augmentation as a whole and step by step; mix, average, clip, decay, rules and schedule;
        the options of the loss (smoothing) and of the optimizer that are 0 or False without it
        (momentum, nesterov); the network's words that are numbers (drop, dropout).
        """
        found: dict[str, dict[str, Any]] = {}
        kept: dict[str, tuple[augment.Drawing, ...]] = {"augment": ()} if self.augment else {}
        for step in self.augment:
            rest = tuple(other for other in self.augment if type(other) is not type(step))
            kept[type(step).__name__.lower()] = rest
        for name, steps in kept.items():
            cut = any(isinstance(step, augment.Crop | augment.Cut) for step in steps)
            found[name] = {"augment": steps, "canvas": self.canvas if cut else None}
        for name, off in OFF.items():
            if getattr(self, name) != off:
                found[name] = {name: off}
        for name in ("optimizer", "loss"):
            words = getattr(self, name)
            for option in OPTIONAL & words.keys():
                found[option] = {name: {k: v for k, v in words.items() if k != option}}
        for word in DROPS & self.words.keys():
            if self.words[word]:
                found[word] = {"words": {**self.words, word: 0.0}}
        return found

    def without(self, *names: str) -> Recipe:
        """The same recipe with practices left out, such as "average" or "mirror"; a name that
        it does not have is a ValueError with those it has.
        """
        recipe = self
        for name in names:
            there = recipe.practices()
            if name not in there:
                raise unknown("practice to leave out", name, there)
            recipe = recipe.replace(**there[name])
        return recipe

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in recipe.yaml."""
        made = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        made |= {name: dict(getattr(self, name)) for name in ("words", "labels", "head")}
        made["preprocess"] = self.preprocess.to_dict() if self.preprocess else None
        made |= {name: list(getattr(self, name)) for name in ("automatic", "soup")}
        made["sizes"] = [list(size) for size in self.sizes]
        made["rules"] = [dict(rule) for rule in self.rules]
        made["augment"] = augment.to_dict(self.augment)
        made["mix"] = dict(self.mix) if self.mix else None
        return made | {name: dict(made[name]) for name in ("optimizer", "schedule", "loss")}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """The inverse of `to_dict`; unknown fields and wrong types are ValueErrors."""
        values = dict(values)
        if values.get("preprocess"):
            values["preprocess"] = Preprocess.from_dict(values["preprocess"])
        for name in ("rules", "automatic", "soup"):
            values[name] = tuple(values.get(name, ()))
        values["sizes"] = tuple(tuple(size) for size in values.get("sizes", ()))
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


OFF: dict[str, Any] = {
    "mix": None,
    "average": None,
    "clip": None,
    "decay": 0.0,
    "rules": (),
    "schedule": {"name": "constant"},
}
"""Practices that are a field, and its value without them."""
OPTIONAL = {"smoothing", "momentum", "nesterov", "weights"}
DROPS = {"drop", "dropout"}
ON_NAN = ("rollback", "stop")
PRECISIONS = ("float32", "bf16", "fp16")
LAYOUTS = ("channels-last", "channels-first")
