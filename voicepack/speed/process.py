"""A command's time and memory, its children included."""

from __future__ import annotations

import resource
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from voicepack.errors import VoicepackError

# Seconds between two looks at the memory, at first and later. Each takes some 40 ms of the processor, which count in
# what is measured; but what is over soon is to be seen as well.
_FIRST, _LATER = 0.1, 1.0


@dataclass(frozen=True)
class Usage:
    """What a command took."""

    seconds: float
    gigabytes: float  # at the most
    processor_seconds: float  # of all its processes; hardly depends on what else the machine does
    output: str  # what it printed


def measure(command: Sequence[str], **options: Any) -> Usage:
    """Run a command to its end, with all its processes watched; `options` are those of Popen.

    Raises VoicepackError if it fails.
    """
    start, before = time.monotonic(), _children_seconds()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options) as process:
        watch = _Watch(process.pid)
        watch.start()
        output, errors = process.communicate()
        seconds = time.monotonic() - start
        watch.stop()
    if process.returncode:
        raise VoicepackError(f"{' '.join(command)} failed: {(errors.strip().splitlines() or ['no message'])[-1]}")
    return Usage(seconds, watch.most / 1e9, _children_seconds() - before, output)


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class _Watch(threading.Thread):
    """Looks at the memory of a process and its children until it is told to stop."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._root, self._over = psutil.Process(pid), threading.Event()
        self.most = 0

    def run(self) -> None:
        wait = _FIRST
        while not self._over.wait(wait):
            wait = min(2 * wait, _LATER)
            try:
                self.most = max(self.most, sum(map(_memory, [self._root, *self._root.children(recursive=True)])))
            except psutil.NoSuchProcess:
                return

    def stop(self) -> None:
        self._over.set()
        self.join()


def _memory(process: psutil.Process) -> int:
    """Return the bytes of a process, what it shares with others counted in parts, so that a sum counts it once."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:  # it has ended since it was listed
        return 0
