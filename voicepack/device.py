"""Where Kokoro computes, and in what."""

from __future__ import annotations

from typing import Literal

import torch
from accelerate import Accelerator

from voicepack.errors import VoicepackError

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "float32", "bfloat16"]


def resolve_device(wanted: Device) -> torch.device:
    """Return the device to train on; `auto` takes the best that Accelerate finds.

    Raises VoicepackError for one that is not there.
    """
    if wanted in ("auto", "cpu"):
        return Accelerator(cpu=wanted == "cpu").device
    there = torch.cuda.is_available() if wanted == "cuda" else torch.backends.mps.is_available()
    if not there:
        raise VoicepackError(f"train.device is '{wanted}', but PyTorch finds no such device. Use auto or cpu.")
    return torch.device(wanted)


def resolve_precision(wanted: Precision, device: torch.device) -> torch.dtype:
    """Return what the decoder computes in; `auto` is bfloat16 where the device multiplies it faster than float32."""
    if wanted != "auto":
        return torch.bfloat16 if wanted == "bfloat16" else torch.float32
    if device.type == "cuda":
        faster = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        processor = torch.cpu.get_capabilities() if device.type == "cpu" else {}
        faster = bool(processor.get("avx512_bf16") or processor.get("amx_bf16"))
    return torch.bfloat16 if faster else torch.float32
