"""What computing in bfloat16 changes, beside what another seed changes: the part `precision` of stages/bench.py."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean

import torch
from torch import Tensor

from stages import places
from stages.bench_step import aligned_clips, any_voice
from stages.settings import load_settings
from stages.train import TrainSettings
from voicepack.alignment import AlignedClip
from voicepack.constants import DECODER
from voicepack.files import read_tensors
from voicepack.kokoro import InFloat32, Kokoro
from voicepack.likeness import cosine
from voicepack.markdown import markdown_table
from voicepack.rows import RowCurve
from voicepack.voice_losses import VoiceLosses, weighted, window
from voicepack.voices import VoiceSpace

_COMPARED = ("mel", "mel_statistics", "timbre")


def precision(voice: str) -> tuple[dict[str, float], str]:
    """Compare renders and gradients of training with those of float32, on windows of a voice's clips."""
    exact = Kokoro(places.KOKORO)
    speaker, settings = any_voice(), load_settings("train", TrainSettings)
    clips = aligned_clips(exact, voice, speaker)
    packs, _ = read_tensors(places.STOCK_VOICES)
    recordings = [clip.audio for clip in clips]
    losses = VoiceLosses(exact, VoiceSpace.fit(packs), RowCurve.fit(packs.values()), recordings)
    generator = torch.Generator().manual_seed(settings.seed)
    windows = [window(clip, settings.window_seconds, generator) for clip in clips]

    def spoken(kokoro: Kokoro, seed: int) -> list[tuple[Tensor, Tensor]]:
        """Return the audio `[samples]` of each window, and the gradient of training's losses in the decoder half."""
        losses.kokoro = kokoro
        return [_spoken(losses, clip, speaker, seed, settings) for clip in windows]

    expected = spoken(exact, 0)
    ways = {
        "all in bfloat16": spoken(_all_in_bfloat16(), 0),
        "all but the last layer": spoken(Kokoro(places.KOKORO, precision=torch.bfloat16), 0),
        "float32, another seed": spoken(exact, 1),
    }
    rows = []
    for name, found in ways.items():
        differences = [
            _difference(losses, audio, wanted, clip.bandwidth)
            for (audio, _), (wanted, _), clip in zip(found, expected, windows, strict=True)
        ]
        alike = fmean(cosine(one, other) for (_, one), (_, other) in zip(found, expected, strict=True))
        rows.append((name, *(f"{fmean(each[loss] for each in differences):.3f}" for loss in _COMPARED), f"{alike:.2f}"))
    header = ("against float32", *(name.replace("_", " ") for name in _COMPARED), "cosine of the gradients")
    return {}, markdown_table(header, rows)


def _spoken(
    losses: VoiceLosses, clip: AlignedClip, speaker: Tensor, seed: int, settings: TrainSettings
) -> tuple[Tensor, Tensor]:
    voice = speaker.clone().requires_grad_()
    total = weighted(losses.decoder(voice, clip, seed), settings.losses)
    (gradient,) = torch.autograd.grad(total, voice)
    with torch.no_grad():
        audio = losses.kokoro.decode(clip.text, clip.frames, clip.f0, clip.energy, speaker, seed=seed)
    return audio, gradient[0, DECODER]


def _difference(losses: VoiceLosses, audio: Tensor, wanted: Tensor, bandwidth: float) -> Mapping[str, float]:
    return {
        "mel": float(losses.mel(audio, wanted, bandwidth)),
        "mel_statistics": float(losses.mel_statistics(audio, wanted, bandwidth)),
        "timbre": float(losses.timbre(audio, wanted)),
    }


def _all_in_bfloat16() -> Kokoro:
    """Return Kokoro whose decoder's last layer computes in bfloat16 too."""
    kokoro = Kokoro(places.KOKORO, precision=torch.bfloat16)
    generator = kokoro.model.get_submodule("decoder.generator")
    last = generator.get_submodule("conv_post")
    assert isinstance(last, InFloat32)
    generator.conv_post = last.layer
    return kokoro
