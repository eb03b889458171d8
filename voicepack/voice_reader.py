"""Reading a voice vector off recordings with both readers: the style encoders and the statistics reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from voicepack.constants import SAMPLE_RATE
from voicepack.reader import StatisticsReader
from voicepack.statistics import voice_statistics
from voicepack.style_encoder import StyleEncoders, load_style_encoder

_LONGEST_PIECE = 5.0  # seconds; the readers were trained on clips of 1.5 to 4.5 s


@dataclass(frozen=True)
class VoiceReader:
    """Reads clips, float `[samples]` at 24 kHz, a second or longer, to voice vectors `[256]`."""

    encoders: StyleEncoders
    statistics: StatisticsReader

    @classmethod
    def load(cls, models: Path) -> VoiceReader:
        """Load both from the project's `models` folder. Raises VoicepackError if one is missing."""
        encoders = load_style_encoder(models / "style_encoder.safetensors")
        return cls(encoders, StatisticsReader.load(models / "reader.safetensors"))

    @property
    def mean_voice(self) -> Tensor:
        """The mean `[256]` of the voices that the readers were fitted on: what is read where nothing is heard."""
        return self.statistics.centre

    def read(self, clip: Tensor) -> Tensor:
        """Read a clip `[samples]` with both, `[256]`. Raises VoicepackError if it is shorter than a second."""
        return (self.read_style(clip) + self.read_statistics(clip)) / 2

    def read_style(self, clip: Tensor) -> Tensor:
        """Read a clip `[samples]` with the style encoders alone, `[256]`."""
        return self.encoders.encode(cut(clip)).mean(0)

    def read_statistics(self, clip: Tensor) -> Tensor:
        """Read a clip `[samples]` with the statistics reader alone, `[256]`."""
        return self.statistics.read(torch.stack([voice_statistics(piece) for piece in cut(clip)])).mean(0)

    def voice(self, clips: Sequence[Tensor]) -> Tensor:
        """Read clips of one speaker to a voice vector `[256]`. A clip counts by its length."""
        lengths = torch.tensor([float(len(clip)) for clip in clips])
        return (lengths / lengths.sum()) @ torch.stack([self.read(clip) for clip in clips])


def cut(clip: Tensor) -> list[Tensor]:
    """Cut a clip `[samples]` into equal pieces of at most 5 s, so that memory does not grow with its length."""
    count = max(-(-len(clip) // int(_LONGEST_PIECE * SAMPLE_RATE)), 1)
    return list(clip.tensor_split(count))
