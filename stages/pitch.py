"""How high voices that are made speak, and with what melody, beside their speakers: over all clips that there are.

    python -m stages.pitch lj libritts_121     three minutes a voice; writes the table of docs/results.md

The evaluation compares held-out texts with their recordings, mostly two clips; clips differ too much among themselves
for that to tell a few per cent, or one melody from another. Most of the clips here are those that the voice was trained
on, and the stock voice beside it was not.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from stages import places
from stages.hearing import nearest_stock
from voicepack.clips import Clip, read_clips
from voicepack.comparison import compare
from voicepack.errors import VoicepackError
from voicepack.files import read_tensors
from voicepack.kokoro import Kokoro
from voicepack.markdown import markdown_table, put_table
from voicepack.pack import load_pack
from voicepack.pitch import f0_curve

_PAGE = Path("docs/results.md")
_HEADER = (
    "voice", "clips", "F0 by the speaker's", "clips differ by", "stock voice", "F0 correlation", "stock voice",
    "F0 spread by the speaker's", "stock voice",
)  # fmt: skip


@dataclass(frozen=True)
class Intonation:
    """How a voice says what a speaker said: mean F0 by his, how far clips differ in that, melody and its spread."""

    f0_mean_ratio: float  # geometric mean over the clips, by length
    deviation: float  # standard deviation of its logarithm between clips, by length
    f0_correlation: float
    f0_spread_ratio: float


def main(voices: Sequence[str]) -> None:
    if not voices:
        raise VoicepackError("name voices of params.yaml that are made.")
    kokoro, stock = Kokoro(places.KOKORO), read_tensors(places.STOCK_VOICES)[0]
    lines = []
    for voice in voices:
        clips = [clip for split in ("train", "held_out") for clip in read_clips(places.clips(voice), split)]
        packs = load_pack(places.pack(voice)), stock[nearest_stock(voice)]
        recorded = [f0_curve(clip.audio) for clip in clips]
        own, nearest = (intonation(kokoro, clips, recorded, pack) for pack in packs)
        lines.append((
            voice, str(len(clips)), f"{own.f0_mean_ratio:.3f}", f"{100 * own.deviation:.0f} %",
            f"{nearest.f0_mean_ratio:.3f}", f"{own.f0_correlation:.3f}", f"{nearest.f0_correlation:.3f}",
            f"{own.f0_spread_ratio:.3f}", f"{nearest.f0_spread_ratio:.3f}",
        ))  # fmt: skip
    text = markdown_table(_HEADER, lines)
    print(text)
    put_table(_PAGE, "pitch", text)


def intonation(kokoro: Kokoro, clips: Sequence[Clip], recorded: Sequence[Tensor], pack: Tensor) -> Intonation:
    """Compare clips, whose F0 curves are `recorded`, with their texts as a pack `[510, 1, 256]` speaks them by itself.

    Raises VoicepackError if none has voice.
    """
    rows, seconds = [], []
    for clip, curve in zip(clips, recorded, strict=True):
        render = kokoro.render(clip.phonemes, pack)
        compared = compare(render, clip.audio, f0_curve(render), curve)
        row = [compared[name] for name in ("f0_mean_ratio", "f0_correlation", "f0_spread_ratio")]
        if all(map(math.isfinite, row)):
            rows.append(row)
            seconds.append(clip.seconds)
    if not rows:
        raise VoicepackError("no voice was heard in any recording.")
    ratios, correlations, spreads = torch.tensor(rows).T
    weights = torch.tensor(seconds) / sum(seconds)
    logs = ratios.log()
    mean = weights @ logs
    deviation = (weights @ (logs - mean).square()).sqrt()
    return Intonation(
        math.exp(mean), float(deviation), float(weights @ correlations), float((weights @ spreads.log()).exp())
    )


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except VoicepackError as error:
        sys.exit(f"pitch: {error}")
