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
from voicepack.voice_losses import VoiceLosses


class PlainLoop:
    """Steps through `KModel.forward_with_tokens` without its `no_grad`."""

    def __init__(self, folder: Path, recordings: Sequence[Tensor] | None, device: torch.device | str = "cpu") -> None:
        """Load the weights of the `weights` stage; the speaker loss only with their `recordings` `[samples]`."""
        self.model: Any = load_model(folder)
        for module in self.model.get_submodule("decoder").modules():
            if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
                normed: Any = nn.utils.weight_norm(module)
                # A few channels are zero. Without a direction for their length of 0 they are not a number.
                normed.weight_v.data.masked_fill_(normed.weight_g == 0, 1.0)
        self.model.requires_grad_(False).to(device)
        self._forward = KModel.forward_with_tokens.__wrapped__
        self._mel, self._mel_statistics = MelLoss(), MelStatisticsLoss()
        self._timbre = TimbreLoss().to(device)
        self._speaker = SpeakerLoss(recordings).to(device) if recordings else None

    def losses(self, voice: Tensor, clip: AlignedClip) -> dict[str, Tensor]:
        """Compare what `voice` `[1, 256]` makes of a clip's text with the clip, by name."""
        known = [self.model.vocab[phoneme] for phoneme in clip.text.phonemes if phoneme in self.model.vocab]
        render, _ = self._forward(self.model, torch.tensor([[0, *known, 0]], device=voice.device), voice)
        length = min(len(render), len(clip.audio))
        spectra = render[:length], clip.audio[:length], clip.bandwidth
        values = {"mel": self._mel(*spectra), "mel_statistics": self._mel_statistics(*spectra)}
        values["timbre"] = self._timbre(render, clip.audio)
        return values | ({"speaker": self._speaker(render)} if self._speaker else {})

    def step(self, voice: Tensor, clip: AlignedClip) -> None:
        """Take the gradient of all losses in `voice` `[1, 256]`."""
        torch.stack(list(self.losses(voice, clip).values())).sum().backward()


class PlainLosses(VoiceLosses):
    """The losses of the plain loop, for the project's own training to step by."""

    def __init__(self, losses: VoiceLosses, loop: PlainLoop) -> None:
        """Take over what is not the loop's: where stock voices live, and how a vector becomes a pack's row."""
        vars(self).update(vars(losses))
        self.loop = loop

    def of_step(self, voice: Tensor, clips: Sequence[AlignedClip], *_: Any, **__: Any) -> dict[str, Tensor]:
        """Compare `voice` `[1, 256]` with the first clip, whole."""
        return self.loop.losses(self._row(voice, clips[0]), clips[0]) | {"prior": self.prior(voice)}
