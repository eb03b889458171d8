"""Reading a voice vector off recordings with both readers: the style encoders and the statistics reader."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from voicepack.constants import HALVES, SAMPLE_RATE
from voicepack.files import read_tensors
from voicepack.projection import Projection, load_projection
from voicepack.reader import StatisticsReader
from voicepack.statistics import voice_statistics
from voicepack.style_encoder import StyleEncoders, build_style_encoder

# Of 0, 0.15, 0.3, 0.5 and 0.7, on clean and damaged clips of held-out voices: for the acoustic half 0 is best by a
# little, for the prosodic half 0.5 and 0.7. Some of the style encoders stays, for recordings unlike the rendered ones.
_STYLE_SHARES = (0.2, 0.5)
_LONGEST_PIECE = 5.0  # seconds; the readers were trained on clips of 1.5 to 4.5 s


@dataclass(frozen=True)
class VoiceReader:
    """Reads clips, float `[samples]` at 24 kHz, a second or longer, to voice vectors `[256]`."""

    encoders: StyleEncoders
    projection: Projection | None  # from the encoders' styles to voice vectors, unless they read voice vectors
    statistics: StatisticsReader

    @classmethod
    def load(cls, models: Path) -> VoiceReader:
        """Load them from the project's `models` folder. Raises VoicepackError if one is missing.

        Encoders that were trained on speech rendered by Kokoro read Kokoro's own space and say by which weights; the
        styles of others, such as StyleTTS2's own, need the projection.
        """
        path = models / "style_encoder.safetensors"
        tensors, about = read_tensors(path)
        encoders = build_style_encoder(tensors, str(path))
        projection = None if "weights_sha256" in about else load_projection(models / "prior.safetensors")
        return cls(encoders, projection, StatisticsReader.load(models / "reader.safetensors"))

    @property
    def mean_voice(self) -> Tensor:
        """The mean `[256]` of the voices that the readers were fitted on: what is read where nothing is heard."""
        return self.statistics.centre

    def read(self, clip: Tensor) -> Tensor:
        """Read a clip `[samples]` with both, `[256]`. Raises VoicepackError if it is shorter than a second."""
        return blend(self.read_style(clip), self.read_statistics(clip))

    def read_style(self, clip: Tensor) -> Tensor:
        """Read a clip `[samples]` with the style encoders alone, `[256]`."""
        style = self.encoders.encode(cut(clip)).mean(0, keepdim=True)
        if self.projection is not None:
            with torch.no_grad():
                style = self.projection(style)
        return style[0]

    def read_statistics(self, clip: Tensor) -> Tensor:
        """Read a clip `[samples]` with the statistics reader alone, `[256]`."""
        return self.statistics.read(torch.stack([voice_statistics(piece) for piece in cut(clip)])).mean(0)

    def voice(self, clips: Iterable[Tensor]) -> Tensor:
        """Read clips of one speaker, one after the other, to a voice vector `[256]`."""
        lengths, vectors = zip(*((len(clip), self.read(clip)) for clip in clips), strict=True)
        return mean_by_length(vectors, lengths)


def mean_by_length(vectors: Sequence[Tensor], samples: Sequence[int]) -> Tensor:
    """Return the mean `[256]` of what was read in clips, each of which counts by its length."""
    weights = torch.tensor(samples, dtype=torch.float32)
    return (weights / weights.sum()) @ torch.stack(list(vectors))


def blend(style: Tensor, statistics: Tensor) -> Tensor:
    """Weigh what both readers read, `[…, 256]` each, half by half."""
    halves = [
        torch.lerp(statistics[..., half], style[..., half], share)
        for half, share in zip(HALVES, _STYLE_SHARES, strict=True)
    ]
    return torch.cat(halves, dim=-1)


def cut(clip: Tensor) -> list[Tensor]:
    """Cut a clip `[samples]` into equal pieces of at most 5 s, so that memory does not grow with its length."""
    count = max(-(-len(clip) // int(_LONGEST_PIECE * SAMPLE_RATE)), 1)
    return list(clip.tensor_split(count))
