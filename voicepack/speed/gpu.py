"""How busy a CUDA GPU is while something is done."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from voicepack.errors import VoicepackError

_EVERY = 200  # milliseconds between two looks


@dataclass
class GpuUse:
    """What was seen of a GPU, once the block that watches it has ended."""

    busy: float = 0.0  # share of the time in which it computed anything, 0 to 1
    gigabytes: float = 0.0  # at the most, of all programs


@contextlib.contextmanager
def watched_gpu() -> Iterator[GpuUse]:
    """Watch the first GPU by `nvidia-smi` during the block. Raises VoicepackError if that is not there."""
    use = GpuUse()
    asked = ["--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits", "--id=0", f"-lms={_EVERY}"]
    with tempfile.TemporaryFile("w+") as seen:
        try:
            watch = subprocess.Popen(["nvidia-smi", *asked], stdout=seen)
        except FileNotFoundError:
            raise VoicepackError("nvidia-smi is not there. Install what NVIDIA's driver brings.") from None
        try:
            yield use
        finally:
            watch.terminate()
            watch.wait()
        seen.seek(0)
        looks = [line.split(",") for line in seen if line.count(",") == 1 and line.endswith("\n")]
    if looks:
        use.busy = statistics.fmean(float(busy) for busy, _ in looks) / 100
        use.gigabytes = max(float(used) for _, used in looks) * 2**20 / 1e9
