"""Where Kokoro computes, and in what."""

from __future__ import annotations

from typing import Literal

import torch
from accelerate import Accelerator

from voicepack.errors import VoicepackError
from voicepack.processes import core_share

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "float32", "bfloat16"]

# Of a GPU: CUDA's own, Kokoro, and a long sentence. Eight workers beside a training took 13 GB of an H200.
_BYTES_A_SPEAKER = 2 * 10**9


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


def speaking_device() -> torch.device:
    """Return where renders are spoken to be heard: on a CUDA GPU that Accelerate finds, else on the processor.

    ACCELERATE_USE_CPU=1 keeps them on the processor, CUDA_VISIBLE_DEVICES chooses among GPUs.
    """
    device = resolve_device("auto")
    return device if device.type == "cuda" else torch.device("cpu")


def speakers_at_once(device: torch.device) -> int:
    """Return how many workers speak on a device: one per core of this process, on a GPU only what it has room for."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return max(1, min(core_share(), free // _BYTES_A_SPEAKER))
    return core_share() if device.type == "cpu" else 1


def resolve_precision(wanted: Precision, device: torch.device) -> torch.dtype:
    """Return what the decoder computes in; `auto` is bfloat16 where that makes a step of training faster.

    On a GPU it does not, although the GPU multiplies faster in it: starting its kernels is what takes the time
    (docs/gpu.md).
    """
    if wanted != "auto":
        return torch.bfloat16 if wanted == "bfloat16" else torch.float32
    processor = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    faster = processor.get("avx512_bf16") or processor.get("amx_bf16")
    return torch.bfloat16 if faster else torch.float32
