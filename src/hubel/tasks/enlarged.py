"""How near the enlarged validation pictures came to the true ones, picture by picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hubel.runtime.files import write_whole
from hubel.tasks.outcome import NotNumbers

Numbers = NDArray[np.float64]
EACH = ("psnr", "ssim", "bicubic", "losses")
"""The scores that every picture has."""
Row = tuple[float, float, float, float]
"""Those of one picture."""


@dataclass(frozen=True, eq=False)
class Enlarged:
    """Scores of N enlarged pictures, float64 (N,) each, as tasks/fidelity.py counts them.

    `psnr` in dB and `ssim`; `bicubic`, the PSNR of the plain bicubic enlargement beside it;
    `losses`, the validation loss. The pictures were enlarged `scale` times by a network that sees
    `margin` pixels far. ValueError where these do not fit together, NotNumbers where one is NaN.
    """

    names: tuple[str, ...]
    psnr: Numbers
    ssim: Numbers
    bicubic: Numbers
    losses: Numbers
    scale: int
    margin: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(map(str, self.names)))
        if not self.names:
            raise ValueError("an outcome of 0 pictures; validate on at least one")
        for name in EACH:
            values = np.asarray(getattr(self, name), np.float64)
            if values.shape != (len(self.names),):
                rule = "give one number for each"
                raise ValueError(f"{name} of shape {values.shape} for {len(self.names)}; {rule}")
            if np.isnan(values).any():
                raise NotNumbers(f"{name} holds NaN: the network that gave it is broken")
            object.__setattr__(self, name, values)

    @classmethod
    def of(cls, names: Sequence[str], rows: Any, scale: int, margin: int) -> Enlarged:
        """From a row of scores for each picture, (N, 4), in the order of EACH."""
        psnr, ssim, bicubic, losses = np.array(rows, np.float64).reshape(-1, len(EACH)).T
        return cls(tuple(names), psnr, ssim, bicubic, losses, scale, margin)

    @property
    def scores(self) -> tuple[float, float, float]:
        """Means over the pictures: loss, PSNR in dB, SSIM."""
        return float(self.losses.mean()), float(self.psnr.mean()), float(self.ssim.mean())

    @property
    def score(self) -> str:
        """The scores of record in words."""
        _, db, similarity = self.scores
        plain = self.bicubic.mean()
        return f"{db:.2f} dB (bicubic {plain:.2f}), SSIM {similarity:.4f} for x{self.scale}"

    @property
    def worst(self) -> NDArray[np.int64]:
        """(N,): all pictures, the least gain over the bicubic filter first."""
        return np.argsort(self.psnr - self.bicubic, kind="stable")

    def told(self, classes: Sequence[str]) -> list[str]:
        """A line for each picture, up to 20."""
        wide = max(map(len, self.names))
        lines = [f"{name:<{wide}}  {self.note(i)}" for i, name in enumerate(self.names)]
        return lines if len(lines) <= 20 else []

    def note(self, i: int) -> str:
        """How near picture i came."""
        plain = f"bicubic {self.bicubic[i]:.2f}"
        return f"{self.psnr[i]:.2f} dB ({plain}), SSIM {self.ssim[i]:.4f}"

    def tables(
        self, classes: Sequence[str]
    ) -> list[tuple[str, Sequence[str], list[tuple[Any, ...]]]]:
        """Every picture with its scores."""
        head = ("Picture", "PSNR in dB", "SSIM", "Bicubic in dB", "Gain in dB")
        gains = (self.psnr - self.bicubic).tolist()
        shown = [f"{value:.4f}" for value in self.ssim]  # no share of anything
        columns = zip(self.names, self.psnr.tolist(), shown, self.bicubic.tolist(), gains)
        rows: list[tuple[Any, ...]] = list(columns)
        return [(f"Every picture, x{self.scale}, on luma, {self.scale} pixels cut", head, rows)]

    def plots(self, classes: Sequence[str]) -> list[Any]:
        """None: the table says it all."""
        return []

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write one compressed .npz, whole or not at all."""
        arrays = {name: getattr(self, name) for name in (*EACH, "scale", "margin")}
        names = np.array(self.names, np.str_)
        return write_whole(path, lambda file: np.savez_compressed(file, names=names, **arrays))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Enlarged:
        """Read what `save` wrote. No pickle: nothing in the file is run."""
        try:
            with Path(path).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                rows = np.stack([file[name] for name in EACH], axis=1)
                names = file["names"].tolist()
                return cls.of(names, rows, int(file["scale"]), int(file["margin"]))
        except FileNotFoundError:
            raise ValueError(f"{path} does not exist; give the outcome file of a run") from None
        except (ValueError, OSError, EOFError, KeyError, TypeError, BadZipFile) as error:
            raise ValueError(f"{path} is not an outcome that Hubel wrote: {error}") from error
