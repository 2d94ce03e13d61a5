"""What one process and two must agree on: run by pytest as it is, and by torchrun as a script."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from hubel.pictures import Preprocess
from hubel.tasks.classify import Classify
from hubel.tasks.losses import cross_entropy
from hubel.training import fit
from hubel.training.processes import Elsewhere, Processes, together
from hubel.training.progress import Quiet
from hubel.training.recipe import Recipe
from hubel.training.run import Run

CLASSES = ("left", "right", "both")


class Halves(torch.utils.data.Dataset):
    """Pictures (8, 8, 1) of which one half or both are bright."""

    def __init__(self, count: int, seed: int):
        draw = np.random.default_rng(seed)
        self.targets = draw.integers(0, 3, count)
        self.pictures = draw.integers(0, 100, (count, 8, 8, 1)).astype(np.uint8)
        for picture, target in zip(self.pictures, self.targets):
            picture[:, 4 * (target == 1) : 4 + 4 * (target > 0)] += 100

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, i: int):
        return self.pictures[i], int(self.targets[i])


class Net(nn.Module):
    """With an unused layer, as auxiliary heads are without their loss."""

    def __init__(self, dtype: torch.dtype, norm: bool):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 6, 3),
            nn.BatchNorm2d(6) if norm else nn.Identity(),
            nn.ReLU(),
            nn.Conv2d(6, 6, 3, stride=2),
            nn.BatchNorm2d(6) if norm else nn.Identity(),
            nn.ReLU(),
        )
        self.head, self.unused = nn.Linear(24, 3), nn.Linear(24, 3)
        self.to(dtype)

    def forward(self, x):
        return self.head(self.body(x.to(self.head.weight.dtype)).flatten(1))


def train(folder: Path, dtype: torch.dtype, norm: bool, processes: Processes) -> dict:
    """50 steps, two and a half epochs: weights, losses, and what the network answers."""
    recipe = Recipe(
        preprocess=Preprocess((8, 8), channels=1, mean=(0.5,), std=(0.25,)), batch=32, steps=50,
        optimizer={"name": "sgd", "lr": 0.1, "momentum": 0.9}, decay=1e-3, clip=1.0, average=0.9,
        sync_norm=True, threads=1, device="cpu",
    )  # fmt: skip
    torch.manual_seed(processes.rank)  # the first one's weights are those of all
    task = Classify(CLASSES, recipe.seen, cross_entropy)
    network = Net(dtype, norm)
    trainer = fit.Trainer(recipe, task, network, Halves(640, 0), Halves(90, 1), processes)
    trainer.val_loader.batch, trainer.val_loader.steps = 20, 5  # several batches for each process
    run = processes.shared(lambda: Run.create(folder, recipe, f"{dtype}-{norm}-{processes.count}"))
    outcome = trainer.fit(run, Quiet())
    return {
        "weights": trainer.model.state_dict(),
        "rows": [[row["train_loss"], row["val_loss"], row["val_top1"]] for row in run.results],
        "names": list(outcome.names),
        "truths": torch.from_numpy(outcome.truths),
        "probabilities": torch.from_numpy(outcome.probabilities),
        "norms": [
            type(m).__name__
            for m in [*network.modules(), *trainer.network.modules()]
            if "Norm" in type(m).__name__
        ],
        "unused": network.unused.weight.detach().clone(),
    }


CASES = [(torch.float64, True), (torch.float64, False), (torch.float32, True)]


def everything(folder: Path, processes: Processes) -> dict:
    return {str(case): train(folder, *case, processes) for case in CASES}


def _fail() -> None:
    raise ValueError("of the first process")


def _agreements(processes: Processes) -> dict:
    """What the processes tell each other."""
    try:
        processes.shared(_fail)
        failed = ""
    except Elsewhere:
        failed = "elsewhere"
    except ValueError as error:
        failed = str(error)
    return {
        "shared": processes.gathered(processes.shared(lambda: processes.rank)),
        "any": processes.any(processes.rank == 1, False, True),
        "gathered": processes.gathered(processes.rank),
        "turns": processes.gathered(processes.in_turn(lambda: processes.rank)),
        "failed": processes.gathered(failed),
    }


if __name__ == "__main__":
    with together() as processes:
        made = everything(Path(sys.argv[1]), processes) | _agreements(processes)
        others = processes.gathered(made["(torch.float64, True)"]["weights"])
        made["same"] = all(torch.equal(one[k], others[0][k]) for one in others for k in one)
        if processes.first:
            torch.save(made, Path(sys.argv[1]) / "two.pt")
