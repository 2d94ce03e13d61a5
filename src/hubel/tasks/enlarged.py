"""How near the enlarged validation pictures came to the true ones, picture by picture."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hubel.runtime.files import write_whole
from hubel.tasks.outcome import NotNumbers

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Enlarged:
    """Scores of N enlarged pictures, float64 (N,) each, as tasks/fidelity.py counts them.

    `psnr` in dB and `ssim`; `bicubic`, the PSNR of the plain bicubic enlargement beside it;
    `losses`, the validation loss. ValueError where these do not fit together, NotNumbers where one
    is NaN.
    """

    names: tuple[str, ...]
    psnr: Numbers
    ssim: Numbers
    bicubic: Numbers
    losses: Numbers

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(map(str, self.names)))
        if not self.names:
            raise ValueError("an outcome of 0 pictures; validate on at least one")
        for name in COLUMNS:
            values = np.asarray(getattr(self, name), np.float64)
            if values.shape != (len(self.names),):
                rule = "give one number for each"
                raise ValueError(f"{name} of shape {values.shape} for {len(self.names)}; {rule}")
            if np.isnan(values).any():
                raise NotNumbers(f"{name} holds NaN: the network that gave it is broken")
            object.__setattr__(self, name, values)

    @property
    def scores(self) -> tuple[float, float, float]:
        """Means over the pictures: loss, PSNR in dB, SSIM."""
        return float(self.losses.mean()), float(self.psnr.mean()), float(self.ssim.mean())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write one compressed .npz, whole or not at all."""
        arrays = {name: getattr(self, name) for name in COLUMNS}
        names = np.array(self.names, np.str_)
        return write_whole(path, lambda file: np.savez_compressed(file, names=names, **arrays))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Enlarged:
        """Read what `save` wrote. No pickle: nothing in the file is run."""
        try:
            with Path(path).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                return cls(tuple(file["names"].tolist()), *(file[name] for name in COLUMNS))
        except FileNotFoundError:
            raise ValueError(f"{path} does not exist; give the outcome file of a run") from None
        except (ValueError, OSError, EOFError, KeyError, TypeError, BadZipFile) as error:
            raise ValueError(f"{path} is not an outcome that Hubel wrote: {error}") from error


COLUMNS = tuple(field.name for field in fields(Enlarged) if field.name != "names")
