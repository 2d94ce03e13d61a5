"""What the service counts, in the text form that Prometheus reads."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)

COUNTERS = {
    "hubel_requests_total": "Requests by route and status.",
    "hubel_refused_total": "Requests and pictures that were refused, by reason.",
}
HISTOGRAMS = {
    "hubel_request_seconds": ("From the head of a request to the end of its answer.", SECONDS),
    "hubel_wait_seconds": ("How long pictures waited for their batch.", SECONDS),
    "hubel_compute_seconds": ("How long a batch took, decoding included.", SECONDS),
    "hubel_batch_pictures": ("Pictures in a batch.", SIZES),
}
GAUGES = {
    "hubel_waiting": "Pictures that wait for the engine.",
    "hubel_in_flight": "Requests that are being answered.",
    "hubel_held_bytes": "Bytes of bodies in memory.",
}

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counters and histograms, by name and labels; any thread may add to them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, Labels], int] = {}
        self._buckets: dict[tuple[str, Labels], list[int]] = {}
        self._sums: dict[tuple[str, Labels], float] = {}

    def count(self, name: str, **labels: str) -> None:
        """One more of it."""
        key = name, tuple(labels.items())
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + 1

    def observe(self, name: str, value: float, **labels: str) -> None:
        """One more value of a histogram."""
        key = name, tuple(labels.items())
        bounds = HISTOGRAMS[name][1]
        with self._lock:
            buckets = self._buckets.setdefault(key, [0] * (len(bounds) + 1))
            buckets[bisect_left(bounds, value)] += 1
            self._sums[key] = self._sums.get(key, 0.0) + value

    def text(self, gauges: dict[tuple[str, Labels], float]) -> str:
        """All of it, with these gauges; version 0.0.4 of the exposition format."""
        with self._lock:
            lines = [*self._counters(), *self._histograms()]
        for name, about in GAUGES.items():
            lines += [f"# HELP {name} {about}", f"# TYPE {name} gauge"]
            found = (item for item in gauges.items() if item[0][0] == name)
            lines += [f"{name}{_labels(labels)} {value:g}" for (_, labels), value in found]
        return "\n".join(lines) + "\n"

    def _counters(self) -> Iterator[str]:
        for name, about in COUNTERS.items():
            yield f"# HELP {name} {about}"
            yield f"# TYPE {name} counter"
            for (found, labels), value in self._counts.items():
                if found == name:
                    yield f"{name}{_labels(labels)} {value}"

    def _histograms(self) -> Iterator[str]:
        for name, (about, bounds) in HISTOGRAMS.items():
            yield f"# HELP {name} {about}"
            yield f"# TYPE {name} histogram"
            for (found, labels), buckets in self._buckets.items():
                if found != name:
                    continue
                total = 0
                for bound, count in zip((*map("{:g}".format, bounds), "+Inf"), buckets):
                    total += count
                    yield f"{name}_bucket{_labels((*labels, ('le', bound)))} {total}"
                yield f"{name}_sum{_labels(labels)} {self._sums[found, labels]:.9g}"
                yield f"{name}_count{_labels(labels)} {total}"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    said = (f'{name}="{_escaped(value)}"' for name, value in labels)
    return "{" + ",".join(said) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
