"""Tensors out of a model file of CTranslate2, which packages ship where PyTorch's own would be larger."""

from __future__ import annotations

import struct
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from voicepack.errors import VoicepackError

# By the file's code of a type; 4 is float16, which Whisper's convolutions are kept in.
_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def read_ctranslate2(path: Path, names: Collection[str]) -> dict[str, Tensor]:
    """Return tensors by name, as they are stored. Raises VoicepackError if one of `names` is not in the file.

    The layout is that of `ModelSpec._serialize` in CTranslate2's converters: version, name and revision of the
    model, then for each variable its name, its shape, a code of its type, its size in bytes and the bytes.
    """
    found = {}
    with path.open("rb") as file:
        _unpack(file, "I")
        _string(file)
        _, count = _unpack(file, "II")
        for _ in range(count):
            name = _string(file)
            (rank,) = _unpack(file, "B")
            shape = _unpack(file, f"{rank}I")
            kind, size = _unpack(file, "<BI")
            data = file.read(size)
            if name in names:
                found[name] = torch.from_numpy(np.frombuffer(data, _TYPES[kind]).reshape(shape).copy())
    missing = sorted(set(names) - set(found))
    if missing:
        raise VoicepackError(f"{path}: no tensor '{missing[0]}'. It is the model of another version; run `make setup`.")
    return found


def _unpack(file: BinaryIO, layout: str) -> tuple[int, ...]:
    layout = layout if layout.startswith("<") else f"<{layout}"
    return struct.unpack(layout, file.read(struct.calcsize(layout)))


def _string(file: BinaryIO) -> str:
    (length,) = _unpack(file, "H")
    return file.read(length).rstrip(b"\0").decode()
