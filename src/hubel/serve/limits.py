"""What a service grants to whoever asks."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Limits:
    """Bounds of a service; ValueError where one is no positive number."""

    body: int = 20_000_000  # bytes of a request
    pixels: int = 50_000_000  # of a picture, by its header
    enlarged: int = 1_000_000  # pixels of a picture that is to be made larger
    pictures: int = 64  # of one request to /batch
    timeout: float = 10.0  # seconds from a request's head to its answer, and for the head itself
    batch: int = 16  # pictures that the engine takes at a time
    wait: float = 0.002  # seconds that the first of a batch waits for others that are on their way
    queue: int = 256  # pictures that may wait for the engine, of each model
    connections: int = 1000
    patience: float = 60.0  # seconds of an explanation or a drawing; the first loads torch
    aside: int = 4  # requests that may wait for an explanation, and as many for a drawing
    drain: float = 2.0  # seconds that open connections have for a last request after SIGTERM

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if not (value > 0 or (one.name in ("wait", "drain") and value == 0)):
                raise ValueError(f"the service's limit {one.name} is {value}; it must be above 0")

    @property
    def held(self) -> int:
        """Bytes of all bodies that may be in memory at a time."""
        return 12 * self.body
