"""The training step as one would write it first: the measure of what the project's own step saves.

A whole clip goes through all of Kokoro, whose parameters are frozen and as they were published (with weight norm);
nothing is kept from one step to the next, and the gradient comes back from the audio to the voice vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from kokoro import KModel
from torch import Tensor, nn

from voicepack.alignment import AlignedClip
from voicepack.kokoro import load_model
from voicepack.losses import MelLoss, MelStatisticsLoss
from voicepack.speaker_loss import SpeakerLoss
from voicepack.timbre import TimbreLoss


class PlainLoop:
    """Steps through `KModel.forward_with_tokens` without its `no_grad`."""

    def __init__(self, folder: Path, recordings: Sequence[Tensor] | None) -> None:
        """Load the weights of the `weights` stage; the speaker loss only with `recordings` `[samples]` of him."""
        self.model: Any = load_model(folder)
        for module in self.model.get_submodule("decoder").modules():
            if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
                nn.utils.weight_norm(module)
        self.model.requires_grad_(False)
        self._forward = KModel.forward_with_tokens.__wrapped__
        self._mel, self._mel_statistics = MelLoss(), MelStatisticsLoss()
        self._timbre, self._speaker = TimbreLoss(), SpeakerLoss(recordings) if recordings else None

    def step(self, voice: Tensor, clip: AlignedClip) -> Tensor:
        """Compare `voice` `[1, 256]`, in which the gradient ends, with a clip; return the loss."""
        known = [self.model.vocab[phoneme] for phoneme in clip.text.phonemes if phoneme in self.model.vocab]
        render, _ = self._forward(self.model, torch.tensor([[0, *known, 0]]), voice)
        length = min(len(render), len(clip.audio))
        spectra = render[:length], clip.audio[:length], clip.bandwidth
        losses = [self._mel(*spectra), self._mel_statistics(*spectra)]
        losses += [self._timbre(render, clip.audio), *([self._speaker(render)] if self._speaker else [])]
        loss = torch.stack(losses).sum()
        loss.backward()
        return loss.detach()
