"""What computing in bfloat16 changes, beside what another seed changes: the part `precision` of studies/bench.py."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean

import torch
from torch import Tensor

from stages import places
from stages.settings import load_settings
from stages.train import TrainSettings
from studies.bench_step import aligned_clips, any_voice
from voicepack.alignment import AlignedClip
from voicepack.constants import DECODER
from voicepack.files import read_tensors
from voicepack.kokoro import InFloat32, Kokoro
from voicepack.likeness import cosine
from voicepack.markdown import markdown_table
from voicepack.voice_losses import LossWeights, VoiceLosses, weighted, window

_COMPARED = ("mel", "mel_statistics", "timbre")


def precision(voice: str) -> tuple[dict[str, float], str]:
    """Compare renders and gradients of training with those of float32, on windows of a voice's clips."""
    exact = Kokoro(places.KOKORO)
    speaker, settings = any_voice(), load_settings("train", TrainSettings)
    clips = aligned_clips(exact, voice, speaker)
    packs, _ = read_tensors(places.STOCK_VOICES)
    recordings = [clip.audio for clip in clips]
    losses = VoiceLosses(exact, packs, recordings)
    generator = torch.Generator().manual_seed(settings.seed)
    windows = [window(clip, settings.window_seconds, generator) for clip in clips]

    def spoken(kokoro: Kokoro, seed: int) -> list[Spoken]:
        losses.kokoro = kokoro
        return [_speak(losses, clip, speaker, seed, settings.losses) for clip in windows]

    expected = spoken(exact, 0)
    ways = {
        "all in bfloat16": spoken(_all_in_bfloat16(), 0),
        "all but the last layer": spoken(Kokoro(places.KOKORO, precision=torch.bfloat16), 0),
        "float32, another seed": spoken(exact, 1),
    }
    rows = []
    for name, found in ways.items():
        pairs = list(zip(found, expected, windows, strict=True))
        apart = [losses.sound(each.audio, replace(clip, audio=wanted.audio)) for each, wanted, clip in pairs]
        rows.append(
            (
                name,
                *(f"{fmean(float(each[loss]) for each in apart):.3f}" for loss in _COMPARED),
                f"{fmean(cosine(each.gradient, wanted.gradient) for each, wanted, _ in pairs):.2f}",
                f"{fmean(cosine(each.without_speaker, wanted.without_speaker) for each, wanted, _ in pairs):.3f}",
            )
        )
    compared = (name.replace("_", " ") for name in _COMPARED)
    header = ("against float32", *compared, "cosine of the gradients", "without the speaker loss")
    return {}, markdown_table(header, rows)


@dataclass(frozen=True)
class Spoken:
    """What a window of a clip sounds like, and where the losses of its sound would move the voice's decoder half."""

    audio: Tensor  # [samples]
    gradient: Tensor  # [128]
    without_speaker: Tensor  # [128], the gradient of all but the speaker loss


def _speak(losses: VoiceLosses, clip: AlignedClip, speaker: Tensor, seed: int, weights: LossWeights) -> Spoken:
    voice = speaker.clone().requires_grad_()
    render = losses.kokoro.decode(clip.text, clip.frames, clip.f0, clip.energy, voice, seed=seed)
    values = losses.sound(render, clip)
    gradients = [
        torch.autograd.grad(weighted(values, each), voice, retain_graph=True)[0][0, DECODER]
        for each in (weights, replace(weights, speaker=0.0))
    ]
    return Spoken(render.detach(), *gradients)


def _all_in_bfloat16() -> Kokoro:
    """Return Kokoro whose decoder's last layer computes in bfloat16 too."""
    kokoro = Kokoro(places.KOKORO, precision=torch.bfloat16)
    generator = kokoro.model.get_submodule("decoder.generator")
    last = generator.get_submodule("conv_post")
    assert isinstance(last, InFloat32)
    generator.conv_post = last.layer
    return kokoro
