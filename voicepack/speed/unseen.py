"""How near a trained voice comes to recordings that it never heard: what two ways to train are compared by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from voicepack.alignment import AlignedClip
from voicepack.likeness import cosine, embed_render
from voicepack.speaker_encoder import SpeakerEncoder
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

    def as_good_as(self, other: Unseen) -> bool:
        """Return whether this is no worse than `other` in any measure."""
        no_larger = (
            self.mel_statistics <= other.mel_statistics,
            self.timbre <= other.timbre,
            self.speaker <= other.speaker,
        )
        return all(no_larger) and self.likeness >= other.likeness
