"""Two trainings from the same start: what each takes, and how near to recordings it never heard it comes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from voicepack.alignment import AlignedClip
from voicepack.likeness import cosine, embed_render
from voicepack.projection import Projection
from voicepack.speaker_encoder import SpeakerEncoder
from voicepack.training import VoiceTraining, train_voice
from voicepack.voice_losses import VoiceLosses


@dataclass(frozen=True)
class Unseen:
    """How a voice compares with recordings that it was not trained on, speaking their texts as it likes."""

    mel_statistics: float
    timbre: float
    speaker: float  # 0 without a speaker loss
    likeness: float  # cosine, by the judge

    @classmethod
    @torch.no_grad()
    def of(
        cls,
        losses: VoiceLosses,
        voice: Tensor,
        clips: Sequence[AlignedClip],
        judge: SpeakerEncoder,
        reference: Tensor,
    ) -> Unseen:
        """Speak the texts of `clips` with `voice` `[256]`; `reference` `[D]` is the speaker's embedding."""
        pack = losses.rows.expand(voice)
        renders = [losses.kokoro.render(clip.text.phonemes, pack) for clip in clips]
        pairs = list(zip(renders, clips, strict=True))
        return cls(
            fmean(float(losses.mel_statistics(render, clip.audio, clip.bandwidth)) for render, clip in pairs),
            fmean(float(losses.timbre(render, clip.audio)) for render, clip in pairs),
            fmean(float(losses.speaker(render)) for render in renders) if losses.speaker else 0.0,
            fmean(cosine(embed_render(judge, render), reference) for render in renders),
        )


def timed_training(
    losses: VoiceLosses,
    clips: Sequence[AlignedClip],
    style: Tensor,
    projection: Projection,
    start: Tensor,
    settings: VoiceTraining,
) -> tuple[Tensor, float]:
    """Train as `train_voice` does; return the voice vector `[256]` and the seconds that it took."""
    with tempfile.TemporaryDirectory() as checkpoints:
        began = time.perf_counter()
        trained = train_voice(
            losses, clips, style, deepcopy(projection), start, settings, lambda *_: None, Path(checkpoints)
        )
        seconds = time.perf_counter() - began
    with torch.no_grad():
        return trained(style[None])[0], seconds
