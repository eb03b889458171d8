"""The voice pack: what any Kokoro program loads. A float32 tensor `[510, 1, 256]`, row n-1 for n phonemes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from voicepack.errors import VoicepackError, naming
from voicepack.files import NOT_SAVED_BY_TORCH, write_tensors, written_whole
from voicepack.rows import ROWS

SHAPE = (ROWS, 1, 256)


@dataclass(frozen=True)
class VoicePack:
    """A checked pack and where it comes from (speaker, licence, consent, data, weights)."""

    tensor: Tensor
    metadata: Mapping[str, str]

    def __post_init__(self) -> None:
        """Raise VoicepackError unless the tensor is `[510, 1, 256]`, float32 and finite."""
        if tuple(self.tensor.shape) != SHAPE or self.tensor.dtype != torch.float32:
            raise VoicepackError(
                f"a voice pack is float32 {list(SHAPE)}, this one is {self.tensor.dtype} {list(self.tensor.shape)}."
            )
        if not self.tensor.isfinite().all():
            raise VoicepackError("a voice pack must be finite, this one has NaN or infinity in it.")

    def save(self, path: Path) -> None:
        """Write `path`, the `.pt` for KPipeline; beside it `.safetensors` with metadata and `.npz` for kokoro-onnx."""
        # A clone, because torch.save would write the whole storage behind a slice.
        tensor = self.tensor.detach().cpu().contiguous().clone()
        # Written under its own name in its own folder: the bytes of torch.save depend on the file's stem.
        with written_whole(path) as temporary, temporary.open("wb") as file:
            torch.save(tensor, file)
        write_tensors(path.with_suffix(".safetensors"), {"voice": tensor}, self.metadata)
        array = io.BytesIO()
        np.lib.format.write_array(array, onnx_rows(tensor).numpy(), allow_pickle=False)
        with written_whole(path.with_suffix(".npz")) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            # Not by numpy.savez, whose bytes differ between releases of Python 3.11.
            archive.writestr(zipfile.ZipInfo(f"{path.stem}.npy"), array.getvalue())


def load_pack(path: Path) -> Tensor:
    """Load a pack `[510, 1, 256]` from a `.pt` file. Raises VoicepackError if it holds anything else, or is missing."""
    try:
        tensor = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise VoicepackError(f"{path}: no such file.") from None
    except NOT_SAVED_BY_TORCH:
        raise VoicepackError(f"{path}: not a voice pack (a tensor saved by torch.save).") from None
    if not isinstance(tensor, Tensor):
        raise VoicepackError(f"{path}: not a voice pack but a {type(tensor).__name__}.")
    with naming(path):
        return VoicePack(tensor.float(), {}).tensor


def onnx_rows(pack: Tensor) -> Tensor:
    """Shift a pack by one row for kokoro-onnx, which takes row n where PyTorch takes row n-1 for n phonemes."""
    return torch.cat([pack[:1], pack[:-1]])
