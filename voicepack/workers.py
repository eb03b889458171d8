"""Work spread over the cores, in processes of one thread each.

Small networks on short clips gain little from a second thread, and what one thread computes is the same to the bit on
any number of cores, where the order of sums in several threads is not.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import torch

from voicepack.errors import VoicepackError

Tools = TypeVar("Tools")
Item = TypeVar("Item")
Result = TypeVar("Result")

_tools: dict[str, Any] = {}  # of this worker, made once


class Workers(Generic[Tools]):
    """Processes of one thread. Each loads its own tools once, by `load()`, and gets them with every item."""

    def __init__(self, load: Callable[[], Tools], count: int) -> None:
        """Start `count` workers."""
        # Spawned, not forked: a fork would inherit the locks of whatever threads ran before.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(count, context, initializer=_start, initargs=(load, list(warnings.filters)))
        for _ in range(count):  # each call of nothing starts one: they load while their work is got ready
            self._pool.submit(int)

    def map(self, work: Callable[[Tools, Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield `work(tools, item)` for every item, in order; the first error ends it.

        Raises VoicepackError if a worker dies.
        """
        results: deque[Future[Result]] = deque()
        try:
            results.extend(self._pool.submit(_call, (work, item)) for item in items)
            while results:
                yield results.popleft().result()
        except BrokenProcessPool:
            # Not to be cancelled, as the pool's own `map` does: its thread is giving each of them this error, stumbles
            # over one that is cancelled, and leaves the other workers to be waited for for ever (Python 3.11).
            results.clear()
            raise VoicepackError(
                "a worker was ended from outside, as the system does when memory runs out (2 GB a core are needed)."
            ) from None
        finally:
            for result in results:
                result.cancel()

    def __enter__(self) -> Workers[Tools]:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)


def _start(load: Callable[[], Any], silenced: Any) -> None:
    _keep_descriptors()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cast(list[Any], warnings.filters)[:] = silenced  # what the parent does not want to hear of
    os.environ["OMP_NUM_THREADS"] = "1"  # for libraries with threads of their own
    torch.set_num_threads(1)
    torch.multiprocessing.set_sharing_strategy("file_system")  # many small tensors come back: no descriptor for each
    try:
        _tools["loaded"] = load()
    except Exception as error:  # raised here, it would only be said that a worker died
        _tools["error"] = error


def _keep_descriptors() -> None:
    """Hand no open descriptor on to other programs.

    By one of them the parent sees that this worker died. Torch's manager of shared memory, which outlives it, would
    keep that open, and the parent would wait for ever.
    """
    for descriptor in [int(path.name) for path in Path("/dev/fd").iterdir()]:
        if descriptor > 2:
            with contextlib.suppress(OSError):  # the one of the listing itself, closed by now
                os.set_inheritable(descriptor, False)


def _end_with_parent() -> None:
    """End this worker when the process that started it is gone, killed perhaps; it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _call(task: tuple[Callable[[Any, Any], Any], Any]) -> Any:
    work, item = task
    if "error" in _tools:
        raise _tools["error"]
    return work(_tools["loaded"], item)
