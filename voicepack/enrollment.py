"""A voice pack from recordings, without training.

Two readers hear every recording, the style encoders and the statistics reader, and err differently: a voice is a
weighted mean of what they read, over all recordings. The pack lies half-way between that voice and the stock voice
that sounds most like the recordings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from voicepack.audio import read_audio, set_level
from voicepack.constants import SHORTEST_SECONDS
from voicepack.errors import VoicepackError
from voicepack.files import read_tensors
from voicepack.likeness import nearest_voice, speaker_embedding
from voicepack.rows import RowCurve
from voicepack.speaker_encoder import SpeakerEncoder, load_speaker_encoder
from voicepack.usable import UnusableError, checked_recording, speech_in
from voicepack.voice_reader import VoiceReader

# Least squares pulls what is read towards the mean voice: it lies half as far from it as stock voices do.
_SHARPENING = 1.4
_STOCK_SHARE = 0.5
_LEVEL_DB = -24.0  # of the speech, at which Kokoro's stock voices speak


@dataclass(frozen=True)
class Enroller:
    """Makes packs from clips of one speaker, float `[samples]` at 24 kHz each, a second or longer."""

    voices: VoiceReader
    rows: RowCurve
    stock_packs: Mapping[str, Tensor]
    stock_speakers: Mapping[str, Tensor]  # speaker embeddings by name
    speaker_encoder: SpeakerEncoder

    @classmethod
    def load(cls, models: Path = Path("models")) -> Enroller:
        """Load the networks from the project's `models` folder. Raises VoicepackError if one is missing."""
        packs, _ = read_tensors(models / "stock_voices.safetensors")
        speakers, about = read_tensors(models / "stock_speakers.safetensors")
        encoder = load_speaker_encoder(about["judge"])
        return cls(VoiceReader.load(models), RowCurve.fit(packs.values()), packs, speakers, encoder)

    def enroll(self, clips: Sequence[Tensor]) -> Tensor:
        """Make a pack `[510, 1, 256]`.

        The stock voice is chosen by the speaker encoder that also judges likeness, as embedded in `stock_speakers`. The
        floor of that measure is chosen by the sentences that are judged, and may be another.
        """
        embedding = speaker_embedding([self.speaker_encoder.embed(clip) for clip in clips])
        stock = self.stock_packs[nearest_voice(self.stock_speakers, embedding)]
        return torch.lerp(self.read_pack(clips), stock, _STOCK_SHARE)

    def read_pack(self, clips: Sequence[Tensor]) -> Tensor:
        """Make a pack `[510, 1, 256]` of what is read alone, without a stock voice."""
        mean_voice = self.voices.mean_voice
        return self.rows.expand(torch.lerp(mean_voice, self.voices.voice(clips), _SHARPENING))


def read_recording(path: Path) -> Tensor:
    """Read a recording for enrolment: speech at the level that Kokoro knows, without the silence around it.

    Raises VoicepackError if it is missing, not audio, or cannot be used, as `prepare` would find.
    """
    try:
        speech = speech_in(checked_recording(read_audio(path)), SHORTEST_SECONDS)
    except UnusableError as unusable:
        raise VoicepackError(f"{path}: {unusable}. Leave it out, or record it again.") from None
    return set_level(speech, _LEVEL_DB)


def enroll(recordings: Sequence[Path], models: Path = Path("models")) -> Tensor:
    """Make a pack `[510, 1, 256]` from recordings of one speaker, each a second or longer."""
    return Enroller.load(models).enroll([read_recording(path) for path in recordings])
