"""One way to run a bundle, in a process of its own, that answers a line for a line of JSON.

    python -m hubel.export.runner BUNDLE WAY THREADS

First it tells its answers for the golden pictures, then it times what it is asked for:
{"batch": 16, "count": 4} gives the seconds of each of four calls. At the end of its input it tells
the most memory that it had and stops.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hubel.export.ways import Way, open_way
from hubel.runtime.bundle import Bundle
from hubel.runtime.golden import golden_pictures
from hubel.runtime.machine import peak_memory


def main() -> None:
    """Serve the parent with the way that it asks for."""
    path, way, threads = sys.argv[1:]
    serve(path, lambda bundle: open_way(Way(**json.loads(way)), bundle, int(threads)))


def serve(path: str, opened: Callable[[Bundle], Callable[[np.ndarray], Any]]) -> None:
    """Answer until the parent closes its end; `opened` gives what takes uint8 (N, H, W, 3)."""
    # What the engines print goes to standard error: standard output is the parent's.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)

        def say(**words: Any) -> None:
            print(json.dumps(words), file=out, flush=True)

        try:
            bundle = Bundle.open(Path(path))
            engine = opened(bundle)
            pictures = golden_pictures(bundle)
            say(answers=[flat(engine(picture[None])) for picture in pictures])
            for line in sys.stdin:
                asked = json.loads(line)
                batch = np.resize(pictures, (asked["batch"], *pictures.shape[1:]))
                seconds = []
                for _ in range(asked["count"]):
                    began = time.perf_counter()
                    engine(batch)
                    seconds.append(time.perf_counter() - began)
                say(seconds=seconds)
            say(memory=peak_memory())
        except Exception as error:  # every library has its own; the parent tells it
            text = str(error).strip() or type(error).__name__
            say(error=text.splitlines()[0][:300])


def flat(outputs: Any) -> list[float]:
    """All numbers of one or several outputs."""
    several = outputs if isinstance(outputs, list | tuple) else [outputs]
    return [float(x) for output in several for x in np.ravel(output)]


if __name__ == "__main__":
    main()
