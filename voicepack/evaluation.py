"""How good a voice is, on clips that training never saw, beside a floor and a ceiling.

Floor: the stock voice that the judge finds nearest. Ceiling: other real clips of the speaker.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from voicepack.alignment import align, warping_path
from voicepack.clips import Clip
from voicepack.intelligibility import word_error_rate
from voicepack.kokoro import Kokoro
from voicepack.likeness import SpeakerEncoder, cosine, normalised_likeness, speaker_embedding
from voicepack.losses import MelLoss
from voicepack.pitch import f0_curve, f0_rmse_cents

Transcribe = Callable[[Tensor], str]


@dataclass(frozen=True)
class Sentence:
    """One held-out clip spoken by one voice, and what was measured on it."""

    clip: str
    voice: str
    mel_loss: float
    likeness: float
    f0_rmse_cents: float
    heard: str


@dataclass(frozen=True)
class Evaluation:
    """Metrics by name, every sentence, and the renders `[samples]` by (voice, clip)."""

    metrics: dict[str, float]
    sentences: list[Sentence]
    renders: dict[tuple[str, str], Tensor]


def reference_embedding(judge: SpeakerEncoder, clips: Sequence[Clip]) -> Tensor:
    """Return the speaker embedding `[256]` that renders are compared with: the mean over the training clips.

    The ceiling, real held-out clips against it, is then as unseen as the renders are.
    """
    return speaker_embedding([judge.embed(clip.audio) for clip in clips])


def evaluate(
    kokoro: Kokoro,
    pack: Tensor,
    floor: tuple[str, Tensor],
    reference: Tensor,
    held_out: Sequence[Clip],
    judge: SpeakerEncoder,
    transcribe: Transcribe,
) -> Evaluation:
    """Speak the held-out clips' texts with `pack` and with the nearest stock voice, and measure both.

    `floor` is the nearest stock voice's name and pack, `reference` comes from `reference_embedding`.
    """
    renders: dict[tuple[str, str], Tensor] = {}
    sentences: list[Sentence] = []
    floor_name, floor_pack = floor
    for clip in held_out:
        # One alignment serves both voices, or their mel losses could not be compared.
        aligned = align(kokoro, clip, floor_pack[len(clip.phonemes) - 1])
        recorded_f0 = f0_curve(clip.audio)
        for name, voice in (("new", pack), (floor_name, floor_pack)):
            row = voice[len(clip.phonemes) - 1]
            with torch.no_grad():
                copy = kokoro.decode(aligned.text, aligned.frames, aligned.f0, aligned.energy, row, seed=0)
            render = kokoro.render(clip.phonemes, voice)
            renders[name, clip.name] = render
            sentences.append(
                Sentence(
                    clip=clip.name,
                    voice=name,
                    mel_loss=float(MelLoss()(copy, aligned.audio, clip.bandwidth)),
                    likeness=cosine(judge.embed(render), reference),
                    f0_rmse_cents=f0_rmse_cents(f0_curve(render), recorded_f0, warping_path(render, clip.audio)),
                    heard=transcribe(render),
                )
            )
    texts = [clip.text for clip in held_out]
    new, stock = ([each for each in sentences if each.voice == name] for name in ("new", floor_name))
    metrics = {
        **_means(new, ""),
        **_means(stock, "_floor"),
        "likeness_ceiling": sum(cosine(judge.embed(clip.audio), reference) for clip in held_out) / len(held_out),
        "wer": word_error_rate(texts, [each.heard for each in new]),
        "wer_floor": word_error_rate(texts, [each.heard for each in stock]),
        "wer_ceiling": word_error_rate(texts, [transcribe(clip.audio) for clip in held_out]),
    }
    # Where the judge hears the stock voice as well as the speaker himself there is no scale, and no such number.
    if metrics["likeness_ceiling"] > metrics["likeness_floor"]:
        metrics["likeness_normalised"] = normalised_likeness(
            metrics["likeness"], metrics["likeness_floor"], metrics["likeness_ceiling"]
        )
    return Evaluation(metrics, sentences, renders)


def _means(sentences: Sequence[Sentence], suffix: str) -> dict[str, float]:
    """Average over sentences. Where a measure has no value, as F0 has none without voice, the sentence is left out."""
    means = {}
    for name in ("mel_loss", "likeness", "f0_rmse_cents"):
        values = [value for each in sentences if math.isfinite(value := getattr(each, name))]
        if values:
            means[name + suffix] = sum(values) / len(values)
    return means
