"""`hubel check DATA`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from hubel.data.check import Checked

SHOWN = 5  # findings of a kind that are printed


def check(
    data: str = typer.Argument(
        ...,
        help="A folder with a folder per class, a CSV, a parquet file or folder, or a name such as "
        "digits, mnist, cifar10 or owner/name.",
    ),
    report: str | None = typer.Option(
        None, help="The page to write; by default runs/check/NAME.html."
    ),
    strict: bool = typer.Option(
        False, "--strict", help="Exit with 1 where files are corrupt or parts of the data leak."
    ),
    download: bool = typer.Option(
        False, "--download", help="Allow fetching a data set that is not on this machine."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Look at every picture of a data set and say what is wrong with it; changes nothing."""
    import json

    from hubel.verbs.check import check as verb

    found = verb(data, report=report, download=download)
    if as_json:
        print(json.dumps(found.to_dict(), indent=1))
    else:
        print(f"{_said(found)}\n\nAll of it, with pictures: {found.report}")
    if strict and not found.sound:
        raise typer.Exit(1)


def _said(found: Checked) -> str:
    from hubel.data.check import KINDS

    classes, counts = found.data.classes, found.counts
    lines = [
        f"{len(found.looks):,} pictures of {found.data.where}, {len(classes)} classes "
        f"({found.split})",
    ]
    for part, per_class in counts.items():
        least, most = int(per_class.argmin()), int(per_class.argmax())
        low, high = f"{per_class[least]:,}", f"{per_class[most]:,}"
        each = high
        if low != high:
            each = f"{low} ({classes[least]}) to {high} ({classes[most]})"
        lines.append(f"{part:<6} {found.pictures[part]:,} pictures, {each} a class")
    if len(found.sizes):
        (short, narrow), (tall, wide) = found.sizes.min(axis=0), found.sizes.max(axis=0)
        sides = f"{narrow} to {wide} pixels wide, {short} to {tall} high"
        if (short, narrow) == (tall, wide):
            sides = f"{wide} x {tall}, all of them"
        lines.append(f"sizes  {sides}")
        mean, deviation = found.statistics
        lines.append(
            f"values mean {', '.join(f'{v:.3f}' for v in mean)}; "
            f"deviation {', '.join(f'{v:.3f}' for v in deviation)} (of 0..1)"
        )
    if not found.findings:
        lines += ["", "Nothing was found that is wrong."]
    for kind, count in found.kinds.items():
        lines += ["", f"{kind} ({count:,}): {KINDS.get(kind, 'pictures that are left out')}"]
        few = [finding for finding in found.findings if finding.kind == kind][:SHOWN]
        lines += [f"  {finding.name}: {finding.message}" for finding in few]
        if count > SHOWN:
            lines.append(f"  and {count - SHOWN:,} more")
    return "\n".join(lines)
