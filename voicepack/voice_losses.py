"""All that training compares of a voice and a recording, in one place, with what each counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import cast

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from voicepack.alignment import AlignedClip
from voicepack.audio import limit_band
from voicepack.clips import Clip
from voicepack.constants import FRAME_SAMPLES, SAMPLE_RATE
from voicepack.kokoro import Kokoro, Prosody, row_of
from voicepack.losses import MelLoss, MelStatisticsLoss, PriorLoss
from voicepack.prosody_losses import DurationLoss, EnergyLoss, F0Loss, F0StatisticsLoss, RateLoss
from voicepack.rows import RowCurve
from voicepack.speaker_loss import SpeakerLoss
from voicepack.timbre import TimbreLoss
from voicepack.voices import VoiceSpace

_NARROW = 7_500  # Hz; recordings at 16 kHz end at 7,800, which is as good as 8,000
_LONG = 12 * SAMPLE_RATE  # samples; the prosody of 30 s keeps 0.22 GB for its gradient, of four such clips 0.9


@dataclass(frozen=True)
class LossWeights:
    """What each loss counts: see voicepack/losses.py, prosody_losses.py, timbre.py and speaker_loss.py."""

    mel: float
    mel_statistics: float
    timbre: float
    speaker: float
    f0: float
    f0_statistics: float
    energy: float
    duration: float
    rate: float
    prior: float


def weighted(losses: Mapping[str, Tensor], weights: LossWeights) -> Tensor:
    """Add up losses by their weights."""
    by_name = asdict(weights)
    return torch.stack([by_name[name] * value for name, value in losses.items()]).sum()


def speaker_heard_in(clips: Iterable[Clip | AlignedClip], weights: LossWeights) -> list[Tensor] | None:
    """Return the recordings `[samples]` that the speaker loss learns its speaker from, none if it does not count."""
    return [clip.audio for clip in clips] if weights.speaker else None


class VoiceLosses:
    """All losses of a voice vector against aligned recordings, by name and unweighted."""

    def __init__(self, kokoro: Kokoro, packs: Mapping[str, Tensor], recordings: Sequence[Tensor] | None = None) -> None:
        """Prepare the losses beside stock `packs`; that of the speaker only if given their recordings `[samples]`."""
        self.kokoro, self.space = kokoro, VoiceSpace.fit(packs).to(kokoro.device)
        rows = RowCurve.fit(packs.values())
        self.rows = RowCurve(**{name: part.to(kokoro.device) for name, part in vars(rows).items()})
        self.mel, self.mel_statistics = MelLoss(), MelStatisticsLoss()
        self.timbre = TimbreLoss().to(kokoro.device)
        self.speaker = SpeakerLoss(recordings).to(kokoro.device) if recordings else None
        self.f0, self.f0_statistics = F0Loss(), F0StatisticsLoss()
        self.energy, self.duration, self.rate = EnergyLoss(), DurationLoss(), RateLoss()
        self.prior = PriorLoss(self.space)

    def of_step(
        self,
        voice: Tensor,
        clips: Sequence[AlignedClip],
        seconds: float,
        generator: torch.Generator,
        seed: int,
        *,
        own_prosody: bool = False,
    ) -> dict[str, Tensor]:
        """Compare `voice` `[1, 256]` with clips: the prosody of all, the sound of the first for `seconds`.

        It speaks with the clip's F0 and energy or, with `own_prosody`, with those that it predicts. Then what hears the
        speaker hears them at the voice's own pitch, and has a gradient to both halves of the vector: by energy and by
        what the decoder makes of F0, not by the pitch of its sine source, which Kokoro computes without one. The
        frame-wise mel loss, which would want the recording's melody back, is noted but has no gradient.
        """
        predicted = [self._predict(voice, clip) for clip in clips]
        values = self._compare_prosody(predicted, clips)
        target = clips[0]
        if own_prosody:
            target = replace(target, f0=predicted[0].f0, energy=predicted[0].energy)
        values |= self.decoder(voice, window(target, seconds, generator), seed)
        if own_prosody:
            values["mel"] = values["mel"].detach()
        return values | {"prior": self.prior(voice)}

    def predictor(self, voice: Tensor, clip: AlignedClip) -> dict[str, Tensor]:
        """Compare durations, F0 and energy of `voice` `[1, 256]` with a clip's. Needs no audio."""
        return self._compare_prosody([self._predict(voice, clip)], [clip])

    def decoder(self, voice: Tensor, clip: AlignedClip, seed: int) -> dict[str, Tensor]:
        """Compare the sound of `voice` `[1, 256]` with a clip, speaking with the clip's durations, F0 and energy."""
        row = self._row(voice, clip)
        return self.sound(self.kokoro.decode(clip.text, clip.frames, clip.f0, clip.energy, row, seed=seed), clip)

    def sound(self, render: Tensor, clip: AlignedClip) -> dict[str, Tensor]:
        """Compare what was spoken, `[samples]`, with a clip that is as long, below the clip's bandwidth."""
        values = {
            "mel": self.mel(render, clip.audio, clip.bandwidth),
            "mel_statistics": self.mel_statistics(render, clip.audio, clip.bandwidth),
        }
        # These hear up to 8 kHz. Of a recording that ends below, they would ask for a voice that does.
        heard = limit_band(render, clip.bandwidth) if clip.bandwidth < _NARROW else render
        values["timbre"] = self.timbre(heard, clip.audio)
        return values | ({"speaker": self.speaker(heard)} if self.speaker else {})

    def _predict(self, voice: Tensor, clip: AlignedClip) -> Prosody:
        """Predict a clip's prosody. What a long clip needs for the gradient is computed again rather than kept."""
        if len(clip.audio) <= _LONG:
            return self.kokoro.predict(clip.text, self._row(voice, clip), frames=clip.frames)
        return cast(
            Prosody,
            checkpoint(self.kokoro.predict, clip.text, self._row(voice, clip), frames=clip.frames, use_reentrant=False),
        )

    def _compare_prosody(self, predicted: Sequence[Prosody], clips: Sequence[AlignedClip]) -> dict[str, Tensor]:
        pairs = list(zip(predicted, clips, strict=True))
        durations, phonemes = [own.durations for own in predicted], [clip.text.phonemes for clip in clips]
        frames = [clip.frames for clip in clips]
        f0 = [self.f0(own.f0, clip.f0) for own, clip in pairs]
        energy = [self.energy(own.energy, clip.energy) for own, clip in pairs]
        duration = [self.duration(*each) for each in zip(durations, frames, phonemes, strict=True)]
        return {
            "f0": torch.stack(f0).mean(),
            "f0_statistics": self.f0_statistics([own.f0 for own in predicted], [clip.f0 for clip in clips]),
            "energy": torch.stack(energy).mean(),
            "duration": torch.stack(duration).mean(),
            "rate": self.rate(durations, frames, phonemes),
        }

    def _row(self, voice: Tensor, clip: AlignedClip) -> Tensor:
        """Return what the pack of `voice` `[1, 256]` will speak a clip's text with, `[1, 256]`."""
        return row_of(self.rows.expand(voice), clip.text.phonemes)


def window(clip: AlignedClip, seconds: float, generator: torch.Generator) -> AlignedClip:
    """Cut a random stretch of `seconds` out of a clip, for the decoder alone: whole frames, the outer phonemes cut."""
    length = int(seconds * SAMPLE_RATE / FRAME_SAMPLES)
    ends = clip.frames.cumsum(0)
    total = int(ends[-1])
    if total <= length:
        return clip
    start = int(torch.randint(total - length + 1, (), generator=generator))
    end = start + length
    frames = ends.clamp(start, end).diff(prepend=torch.tensor([start], device=ends.device))
    hops, samples = slice(2 * start, 2 * end), slice(FRAME_SAMPLES * start, FRAME_SAMPLES * end)
    return AlignedClip(
        clip.name, clip.text, frames, clip.f0[:, hops], clip.energy[:, hops], clip.audio[samples], clip.bandwidth
    )
