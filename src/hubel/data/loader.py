"""Batches, the same ones bit for bit whoever makes them and wherever an epoch is taken up again."""

from __future__ import annotations

import contextlib
import pickle
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader

from hubel.data.augment import Step, apply
from hubel.data.decoding import Pictures
from hubel.data.draws import order
from hubel.data.geometry import Crop
from hubel.data.kept import Files
from hubel.data.types import Batch, Sample
from hubel.pictures.read import as_uint8
from hubel.runtime.machine import keep_memory

Address = tuple[int, np.ndarray]
"""Of a batch: the epoch and the indices (N,)."""


class Loader:
    """Batches of `Pictures`, of any data set with `len` and [i] -> Sample or (picture, target), or
    of one that makes its own: `batch(seed, epoch, indices, augment)`, a pure function.

    The order is a function of (seed, epoch), augmentation one of (seed, epoch, index). `workers`
    are threads where the pictures are decoded already, and processes, started once, where decoding
    or someone else's Python is to be done; with 0 the batches are made where they are used, or with
    `ahead` the next one in a thread while this one is used. `pin` puts batches where a GPU can
    fetch them by itself. The last batch of an epoch is dropped where it is not full, unless
    `drop_last` is False. With `views` there are only so many forms of every picture: epoch e
    augments as epoch e mod views does.

    `share` is (rank, count) of this process among several. Of a training, where all batches are
    full, each process makes its part of every batch; of a validation its part of the batches: put
    together in order they are those that one process makes.

    `steps` is the number of batches per epoch. `seconds` adds up what the user of the batches has
    waited for reading and for augmentation.
    """

    def __init__(
        self,
        dataset: Any,
        *,
        batch: int,
        seed: int,
        augment: Sequence[Step] = (),
        views: int | None = None,
        workers: int = 0,
        shuffle: bool = True,
        drop_last: bool = True,
        share: tuple[int, int] = (0, 1),
        ahead: bool = False,
        pin: bool = False,
    ):
        known = hasattr(dataset, "__getitem__") or hasattr(dataset, "batch")
        if not hasattr(dataset, "__len__") or not known:
            rule = "a data set needs len() and [i] -> (picture, target)"
            raise ValueError(f"{type(dataset).__name__} cannot be loaded; {rule}")
        if batch < 1:
            raise ValueError(f"batch={batch}; it is the pictures per step, 1 or more")
        if workers < 0:
            raise ValueError(f"workers={workers}; 0 loads in the training process itself")
        if drop_last and batch % share[1]:
            remedy = f"use {batch // share[1] * share[1] or share[1]}"
            raise ValueError(
                f"a batch of {batch} has no equal parts for {share[1]} processes; {remedy}"
            )
        self.dataset, self.batch, self.seed = dataset, batch, seed
        self.shuffle, self.workers, self.drop_last, self.share = shuffle, workers, drop_last, share
        self.ahead, self.pin = ahead, pin
        self.steps = len(dataset) // batch if drop_last else -(-len(dataset) // batch)
        if not self.steps:
            remedy = f"use a batch of {len(dataset)} or less" if len(dataset) else "it is empty"
            raise ValueError(f"a batch of {batch} from {len(dataset)} pictures; {remedy}")
        self.seconds = {"read": 0.0, "augment": 0.0}
        self._make = _Make(dataset, tuple(augment), seed, views)
        self._plan = _Plan([])
        self._pool: DataLoader[_Made | ValueError] | None = None

    def epoch(self, e: int, start: int = 0) -> Iterator[Batch]:
        """The batches of epoch e, from number `start` on; those before it are not made."""
        length = len(self.dataset)
        places = order(self.seed, e, length) if self.shuffle else np.arange(length)
        rank, count = self.share
        steps, part = range(start, self.steps), slice(None)
        if self.drop_last:
            part = slice(rank * self.batch // count, (rank + 1) * self.batch // count)
        else:
            steps = steps[len(steps) * rank // count : len(steps) * (rank + 1) // count]
        addresses = [(e, places[s * self.batch : (s + 1) * self.batch][part]) for s in steps]
        began = time.perf_counter()
        for made in self._made(addresses):
            if isinstance(made, ValueError):
                raise made
            batch, read, augmented = made
            waited, work = time.perf_counter() - began, max(read + augmented, 1e-9)
            self.seconds["read"] += waited * (read / work)
            self.seconds["augment"] += waited * (augmented / work)
            yield batch
            began = time.perf_counter()

    def _made(self, addresses: list[Address]) -> Iterator[_Made | ValueError]:
        if self.workers and not _sharable(self.dataset, decoded=True):
            return self._from_processes(addresses)
        # Someone else's data set may draw from the generators that the network draws from.
        threads = self.workers or int(self.ahead and _sharable(self.dataset))
        return self._from_threads(addresses, threads) if threads else map(self._here, addresses)

    def _here(self, address: Address) -> _Made:
        batch, read, augmented = self._make.batch(address)
        return (batch.pin_memory() if self.pin else batch), read, augmented

    def _from_threads(self, addresses: list[Address], threads: int) -> Iterator[_Made]:
        pool = ThreadPoolExecutor(threads)
        try:
            waiting: deque[Future[_Made]] = deque()
            for address in addresses:
                waiting.append(pool.submit(self._here, address))
                if len(waiting) > threads + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # an epoch that is broken off leaves no thread behind
            pool.shutdown(cancel_futures=True)

    def _from_processes(self, addresses: list[Address]) -> Iterator[_Made | ValueError]:
        self._plan.addresses = addresses
        if self._pool is None:
            _check_sendable(self._make)
            self._pool = DataLoader(
                self._make,
                batch_size=None,
                sampler=self._plan,
                num_workers=self.workers,
                persistent_workers=True,
                pin_memory=self.pin,
                multiprocessing_context="spawn",  # the same on every system
                worker_init_fn=_settle,
                generator=torch.Generator(),  # or it would draw from the network's
            )
        try:
            with _signals_wait():  # workers that are still starting know no answer but to die
                batches = iter(self._pool)
            yield from batches
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise ValueError(
                f"a loader process ended ({error}). A script of your own needs its calls under "
                "`if __name__ == '__main__':`, since loader processes import it; if memory ran "
                "out, use fewer workers"
            ) from error


_Made = tuple[Batch, float, float]
"""A batch, and the seconds of reading and of augmentation in it."""


@dataclass
class _Plan:
    """The addresses of the batches to come: what the workers are told to do."""

    addresses: list[Address]

    def __iter__(self) -> Iterator[Address]:
        return iter(self.addresses)

    def __len__(self) -> int:
        return len(self.addresses)


class _Make(torch.utils.data.Dataset[_Made | ValueError]):
    """Makes the batch of an address, here or in a worker process."""

    def __init__(self, dataset: Any, steps: tuple[Step, ...], seed: int, views: int | None):
        self.dataset, self.steps, self.seed, self.views = dataset, steps, seed, views

    def __getitem__(self, address: Address) -> _Made | ValueError:
        try:
            return self.batch(address)
        except ValueError as error:  # as a value: raised, torch wraps it in a text of its own
            return error

    def batch(self, address: Address) -> _Made:
        epoch, indices = address
        began = time.perf_counter()
        view = epoch % self.views if self.views else epoch
        if hasattr(self.dataset, "batch"):  # its targets move along with the pictures
            whole = self.dataset.batch(self.seed, view, indices, self.steps)
            return whole, 0.0, time.perf_counter() - began
        pixels, targets = _read(self.dataset, indices)
        cut = bool(self.steps) and isinstance(self.steps[0], Crop)  # takes pictures of any shapes
        pictures = pixels if cut and isinstance(pixels, list) else _together(pixels)
        read = time.perf_counter()
        pictures = apply(self.steps, pictures, self.seed, view, indices)
        batch = Batch(pictures, torch.from_numpy(targets), torch.from_numpy(indices))
        return batch, read - began, time.perf_counter() - read


def _sharable(dataset: Any, decoded: bool = False) -> bool:
    """Whether threads may make its batches: it is not someone else's Python, nor, if asked, are its
    pictures yet to be decoded.
    """
    if hasattr(dataset, "batch"):
        return True
    return isinstance(dataset, Pictures) and not (decoded and isinstance(dataset.arrays, Files))


def _read(dataset: Any, indices: np.ndarray) -> tuple[np.ndarray | list[np.ndarray], np.ndarray]:
    """Pictures uint8 (N, H, W, C), or N of (h, w, C); targets int64 (N,), or float32 (N, K)."""
    pixels: np.ndarray | list[np.ndarray]
    if isinstance(dataset, Pictures):
        pixels, targets = dataset.arrays[indices], dataset.targets[indices]
    else:
        samples = [as_sample(dataset[int(i)], int(i)) for i in indices]
        pixels = [sample.picture for sample in samples]
        targets = np.array([sample.target for sample in samples])
    return pixels, targets.astype(np.float32 if targets.ndim == 2 else np.int64)


def _together(pixels: np.ndarray | list[np.ndarray]) -> torch.Tensor:
    """Pictures of one shape -> uint8 (N, C, H, W)."""
    if isinstance(pixels, list):
        shapes = {picture.shape for picture in pixels}
        if len(shapes) > 1:
            rule = "all pictures of a data set need the same height, width and channels"
            remedy = "or crop as the first step of augmentation"
            raise ValueError(f"pictures of shapes {sorted(shapes)[:3]}; {rule}, {remedy}")
        pixels = np.stack(pixels)
    return torch.from_numpy(np.asarray(pixels)).permute(0, 3, 1, 2).contiguous()


def as_sample(thing: Any, index: int) -> Sample:
    """What a data set gave at `index` as a Sample.

    A (picture, target) pair may hold an array (H, W) or (H, W, C), a tensor (C, H, W), or a PIL
    picture; uint8, or floating point in 0..1, which is rounded to 8 bits.
    """
    if isinstance(thing, Sample):
        return thing
    try:
        picture, target = thing
    except (TypeError, ValueError):
        rule = "it must give a Sample or (picture, target)"
        raise ValueError(f"the data set gave {type(thing).__name__} at {index}; {rule}") from None
    name = f"picture {index}"
    if isinstance(picture, torch.Tensor):
        array = picture.numpy()
        array = array.transpose(1, 2, 0) if array.ndim == 3 else array
    elif isinstance(picture, Image.Image):
        array = np.asarray(picture if picture.mode in ("L", "RGB") else picture.convert("RGB"))
    else:
        array = np.asarray(picture)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3):
        rule = "arrays are (H, W), (H, W, 1) or (H, W, 3), tensors (C, H, W)"
        raise ValueError(f"{name} of the data set has shape {array.shape}; {rule}")
    target = np.asarray(target) if np.ndim(target) else int(target)
    return Sample(as_uint8(array, name), target, name, index)


def _check_sendable(make: _Make) -> None:
    """ValueError for what cannot be pickled: torch says it in a warning of ten lines."""

    class Nowhere:
        def write(self, part: object) -> None:
            pass

    try:
        pickle.Pickler(Nowhere()).dump(make)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        name = type(make.dataset).__name__
        rule = "define it in a module, or use workers=0"
        raise ValueError(f"{name} cannot be sent to worker processes ({error}); {rule}") from error


STOPS = {signal.SIGINT, signal.SIGTERM}


@contextlib.contextmanager
def _signals_wait() -> Iterator[None]:
    """Hold back Ctrl-C and SIGTERM here and in processes started meanwhile; Windows knows no such
    thing.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _settle(worker: int) -> None:
    """Ctrl-C is the training's: it ends its step and saves, with workers that are still there.

    So is the first SIGTERM, which torchrun sends to a training with all its workers.
    """

    def once(number: int, frame: Any) -> None:
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, once)
    keep_memory()
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
