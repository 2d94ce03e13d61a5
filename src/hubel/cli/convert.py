"""`hubel convert DATA --to FORMAT FOLDER`."""

from __future__ import annotations

import typer

SHOWN = 5


def convert(
    data: str = typer.Argument(..., help="A folder of VOC, COCO, YOLO or parquet, or its file."),
    folder: str = typer.Argument(..., help="A new folder."),
    to: str = typer.Option(..., metavar="FORMAT", help="voc, coco, yolo or parquet."),
    around: str | None = typer.Option(
        None, metavar="CLASS", help="Cut a picture around each object of this class, for localize."
    ),
    times: int = typer.Option(1, min=1, help="With --around: so many cuts, with other margins."),
    download: bool = typer.Option(
        False, "--download", help="Allow fetching a data set that is not on this machine."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Write pictures with objects in another format; changes nothing where they are."""
    import json

    from hubel.verbs.convert import convert as verb

    done = verb(data, to, folder, around=around, times=times, download=download)
    if as_json:
        print(json.dumps(done.to_dict(), indent=1, ensure_ascii=False))
        return
    print(
        f"{done.pictures:,} pictures with {done.objects:,} objects of {len(done.classes)} classes "
        f"({', '.join(done.classes[:8])}), read as {done.read_as}, written to {done.folder}"
    )
    if done.lost:
        print(f"{to} has no place for {', '.join(done.lost)}")
    for finding in done.findings[:SHOWN]:
        print(f"Left out: {finding.name}: {finding.message}")
    if len(done.findings) > SHOWN:
        print(f"and {len(done.findings) - SHOWN:,} more; --json has all")
