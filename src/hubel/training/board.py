"""TensorBoard: the curves of a run as event files in its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hubel.data import Loader
from hubel.training.progress import Quiet
from hubel.training.steps import State

STEPS = 50
"""Steps between two points of the training loss."""


def require_tensorboard() -> Any:
    """The class that writes; ValueError where the package is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        remedy = "pip install 'hubel[tensorboard]', or leave out --tensorboard"
        raise ValueError(f"the package tensorboard is not installed; {remedy}") from None
    return SummaryWriter


class Board(Quiet):
    """Beside another watcher: loss and rate every STEPS steps, the scores of every validation.

    Points after the step that a run is taken up at are written again, so TensorBoard is told to
    forget those that a killed process left.
    """

    def __init__(self, folder: Path, beside: Quiet) -> None:
        self.folder, self.beside, self.make = folder, beside, require_tensorboard()
        self.writer: Any = None

    @staticmethod
    def used(folder: Path) -> bool:
        """Whether a run has such files already."""
        return any(folder.glob("events.out.tfevents.*"))

    def say(self, text: str) -> None:
        """As the other does."""
        self.beside.say(text)

    def step(self, state: State, loader: Loader) -> None:
        """A point every few steps."""
        self.beside.step(state, loader)
        if self.writer is None:
            self.writer = self.make(log_dir=str(self.folder), purge_step=state.step)
        if state.step % STEPS == 0:
            self.writer.add_scalar("step/loss", float(state.loss), state.step)
            self.writer.add_scalar("step/lr", state.lr, state.step)

    def epoch(self, state: State, row: dict[str, Any]) -> None:
        """A point of every score."""
        self.beside.epoch(state, row)
        for name, value in row.items():
            if name not in ("epoch", "step", "seconds", "lr"):
                self.writer.add_scalar(f"epoch/{name}", value, state.step)
        self.writer.flush()

    def close(self) -> None:
        """Everything is on the disk."""
        self.beside.close()
        if self.writer is not None:
            self.writer.close()
