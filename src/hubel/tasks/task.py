"""Task: what a network is trained for, the only place that knows targets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, ClassVar, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hubel.data import Loader
from hubel.data.types import each
from hubel.networks import Network, create
from hubel.ops.normalize import Normalize
from hubel.pictures import Preprocess
from hubel.runtime.decode.catalogue import Seen
from hubel.tasks.views import Views, plain

Judged = tuple[list[Any], list[float]]
"""Of a validation: what is kept of each picture, and loss times pictures of each batch."""


class Answers(Protocol):
    """What a network answered for every validation picture; what its report is made from."""

    names: tuple[str, ...]

    @property
    def score(self) -> str:
        """The scores of record in words, for the summary of a run.

        Those of tasks whose answer lies in the picture have besides: `told(classes)`, lines about
        each class; where they have classes `by_class(classes)`, the `better` score of each that
        is there; `worst` (N,), all pictures, the worst first; `note(i)`, how picture i was
        answered, in a few words; `tables(classes)`, (title, column names, rows) each; and
        `plots(classes)`, (title, {curve: points (x, y)}, what x is) each.
        """

    def save(self, path: Any) -> Any:
        """Write one .npz, whole or not at all."""

    @classmethod
    def load(cls, path: Any) -> Any:
        """Read it back; ValueError where it is not of the kind."""


@dataclass(frozen=True)
class Task(ABC):
    """A task: `classes` by name, how pictures are seen, and the words of its head.

    A page of this room says what comes on top of a network (`around`), what is made small
    (`objective`), and what the answers are worth (`evaluate`); the answers themselves are decoded
    in runtime/decode, as in use.
    """

    classes: tuple[str, ...]
    preprocess: Preprocess
    head: Mapping[str, Any] = field(default_factory=dict, kw_only=True)

    name: ClassVar[str]
    data: ClassVar[str] = "classes"
    """What its data are: classes, objects (with boxes), masks (of objects), maps (of classes) or
    pairs (of small and large pictures).
    """
    better: ClassVar[str]
    """The score of which the highest makes the best checkpoint."""
    scores: ClassVar[tuple[str, ...]]
    """The columns of results.csv that are its scores, `val_loss` first."""
    answers: ClassVar[type[Answers]]
    """The kind of outcome that its validation gives."""
    outputs: ClassVar[tuple[str, ...]] = ("logits",)
    """What its network gives, in order: the names of the graph's outputs."""

    def network(self, name: str, **words: Any) -> nn.Module:
        """The network of that name, freshly drawn, before `around`: one of the catalogue, or one's
        own.
        """
        classes, channels = len(self.classes), self.preprocess.channels
        return create(name, classes=classes, channels=channels, **words)

    def around(self, backbone: nn.Module) -> nn.Module:
        """The network with neck and head: normalized pictures (N, C, H, W) -> a tensor, or a tuple
        of them in the order of `outputs`.
        """
        return backbone

    def model(self, network: nn.Module) -> nn.Module:
        """Pictures (N, C, H, W) in 0..255 -> what the network gives for them, normalized."""
        return nn.Sequential(OrderedDict(normalize=Normalize(self.preprocess), network=network))

    @abstractmethod
    def objective(self, model: nn.Module, pictures: Tensor, targets: Any) -> Tensor:
        """The loss of a batch in training, a scalar."""

    @abstractmethod
    def evaluate(
        self,
        model: nn.Module,
        loader: Loader,
        names: Sequence[str],
        gather: Callable[[Any], list[Any]] = lambda mine: [mine],
        views: Views = plain,
    ) -> tuple[Any, dict[str, float]]:
        """The answers for every picture of the loader, in its order, and their scores.

        `gather` brings together those of several processes, each of which has its share. The
        model's own mode and the generators are as before afterwards.
        """

    def evidence(self, outputs: Any) -> Tensor:
        """What speaks for each class in a picture, one number each: (N, K); what is explained."""
        raise ValueError(f"there is no class to explain in what the task {self.name} answers")

    def thresholds(self, outcome: Any) -> dict[str, float]:
        """What the decoding is to be given in use, chosen on the validation pictures."""
        return {}


class InPicture(Task):
    """A task whose answers lie in the picture, so that they can be drawn beside what is there."""

    @abstractmethod
    def truth(self, dataset: Any, index: int) -> Seen:
        """What there is to be found in a picture of a data set, in its own pixels."""

    @abstractmethod
    def target(self, targets: Any, n: int, size: tuple[int, int]) -> Seen:
        """The targets of picture n of a batch, whose pictures are of `size` (H, W)."""

    def shown(
        self, dataset: Any, index: int, picture: NDArray[Any], seen: Seen
    ) -> tuple[NDArray[Any], ...]:
        """For the report: the truth, and what was seen, drawn over the picture."""
        truth = self.truth(dataset, index)
        return truth.drawn(picture, self.classes), seen.drawn(picture, self.classes)


class ByPicture(InPicture):
    """A task that is judged picture by picture, from what the network gives for each."""

    def objective(self, model: nn.Module, pictures: Tensor, targets: Any) -> Tensor:
        """The loss of a batch in training, a scalar."""
        return self.criterion(model(pictures), targets, (pictures.shape[2], pictures.shape[3]))

    @abstractmethod
    def criterion(self, outputs: Any, targets: Any, size: tuple[int, int]) -> Tensor:
        """The loss of what the network gave for pictures of `size` (H, W), the mean over them."""

    @abstractmethod
    def judged(self, outputs: Sequence[NDArray[Any]], dataset: Any, index: int) -> Any:
        """What is kept of the answer for one picture: its outputs without N, and where it lies in
        the data set that was validated.
        """

    @abstractmethod
    def outcome(
        self, names: Sequence[str], found: Sequence[Any], dataset: Any
    ) -> tuple[Any, tuple[float, ...]]:
        """All that was `judged`, in order -> the outcome and all scores but the loss."""

    @torch.no_grad()
    def evaluate(
        self,
        model: nn.Module,
        loader: Loader,
        names: Sequence[str],
        gather: Callable[[Any], list[Any]] = lambda mine: [mine],
        views: Views = plain,
    ) -> tuple[Any, dict[str, float]]:
        """Every picture by itself; see Task.evaluate."""
        if views is not plain:
            raise ValueError(f"views are for classes, not for the task {self.name}; leave them out")
        training, place = model.training, next(model.parameters()).device
        model.eval()
        mine: Judged = ([], [])
        for batch in loader.epoch(0):
            targets = each(batch.targets, lambda tensor: tensor.to(place))
            size = (batch.pictures.shape[2], batch.pictures.shape[3])
            outputs = model(batch.pictures.to(place))
            mine[1].append(float(self.criterion(outputs, targets, size)) * len(batch.pictures))
            several = outputs if isinstance(outputs, tuple) else (outputs,)
            arrays = [output.float().cpu().numpy() for output in several]
            mine[0].extend(
                self.judged([array[n] for array in arrays], loader.dataset, index)
                for n, index in enumerate(batch.indices.tolist())
            )
        model.train(training)
        found, losses = (list(chain(*lists)) for lists in zip(*gather(mine)))
        outcome, scores = self.outcome(names, found, loader.dataset)
        return outcome, dict(zip(self.scores, (sum(losses) / len(found), *scores)))


class Evidence(nn.Module):
    """A task's network as a classifier: normalized pictures (N, C, H, W) -> its `evidence`."""

    def __init__(self, task: Task, network: nn.Module):
        super().__init__()
        self.task, self.network = task, network

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, K)."""
        return self.task.evidence(self.network(x))


def bare(backbone: nn.Module, task: str) -> Network:
    """The network without its classifiers, changed in place; ValueError for a module that does not
    give maps.
    """
    if not isinstance(backbone, Network):
        name = type(backbone).__name__
        raise ValueError(f"{name} under the task {task}: it is for networks of `hubel networks`")
    backbone.head, backbone.aux = nn.Sequential(), nn.ModuleDict()
    return backbone
