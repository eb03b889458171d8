"""A voice pack from recordings, without training.

Two readers hear every recording, the style encoders and the statistics reader, and err differently: a voice is the
mean of what they read, over all recordings. The row curve makes a pack of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from voicepack.audio import read_audio, set_level, speech_level, trim_silence
from voicepack.constants import SAMPLE_RATE
from voicepack.errors import VoicepackError
from voicepack.files import read_tensors
from voicepack.reader import StatisticsReader
from voicepack.rows import RowCurve
from voicepack.statistics import voice_statistics
from voicepack.style_encoder import SHORTEST_SECONDS, StyleEncoders, load_style_encoder

_LONGEST_PIECE = 5.0  # seconds; the readers were trained on clips of 1.5 to 4.5 s
_LEVEL_DB = -24.0  # of the speech, at which Kokoro's stock voices speak
_SILENCE_DB = -60.0


@dataclass(frozen=True)
class Enroller:
    """Makes packs from clips, float `[samples]` at 24 kHz each, a second or longer."""

    encoders: StyleEncoders
    reader: StatisticsReader
    rows: RowCurve

    @classmethod
    def load(cls, models: Path = Path("models")) -> Enroller:
        """Load the networks from the project's `models` folder. Raises VoicepackError if one is missing."""
        packs, _ = read_tensors(models / "stock_voices.safetensors")
        encoders = load_style_encoder(models / "style_encoder.safetensors")
        return cls(encoders, StatisticsReader.load(models / "reader.safetensors"), RowCurve.fit(packs.values()))

    def read(self, clips: Sequence[Tensor]) -> Tensor:
        """Read each clip to a voice vector, `[N, 256]`. Raises VoicepackError for a clip shorter than a second."""
        return torch.stack([(self.read_styles(clip) + self.read_statistics(clip)) / 2 for clip in clips])

    def voice(self, clips: Sequence[Tensor]) -> Tensor:
        """Read clips of one speaker to a voice vector `[256]`. A clip counts by its length."""
        lengths = torch.tensor([float(len(clip)) for clip in clips])
        return (lengths / lengths.sum()) @ self.read(clips)

    def enroll(self, clips: Sequence[Tensor]) -> Tensor:
        """Make a pack `[510, 1, 256]` from clips of one speaker."""
        return self.rows.expand(self.voice(clips))

    def read_styles(self, clip: Tensor) -> Tensor:
        """Read a clip `[samples]` with the style encoders alone, `[256]`."""
        return self.encoders.encode(cut(clip)).mean(0)

    def read_statistics(self, clip: Tensor) -> Tensor:
        """Read a clip `[samples]` with the statistics reader alone, `[256]`."""
        return self.reader.read(torch.stack([voice_statistics(piece) for piece in cut(clip)])).mean(0)


def cut(clip: Tensor) -> list[Tensor]:
    """Cut a clip `[samples]` into equal pieces of at most 5 s, so that memory does not grow with its length."""
    count = max(-(-len(clip) // int(_LONGEST_PIECE * SAMPLE_RATE)), 1)
    return list(clip.tensor_split(count))


def read_recording(path: Path) -> Tensor:
    """Read a recording for enrolment: speech at the level that Kokoro knows, without the silence around it.

    Raises VoicepackError if it is missing, not audio, silent, or holds less than a second of speech.
    """
    audio = read_audio(path)
    if not len(audio) or not audio.isfinite().all() or speech_level(audio) < _SILENCE_DB:
        raise VoicepackError(f"{path}: no speech in it. Leave it out, or record it again.")
    speech = trim_silence(audio)
    if len(speech) < SHORTEST_SECONDS * SAMPLE_RATE:
        raise VoicepackError(
            f"{path}: {len(speech) / SAMPLE_RATE:.2f} s of speech, {SHORTEST_SECONDS:g} s are needed. Record more."
        )
    return set_level(speech, _LEVEL_DB)


def enroll(recordings: Sequence[Path], models: Path = Path("models")) -> Tensor:
    """Make a pack `[510, 1, 256]` from recordings of one speaker, each a second or longer."""
    return Enroller.load(models).enroll([read_recording(path) for path in recordings])
