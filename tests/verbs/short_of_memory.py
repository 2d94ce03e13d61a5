"""A training in a process to which the kernel gives little memory: run by test_robust.py."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from tests.verbs.test_robust import go, page
from tests.verbs.test_train import Tiny

PICTURE = 2**27
"""Bytes that the network takes for every picture of a batch in training."""


class Large(Tiny):
    def forward(self, x):
        if not self.training:
            return super().forward(x)
        taken = x.new_empty(len(x), PICTURE // 4)
        return super().forward(x) + 0 * taken[:, :1].nan_to_num()


if __name__ == "__main__":
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = used + 12 * PICTURE  # enough for 8 pictures, not for 16
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    go(Path(sys.argv[1]), Large(), batch="auto", recipe=page(16), epochs=1, progress="lines")
