"""The judge: how much one voice sounds like another, by a speaker encoder that nothing is trained with.

No training loss may use this encoder. A voice that was optimised for an encoder satisfies it without sounding alike,
and the number would stop meaning anything; `SpeakerEncoder.embed` therefore carries no gradient. A cosine by itself
says little (two different speakers have .52 here, one speaker with himself .89), so it is always shown between a
floor, the stock voice nearest to the speaker, and a ceiling, other real clips of the speaker.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from voicepack.constants import SAMPLE_RATE
from voicepack.errors import VoicepackError

_ENCODER_RATE = 16_000


class SpeakerEncoder:
    """GE2E (Wan et al. 2018, arXiv:1710.10467) as Resemblyzer trained it: weights in the package, on the CPU."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it imports from scipy.ndimage.morphology
            from resemblyzer import VoiceEncoder

        self._encoder = VoiceEncoder("cpu", verbose=False).eval()

    def embed(self, audio: Tensor) -> Tensor:
        """Embed audio `[samples]` at 24 kHz as a unit vector `[256]`, the same one every time.

        The audio is prepared as Resemblyzer does: levelled to -30 dBFS if quieter, long silences shortened.
        Raises VoicepackError if there is no speech in it.
        """
        from resemblyzer import preprocess_wav
        from torchaudio.functional import resample

        speech = np.zeros(0, np.float32)
        if audio.any():  # the level of pure silence is not a number
            # Resemblyzer detects speech in 16-bit samples, which would wrap around above full scale.
            wave = resample(audio.detach().cpu().float(), SAMPLE_RATE, _ENCODER_RATE).clamp(-1, 1)
            speech = preprocess_wav(wave.numpy())
        if not len(speech):
            raise VoicepackError(
                f"no speech in {len(audio) / SAMPLE_RATE:.1f} s of audio, so no voice to compare. Leave the clip out."
            )
        return torch.from_numpy(self._encoder.embed_utterance(speech))


def cosine(a: Tensor, b: Tensor) -> float:
    """Return the cosine of two embeddings `[256]`."""
    return float(torch.nn.functional.cosine_similarity(a, b, dim=0))


def speaker_embedding(embeddings: Sequence[Tensor]) -> Tensor:
    """Return the embedding of a speaker `[256]`: the mean of those of his clips, brought back to unit length."""
    return torch.nn.functional.normalize(torch.stack(list(embeddings)).mean(0), dim=0)


def nearest_voice(speakers: Mapping[str, Tensor], reference: Tensor) -> str:
    """Return the stock voice whose speaker embedding `[256]` is nearest to the reference `[256]`."""
    return max(sorted(speakers), key=lambda name: cosine(speakers[name], reference))


def normalised_likeness(value: float, floor: float, ceiling: float) -> float:
    """Place a cosine on the scale where the floor (nearest stock voice) is 0 and the ceiling (real clips) is 1.

    It may lie outside: below 0 the nearest stock voice would have done better. Raises ValueError unless the ceiling
    is above the floor: then the encoder cannot tell the speaker from a stock voice and there is no scale.
    """
    if not ceiling > floor:
        raise ValueError(f"the ceiling {ceiling:.3f} is not above the floor {floor:.3f}, so there is no scale")
    return (value - floor) / (ceiling - floor)
