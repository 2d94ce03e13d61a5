"""calibrate: say "I don't know" where the answer would be too uncertain."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hubel.analysis.calibration import Temperature, Threshold, temperature, threshold
from hubel.export.change import recalibrate
from hubel.tasks.outcome import Outcome
from hubel.training.run import Run


@dataclass(frozen=True)
class Calibrated:
    """What was found and written into the bundle; `threshold` is None where none was asked for."""

    bundle: Path
    temperature: Temperature
    threshold: Threshold | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for --json."""
        return {
            "bundle": str(self.bundle),
            "temperature": self.temperature.to_dict(),
            "threshold": self.threshold and asdict(self.threshold),
        }

    def __str__(self) -> str:
        """A few lines for people."""
        t, found = self.temperature, self.threshold
        lines = [
            f"Temperature  {t.value:.3f}; the expected calibration error goes from "
            f"{t.before.error:.2%} to {t.after.error:.2%} ({t.pictures:,} validation pictures, "
            "fitted on one half, measured on the other)"
        ]
        if found is None:
            lines.append("Threshold    none: every picture gets an answer")
        else:
            lines.append(
                f"Threshold    {found.confidence:.3f} for a precision of {found.precision:.1%}: on "
                f"the half that did not choose it {found.held:.1%} of the answers are right, and "
                f"{found.answered:.1%} of the pictures get one"
            )
        return "\n".join([*lines, f"Bundle       {self.bundle}"])


def calibrate(run: str | os.PathLike[str] | Run, *, precision: float | None = None) -> Calibrated:
    """Fit the temperature on a run's validation pictures, choose the confidence below which its
    bundle says "I don't know" so that a share `precision` of its answers is right, and write both
    into the bundle.

    Without `precision` the bundle answers always. ValueError for a folder that is no finished run,
    and for a precision that no threshold reaches.
    """
    opened = run if isinstance(run, Run) else Run.open(Path(run))
    outcome = opened.outcome
    if not isinstance(outcome, Outcome):
        rule = "calibrate is for those that tell one class a picture"
        raise ValueError(f"{opened.path} is a run for {opened.recipe.task}; {rule}")
    found = temperature(outcome)
    chosen = None if precision is None else threshold(outcome, precision)
    folder = recalibrate(opened.bundle, found.to_dict(), chosen.to_dict() if chosen else {})
    return Calibrated(folder, found, chosen)
