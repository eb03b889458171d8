"""What training compares in sound: spectra, and how far a voice is from those Kokoro knows.

Each loss is one idea; its weight stands under the same name in params.yaml. What is compared in prosody is in
voicepack/prosody_losses.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from voicepack.audio import at_one_level
from voicepack.mel import band_centres, log_mel
from voicepack.voices import VoiceSpace

# (n_fft, bands): short windows see onsets, long ones see harmonics.
RESOLUTIONS = ((512, 40), (1024, 60), (2048, 80))
_RANGE = 11.5  # natural log of power, 50 dB: what lies deeper below the loudest is noise, not voice


class MelLoss(nn.Module):
    """Mean absolute difference of log-mel spectrograms, frame by frame, at three resolutions.

    Only bands below the recording's real bandwidth count: above it there is nothing to learn but its absence. A
    difference in overall level does not count either; it is the recordist's, not the voice's.
    """

    def forward(self, render: Tensor, recording: Tensor, bandwidth: float) -> Tensor:
        """Compare `[samples]` with `[samples]`, aligned; `bandwidth` in Hz. Returns a scalar in nepers of power."""
        losses = []
        for spoken, target in spectrogram_pairs(render, recording, bandwidth):
            difference = spoken - target
            losses.append((difference - difference.mean()).abs().mean())
        return torch.stack(losses).mean()


class MelStatisticsLoss(nn.Module):
    """Difference in mean, spread and movement of each mel band over a clip: timbre without alignment.

    A frame-wise loss on frames that are a little misaligned teaches a blurred voice; these do not see frames.
    """

    def forward(self, render: Tensor, recording: Tensor, bandwidth: float) -> Tensor:
        """Compare clips `[samples]` of the same words; `bandwidth` in Hz. Returns a scalar."""
        losses = []
        for spoken, target in spectrogram_pairs(render, recording, bandwidth):
            shift = spoken.mean(1) - target.mean(1)
            spread = spoken.std(1) - target.std(1)
            movement = spoken.diff(dim=1).abs().mean(1) - target.diff(dim=1).abs().mean(1)
            losses.append((shift - shift.mean()).abs().mean() + spread.abs().mean() + movement.abs().mean())
        return torch.stack(losses).mean()


class PriorLoss(nn.Module):
    """How far the voice vector is from where stock voices live: about 1 for a stock voice in each half."""

    def __init__(self, space: VoiceSpace) -> None:
        super().__init__()
        self.space = space

    def forward(self, voice: Tensor) -> Tensor:
        """Return the squared distance of `[1, 256]` in standard deviations, averaged over both halves."""
        return self.space.distance(voice).mean()


def spectrogram_pairs(render: Tensor, recording: Tensor, bandwidth: float) -> list[tuple[Tensor, Tensor]]:
    """Return log-mel pairs `[bands, frames]` at each resolution, below `bandwidth` Hz, 50 dB deep, of one level.

    Were the level only left out of what is compared afterwards, a loss would not know it, but its gradient would.
    """
    pairs = []
    render, recording = at_one_level(render), at_one_level(recording)
    for n_fft, bands in RESOLUTIONS:
        heard = band_centres(bands).to(render.device) < bandwidth
        spoken, target = (log_mel(audio, n_fft, bands)[heard] for audio in (render, recording))
        pairs.append((spoken.clamp_min(spoken.max().detach() - _RANGE), target.clamp_min(target.max() - _RANGE)))
    return pairs
