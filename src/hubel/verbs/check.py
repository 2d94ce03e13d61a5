"""check: what is wrong with a data set, and a page that shows it. Changes no picture."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from hubel.data import Data, kind_of, open_data, open_scenes
from hubel.data.check import Checked, check_data
from hubel.data.hub import place_of
from hubel.report.check import write_check


def check(
    data: str | os.PathLike[str] | Data,
    *,
    report: str | os.PathLike[str] | None = None,
    download: bool = False,
) -> Checked:
    """Look at every picture of a data set and write `report`, one offline HTML; by default
    runs/check/NAME.html.

    Data without parts are taken as a whole, so that classes of one picture are told, not refused.
    ValueError for what cannot be a data set.
    """
    opened = data if isinstance(data, Data) else _opened(data, download)
    name = re.sub(r"[^\w.-]+", "-", opened.name).strip(".-") or "data"
    page = Path(report) if report is not None else Path("runs", "check", f"{name}.html")
    if page.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"report={page}; it is a page, name it .html")
    found = check_data(opened)
    return replace(found, report=write_check(page, found))


def _opened(where: str | os.PathLike[str], download: bool) -> Data:
    """What lies there, as a whole: pictures of classes, or with objects or class maps."""
    if kind_of(place_of(where, download)) == "classes":
        return open_data(where, val=1)
    return open_scenes(where, val=1)
