"""doctor: what this machine offers, and whether trainings resume exactly on it. Needs no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from hubel.runtime.cache import cache_folder, cache_size, empty_cache
from hubel.runtime.machine import environment, free_memory

if TYPE_CHECKING:
    from hubel.verbs.resumption import Proof


@dataclass(frozen=True)
class Health:
    """The environment, the engines, free memory, and the proofs that were asked for."""

    environment: dict[str, Any]
    engines: dict[str, str]
    memory: int | None
    cache: str
    """Where the cache is and how large, in words."""
    proofs: tuple[Proof, ...] = ()

    @property
    def well(self) -> bool:
        """Whether every proof held."""
        return all(proof.exact for proof in self.proofs)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for --json."""
        proofs = [{"exact": p.exact, "kills": p.kills, "workers": p.workers, "processes": p.processes, "differences": p.differences} for p in self.proofs]  # fmt: skip # noqa: E501
        return {
            **self.environment,
            "engines": self.engines,
            "free_memory": self.memory,
            "cache": self.cache,
            "resumption": proofs,
        }

    def __str__(self) -> str:
        """A table for people."""
        facts = self.environment
        memory = f"{self.memory / 2**30:.1f} GiB free" if self.memory else "not told by this system"
        versions = [f"{n} {v or 'not installed'}" for n, v in facts["versions"].items()]
        lines = [
            f"System     {facts['system']}, Python {facts['python']}",
            f"Processor  {facts['processor']}, {facts['cores']} cores for this process",
            f"Memory     {memory}",
            f"Versions   {', '.join(versions)}",
            f"Cache      {self.cache}",
            *(f"Engine     {name}: {what}" for name, what in self.engines.items()),
            *(f"Resuming   {proof}" for proof in self.proofs),
        ]
        if facts["versions"]["torch"] is None:
            lines.append("Training   needs more: pip install 'hubel[train]'")
        return "\n".join(lines)


def doctor(*, resume: bool = False, kills: int = 5, empty: bool = False) -> Health:
    """Look at this machine; with `resume`, prove exact resumption on it: with 0 and with 2 loader
    workers, and with two processes of which one is killed once; with `empty`, remove from the
    cache what is made again when it is missed.

    The proof trains on the digits, kills the training `kills` times each and compares the bits:
    a few minutes.
    """
    proofs: list[Proof] = []
    if resume:
        from hubel.verbs.resumption import prove_resumption

        proofs = [prove_resumption(kills=kills, workers=workers) for workers in (0, 2)]
        if os.name == "posix":  # the framework's gloo for Windows comes without torchrun's store
            proofs.append(prove_resumption(kills=1, processes=2))
    return Health(environment(), engines(), free_memory(), _cache(empty), tuple(proofs))


def _cache(empty: bool) -> str:
    freed = f" ({empty_cache() / 1e9:.2f} GB removed)" if empty else ""
    return f"{cache_size() / 1e9:.2f} GB of decoded pictures in {cache_folder()}{freed}"


def engines() -> dict[str, str]:
    """What can run a bundle or train here, each with its devices and threads."""
    import onnxruntime

    found = {"ONNX Runtime": ", ".join(onnxruntime.get_available_providers())}
    if find_spec("torch"):
        import torch

        devices = [f"cpu ({torch.get_num_threads()} threads)"]
        if torch.cuda.is_available():
            devices += [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        if torch.backends.mps.is_available():
            devices.append("mps")
        found["torch"] = ", ".join(devices)
    found["OpenVINO"] = "installed" if find_spec("openvino") else "not installed"
    if threads := os.environ.get("OMP_NUM_THREADS"):
        found["OMP_NUM_THREADS"] = threads
    return found
