"""Two processes of which one dies, and when torchrun starts them anew the first one is late."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from hubel.training.processes import restarts, together

if __name__ == "__main__":
    if restarts() and os.environ["RANK"] == "0":
        time.sleep(3)
    with together() as processes:
        if not restarts() and processes.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        ranks = processes.gathered(processes.rank)
        if processes.first:
            Path(sys.argv[1]).write_text(f"{ranks} after {restarts()}")
