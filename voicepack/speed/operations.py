"""What a computation needs at least: its operations and bytes, and the rates at which this machine can do them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from voicepack.speed.timing import now


@dataclass(frozen=True)
class Rates:
    """What a device reaches at best."""

    operations: float  # floating-point operations a second
    bytes: float  # bytes moved a second


class Roofline(TorchDispatchMode):
    """Counts what is done inside the block and how long it would take at a machine's best rates.

    Every kernel takes at least the longer of its operations and of reading its inputs and writing its outputs once
    (S. Williams et al. 2009, "Roofline"). A program that fused kernels could move fewer bytes: `operations` alone at
    the best rate is the floor of such a one.
    """

    def __init__(self, rates: Rates) -> None:
        super().__init__()
        self.rates = rates
        self.operations = 0.0
        self.bytes = 0.0
        self.seconds = 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        count = flop_registry.get(func.overloadpacket)
        operations = float(count(*args, **kwargs, out_val=result)) if count else 0.0
        moved = 0 if func.is_view else sum(map(_size, tree_leaves((args, kwargs, result))))
        self.operations += operations
        self.bytes += moved
        self.seconds += max(operations / self.rates.operations, moved / self.rates.bytes)
        return result


def best_rates(device: torch.device, precision: torch.dtype = torch.float32) -> Rates:
    """Measure the rates of a device: products of large matrices in `precision`, sums of large vectors in float32."""
    size, length = (8192, 1 << 28) if device.type == "cuda" else (2048, 1 << 26)  # enough to fill it
    a, b = torch.rand(2, size, size, device=device).to(precision)
    x, y = torch.rand(2, length, device=device)
    total = torch.empty_like(x)
    return Rates(
        operations=2 * size**3 / _best_seconds(lambda: a @ b, device),
        bytes=3 * x.nbytes / _best_seconds(lambda: torch.add(x, y, out=total), device),
    )


def _best_seconds(work: Callable[[], object], device: torch.device, runs: int = 8) -> float:
    seconds = []
    for _ in range(runs):
        start = now(device)
        work()
        seconds.append(now(device) - start)
    return min(seconds)


def _size(value: object) -> int:
    return value.nbytes if isinstance(value, Tensor) else 0
