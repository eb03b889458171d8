"""What training compares in prosody: F0, energy and durations as Kokoro predicts them, and as they were recorded.

Kokoro's predictions say something only where it speaks. Its F0 falls towards 0 where there is no voice, its energy
towards that of digital silence where nothing is said; a recording's tracker finds voice in noise, and a room is never
silent. Compared over a whole clip, such frames outweigh all others: over the voiced frames of a speaker of 230 Hz, the
F0 that Kokoro predicted had a mean of 145 Hz and a spread of .60 nepers; without those where it hears no voice, 188 Hz
and .25.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_VOICED = 60.0  # Hz; lower values of Kokoro's curve lie on its way to and from silence
_PUNCTUATION = ' ;:,.!?—…"()“”'  # of Kokoro's vocabulary
_SPEECH_RANGE = 3.5  # nepers below the loudest hop: what is quieter lies between words


class F0Loss(nn.Module):
    """Mean absolute difference of log F0 where both are voiced: the melody, frame by frame."""

    def forward(self, predicted: Tensor, recorded: Tensor) -> Tensor:
        """Compare F0 curves `[1, 2 F]` in Hz. Returns a scalar in nepers (0.058 is a semitone), 0 without voice."""
        spoken, target = _voiced_in_both(predicted, recorded)
        return (spoken - target).abs().mean() if len(target) else 0 * predicted.sum()


class F0StatisticsLoss(nn.Module):
    """Difference in mean and spread of log F0: how high, how lively. Frame-wise losses alone flatten intonation."""

    def forward(self, predicted: Tensor, recorded: Tensor) -> Tensor:
        """Compare F0 curves `[1, 2 F]` in Hz where both are voiced. Returns a scalar in nepers.

        A clip with fewer than two such frames, such as a whispered one, has no spread: its loss is 0.
        """
        spoken, target = _voiced_in_both(predicted, recorded)
        if len(target) < 2:
            return 0 * predicted.sum()
        return (spoken.mean() - target.mean()).abs() + (spoken.std() - target.std()).abs()


class EnergyLoss(nn.Module):
    """Mean absolute difference of energy curves, less their mean difference, which is the recording's level.

    How quiet a pause is does not count: what lies deeper than speech is the room.
    """

    def forward(self, predicted: Tensor, recorded: Tensor) -> Tensor:
        """Compare energy curves `[1, 2 F]` (log norm of the mel). Returns a scalar."""
        spoken, target = (curve.clamp_min(curve.max().detach() - _SPEECH_RANGE) for curve in (predicted, recorded))
        difference = spoken - target
        return (difference - difference.mean().detach()).abs().mean()


class DurationLoss(nn.Module):
    """Difference of log durations, of each phoneme and of the whole clip.

    Takes the unrounded durations, the only ones with a gradient. The whole counts as much as its parts, because
    warping knows the speaking rate well and single boundaries only roughly.

    Silence around what is said does not count, for trimming decides how long it is in a recording. Kokoro's lies in
    the boundaries, in punctuation and in the last phoneme before it, which holds half a second of it: "door." ends in
    an r of 21 frames and a full stop of 8, of which 3 and 1 are left in a trimmed recording. With those in the sum
    voices learned to speak up to 25 % too fast.
    """

    def forward(self, durations: Tensor, frames: Tensor, phonemes: str) -> Tensor:
        """Compare predicted durations `[T]` of phonemes with recorded ones `[T]`, in frames. A scalar in nepers."""
        said = _said_tokens(phonemes, len(frames))
        spoken, recorded = durations[said], frames[said].float()
        parts = (torch.log1p(spoken) - torch.log1p(recorded)).abs().mean()
        return parts + (spoken.sum() / recorded.sum()).log().abs()


def _said_tokens(phonemes: str, count: int) -> slice:
    """Return which of a text's `count` tokens hold no silence around it: none of its ends, nor the last phoneme."""
    before = len(phonemes) - len(phonemes.lstrip(_PUNCTUATION))
    after = len(phonemes) - len(phonemes.rstrip(_PUNCTUATION)) + 1
    return slice(1 + before, max(2 + before, count - 1 - after))


def _voiced_in_both(predicted: Tensor, recorded: Tensor) -> tuple[Tensor, Tensor]:
    """Return both F0 curves as `[frames]` in nepers, where each says that there is voice."""
    voiced = (predicted.detach() > _VOICED) & (recorded > _VOICED)
    return predicted[voiced].log(), recorded[voiced].log()
