"""How Kokoro's parameters are kept on disk: int8 with a scale where the source was int8, float32 elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

MODEL_FILE, CONFIG_FILE = "model.safetensors", "config.json"
SCALE, ZERO_POINT = ".scale", ".zero_point"


def dequantise(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Turn stored tensors into a float32 state dict: `(quantised - zero_point) * scale`, which is exact."""
    return {
        # In place: new memory would cost more than the arithmetic.
        name: value.float().sub_(tensors[name + ZERO_POINT].float()).mul_(tensors[name + SCALE])
        if name + SCALE in tensors
        else value.float()
        for name, value in tensors.items()
        if not name.endswith((SCALE, ZERO_POINT))
    }
