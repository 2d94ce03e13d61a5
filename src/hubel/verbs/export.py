"""export: a bundle in the files of another runtime, proved there before it is said to be done."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hubel.export.bake import BAKES, WORDS, replay_baked
from hubel.export.bundle import put
from hubel.export.targets import MARK, TARGETS, mark
from hubel.runtime.bundle import Bundle
from hubel.runtime.engine import Engine
from hubel.runtime.golden import Replay, replay
from hubel.runtime.machine import cores
from hubel.runtime.names import unknown
from hubel.runtime.predictor import Predictor


@dataclass(frozen=True)
class Exported:
    """Where the files are, the line that opens them, and how the golden pictures went there."""

    to: str
    folder: Path
    files: dict[str, int]
    """Names and bytes."""
    use: str
    replay: Replay

    def to_dict(self) -> dict[str, Any]:
        """Plain values for --json."""
        return {**asdict(self), "folder": str(self.folder)}


def export(
    bundle: str | os.PathLike[str],
    to: str,
    *,
    bake_resize: bool = False,
    out: str | os.PathLike[str] | None = None,
    engine_threads: int | None = None,
) -> Exported:
    """Write a bundle for another runtime: "onnx", "openvino", "torch-export" or "timm".

    The folder `out` (by default NAME-TO beside the bundle) takes any number of pictures at a time,
    normalizes them itself, and says in its own metadata how to prepare them and what the answers
    mean. The golden pictures of the bundle are replayed in the target's runtime first; the folder
    gets its name only when they agree. An earlier export of that name gives way.

    With `bake_resize`, for "onnx" and "openvino" and bundles that answer with classes, the files
    take one decoded picture of any size and give probabilities; `out` is NAME-TO-baked, and what is
    replayed are the golden pictures at several sizes, within export.bake.TOLERANCE.

    Raises ValueError for a bundle that cannot be used, an unknown target, one that is not installed
    here or has no place for this network, resizing that cannot be in a graph, a folder of something
    else, and answers that differ.
    """
    if to not in TARGETS:
        raise unknown("target of an export", to, TARGETS)
    if bake_resize and to not in BAKES:
        raise ValueError(
            f"--to {to} does not go with --bake-resize, which is for {' and '.join(BAKES)}: their "
            "runtimes resize as Pillow does; leave it out and prepare pictures in the client"
        )
    opened = Bundle.open(Path(bundle))
    name = f"{opened.folder.name}-{to}{'-baked' if bake_resize else ''}"
    folder = Path(out) if out else opened.folder.with_name(name)
    if folder.exists() and not (folder / MARK).is_file() and any(folder.iterdir()):
        raise ValueError(f"{folder} exists and is no export of Hubel; name another folder")
    threads = engine_threads or cores()
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        part.chmod(0o755)  # mkdtemp's is for the owner alone
        if bake_resize:
            session = BAKES[to](opened, part, threads)
            found = replay_baked(Predictor(opened, threads=threads), session)
            mark(opened, part, to, **WORDS)
        else:
            session = TARGETS[to].write(opened, part, threads)
            found = replay(
                Predictor(opened, engine=Engine(opened, threads=threads, session=session))
            )
            mark(opened, part, to)
        if not found.ok:
            raise ValueError(
                f"the exported files answer differently from the bundle: {found}; nothing was "
                "written"
            )
        del session  # Windows keeps a file that is open
        files = {p.name: p.stat().st_size for p in sorted(part.iterdir())}
        put(part, folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return Exported(to, folder, files, TARGETS[to].use.format(folder), found)
