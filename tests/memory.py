"""How much memory a process has taken."""

from __future__ import annotations

from pathlib import Path


def peak() -> float:
    """Return the most memory that this process has held, MB.

    Not ru_maxrss, which begins at the size of the process that started this one: a child would seem never to grow.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
