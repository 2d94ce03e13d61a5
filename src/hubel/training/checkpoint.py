"""Checkpoints: everything a training is, in one file that is there whole or not at all."""

from __future__ import annotations

import pickle
import random
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hubel.runtime.files import write_whole
from hubel.training.processes import ALONE, Processes
from hubel.training.steps import Carries, State

if TYPE_CHECKING:
    from hubel.training.record import Record

FORMAT = 2


def save(path: Path, state: State, record: Record, processes: Processes = ALONE) -> None:
    """Write weights, average, optimizer, position, sums, best score, the generators of every
    process and the records' lengths. Of several processes the first one writes.

    A full disk or a kill leaves the previous file as it was; the former is a ValueError.
    """
    drawn = processes.gathered(generators())
    if not processes.first:
        return
    content = {
        "format": FORMAT,
        "model": state.model.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "steps": {s.key: s.state_dict() for s in state.steps if isinstance(s, Carries)},
        "position": state.position(),
        "record": record.lengths(),
        "generators": drawn,
    }
    try:
        write_whole(path, lambda file: torch.save(content, file))
    except (RuntimeError, OSError) as error:
        # torch.save hides a failed write behind its own complaint about the file's position.
        cause = error if isinstance(error, OSError) else error.__context__
        if not isinstance(cause, OSError):
            raise
        run = path.parent.parent
        kept = "the one before it is still valid" if path.exists() else "there is none before it"
        raise ValueError(
            f"{path} could not be written ({cause.strerror}); {kept}. "
            f"Make room, then go on with: hubel train --resume {run}"
        ) from cause


def restore(path: Path, state: State, record: Record, processes: Processes = ALONE) -> None:
    """Put a training back to where the checkpoint was written, records included."""
    content = processes.shared(lambda: load(path))
    state.model.load_state_dict(content["model"])
    rates = [group.get("initial_lr") for group in state.optimizer.param_groups]
    state.optimizer.load_state_dict(content["optimizer"])
    for group, rate in zip(state.optimizer.param_groups, rates):
        group["initial_lr"] = rate  # the recipe's; it changes with a batch that is made smaller
    for step in state.steps:
        if isinstance(step, Carries):
            step.load_state_dict(content["steps"][step.key])
    state.restore_position(content["position"])
    record.cut(content["record"])
    if (batch := content["position"]["batch"]) != state.batch:
        record.line(event="memory ran out", step=state.step, batch=batch, next=state.batch)
    set_generators(content["generators"][processes.rank])


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint without running code from it; a broken or newer one is a ValueError
    that names it.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, zipfile.BadZipFile, KeyError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path}: not a checkpoint that can be read ({first})") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else None
        raise ValueError(
            f"{path}: checkpoint format {found}, this Hubel reads {FORMAT}; "
            "use the version that wrote it"
        )
    return content


def seed_generators(seed: int) -> None:
    """Start every generator from the seed, so that two runs of one recipe draw the same."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002


def generators() -> dict[str, Any]:
    """The states of every generator a network or a user's own code may draw from."""
    numpy: Any = np.random.get_state(legacy=False)  # noqa: NPY002 (the global one is what foreign code uses)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": random.getstate(),
        "numpy": {"key": torch.from_numpy(numpy["state"]["key"].astype(np.int64)),
                  "pos": int(numpy["state"]["pos"])},
    }  # fmt: skip


def set_generators(states: dict[str, Any]) -> None:
    """The inverse of `generators`."""
    torch.set_rng_state(states["torch"])
    if states["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(states["cuda"])
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    key = states["numpy"]["key"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", key, states["numpy"]["pos"], 0, 0.0))  # noqa: NPY002
