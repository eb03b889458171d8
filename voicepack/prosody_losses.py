"""What training compares in prosody: F0, energy and durations as Kokoro predicts them, and as they were recorded.

Kokoro's predictions say something only where it speaks. Its F0 falls towards 0 where there is no voice, its energy
towards that of digital silence where nothing is said; a recording's tracker finds voice in noise, and a room is never
silent. Compared over a whole clip, such frames outweigh all others: over the voiced frames of a speaker of 230 Hz, the
F0 that Kokoro predicted had a mean of 145 Hz and a spread of .60 nepers; without those where it hears no voice, 188 Hz
and .25.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

VOICED = 60.0  # Hz; lower values of Kokoro's curve lie on its way to and from silence
_PUNCTUATION = ' ;:,.!?—…"()“”'  # of Kokoro's vocabulary
_SPEECH_RANGE = 3.5  # nepers of power, 15 dB below the loudest hop: half of what is said, and no room


class F0Loss(nn.Module):
    """Mean absolute difference of log F0 where both are voiced: the melody, frame by frame."""

    def forward(self, predicted: Tensor, recorded: Tensor) -> Tensor:
        """Compare F0 curves `[1, 2 F]` in Hz. Returns a scalar in nepers (0.058 is a semitone), 0 without voice."""
        spoken, target = _voiced_in_both(predicted, recorded)
        return (spoken - target).abs().mean() if len(target) else 0 * predicted.sum()


class F0StatisticsLoss(nn.Module):
    """Difference in mean and spread of log F0: how high, how lively. Frame-wise losses alone flatten intonation.

    Over several clips together: a speaker of 230 Hz says one clip at 190 and the next at 255, for reasons that no voice
    vector knows. Clip by clip such differences hide that all together are too high.
    """

    def forward(self, predicted: Sequence[Tensor], recorded: Sequence[Tensor]) -> Tensor:
        """Compare the F0 curves `[1, 2 F]` in Hz of clips, where both are voiced. Returns a scalar in nepers.

        A clip with fewer than two such frames, such as a whispered one, has no spread and does not count; the loss is
        0 if that is true of all.
        """
        pairs = [_voiced_in_both(*curves) for curves in zip(predicted, recorded, strict=True)]
        pairs = [pair for pair in pairs if len(pair[0]) > 1]
        if not pairs:
            return 0 * torch.cat([curve.reshape(-1) for curve in predicted]).sum()
        counts = torch.tensor([float(len(spoken)) for spoken, _ in pairs], device=pairs[0][0].device)
        means = torch.stack([spoken.mean() - target.mean() for spoken, target in pairs])
        spreads = torch.stack([spoken.std() - target.std() for spoken, target in pairs])
        return ((means @ counts).abs() + (spreads @ counts).abs()) / counts.sum()


class EnergyLoss(nn.Module):
    """Mean absolute difference of energy curves, less their mean difference, which is the recording's level.

    How quiet a pause is does not count, nor how quiet soft sounds are: 15 dB below the loudest may be the room.
    """

    def forward(self, predicted: Tensor, recorded: Tensor) -> Tensor:
        """Compare energy curves `[1, 2 F]` (log norm of the mel). Returns a scalar."""
        curves = (curve - curve.mean() for curve in (predicted, recorded))
        spoken, target = (curve.clamp_min(curve.max().detach() - _SPEECH_RANGE) for curve in curves)
        difference = spoken - target
        return (difference - difference.mean()).abs().mean()


class DurationLoss(nn.Module):
    """Difference of log durations, phoneme by phoneme: which are long, which short.

    Silence around what is said does not count, for trimming decides how long it is in a recording. Kokoro's lies in
    the boundaries, in punctuation and in the last phoneme before it, which holds half a second of it: "door." ends in
    an r of 21 frames and a full stop of 8, of which 3 and 1 are left in a trimmed recording. With those in the sum
    voices learned to speak up to 25 % too fast.
    """

    def forward(self, durations: Tensor, frames: Tensor, phonemes: str) -> Tensor:
        """Compare durations `[T]` as predicted, unrounded, with those recorded, in frames. Returns a scalar in nepers.

        The unrounded ones are the only ones with a gradient.
        """
        said = _said_tokens(phonemes, len(frames))
        return (torch.log1p(durations[said]) - torch.log1p(frames[said].float())).abs().mean()


class RateLoss(nn.Module):
    """Difference in how fast is spoken, over several clips together.

    By itself, because warping knows the speaking rate well and single boundaries only roughly, and because the
    differences of single phonemes are least for a voice that is too fast: a few recorded ones are very long. Together,
    because a speaker is 20 % faster in one clip than in another, which no voice vector knows.
    """

    def forward(self, durations: Sequence[Tensor], frames: Sequence[Tensor], phonemes: Sequence[str]) -> Tensor:
        """Compare the sums of what DurationLoss compares of each clip. Returns a scalar in nepers."""
        said = [_said_tokens(text, len(recorded)) for text, recorded in zip(phonemes, frames, strict=True)]
        spoken, recorded = (
            torch.cat([each[tokens] for each, tokens in zip(every, said, strict=True)]).sum()
            for every in (durations, frames)
        )
        return (spoken / recorded).log().abs()


def _said_tokens(phonemes: str, count: int) -> slice:
    """Return which of a text's `count` tokens hold no silence around it: none of its ends, nor the last phoneme."""
    before = len(phonemes) - len(phonemes.lstrip(_PUNCTUATION))
    after = len(phonemes) - len(phonemes.rstrip(_PUNCTUATION)) + 1
    return slice(1 + before, max(2 + before, count - 1 - after))


def _voiced_in_both(predicted: Tensor, recorded: Tensor) -> tuple[Tensor, Tensor]:
    """Return both F0 curves as `[frames]` in nepers, where each says that there is voice."""
    voiced = (predicted.detach() > VOICED) & (recorded > VOICED)
    return predicted[voiced].log(), recorded[voiced].log()
