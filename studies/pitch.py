"""How high voices that are made speak, and with what melody, beside their speakers: over all clips that there are.

    python -m studies.pitch lj libritts_121     three minutes a voice; writes the table of docs/results.md

The evaluation compares held-out texts with their recordings, mostly two clips; clips differ too much among themselves
for that to tell a few per cent, or one melody from another. Most of the clips here are those that the voice was trained
on, and the stock voice beside it was not. "Difference" is that of the correlations, with its 95 % interval over clips.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from stages import places
from stages.hearing import nearest_stock
from stages.stage import one_line_errors
from tools.command import command_parser
from voicepack.clips import Clip, read_clips
from voicepack.comparison import compare
from voicepack.confidence import difference
from voicepack.errors import VoicepackError
from voicepack.files import read_tensors
from voicepack.kokoro import Kokoro
from voicepack.markdown import markdown_table, put_table
from voicepack.pack import load_pack
from voicepack.pitch import f0_curves

_PAGE = Path("docs/results.md")
_MEASURES = ("f0_mean_ratio", "f0_correlation", "f0_spread_ratio")
_HEADER = (
    "voice", "clips", "F0 by the speaker's", "clips differ by", "stock voice", "F0 correlation", "stock voice",
    "difference", "F0 spread by the speaker's", "stock voice",
)  # fmt: skip


@dataclass(frozen=True)
class Intonation:
    """How a voice says what a speaker said in clips `[clips]`: mean F0 by the speaker's, melody and its spread."""

    weights: Tensor  # of the clips by length; their sum is 1
    f0_mean_ratios: Tensor
    f0_correlations: Tensor
    f0_spread_ratios: Tensor

    @property
    def f0_mean_ratio(self) -> float:
        """The geometric mean over the clips."""
        return math.exp(self.weights @ self.f0_mean_ratios.log())

    @property
    def deviation(self) -> float:
        """The standard deviation of the mean F0's logarithm between clips."""
        logs = self.f0_mean_ratios.log()
        return math.sqrt(self.weights @ (logs - self.weights @ logs).square())

    @property
    def f0_correlation(self) -> float:
        """The mean over the clips."""
        return float(self.weights @ self.f0_correlations)

    @property
    def f0_spread_ratio(self) -> float:
        """The geometric mean over the clips."""
        return math.exp(self.weights @ self.f0_spread_ratios.log())


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_parser("studies.pitch", __doc__)
    parser.add_argument("voices", nargs="+", metavar="NAME", help="of params.yaml, already made")
    voices = parser.parse_args(arguments).voices
    kokoro, stock = Kokoro(places.KOKORO), read_tensors(places.STOCK_VOICES)[0]
    lines = []
    for voice in voices:
        clips = [clip for split in ("train", "held_out") for clip in read_clips(places.clips(voice), split)]
        own, nearest = intonations(kokoro, clips, (load_pack(places.pack(voice)), stock[nearest_stock(voice)]))
        more = difference(own.f0_correlations.numpy(), nearest.f0_correlations.numpy(), own.weights.numpy(), None)
        lines.append((
            voice, str(len(clips)), f"{own.f0_mean_ratio:.3f}", f"{100 * own.deviation:.0f} %",
            f"{nearest.f0_mean_ratio:.3f}", f"{own.f0_correlation:.3f}", f"{nearest.f0_correlation:.3f}",
            f"{more.value:+.3f} [{more.low:+.3f}, {more.high:+.3f}]",
            f"{own.f0_spread_ratio:.3f}", f"{nearest.f0_spread_ratio:.3f}",
        ))  # fmt: skip
    text = markdown_table(_HEADER, lines)
    print(text)
    put_table(_PAGE, "pitch", text)


def intonations(kokoro: Kokoro, clips: Sequence[Clip], packs: Sequence[Tensor]) -> list[Intonation]:
    """Compare clips with their texts as each of the packs `[510, 1, 256]` speaks them by itself.

    Over the clips in which voice is heard from all. Raises VoicepackError if there are none.
    """
    rows = []
    for clip in clips:
        renders = [kokoro.render(clip.phonemes, pack) for pack in packs]
        recorded, *spoken = f0_curves([clip.audio, *renders])
        for render, f0 in zip(renders, spoken, strict=True):
            compared = compare(render, clip.audio, f0, recorded)
            rows.append([compared[name] for name in _MEASURES])
    measures = torch.tensor(rows, dtype=torch.float64).view(len(clips), len(packs), len(_MEASURES))
    heard = measures.isfinite().all(-1).all(-1)
    if not heard.any():
        raise VoicepackError("no voice was heard in any recording.")
    seconds = torch.tensor([clip.seconds for clip in clips], dtype=torch.float64)[heard]
    return [Intonation(seconds / seconds.sum(), *of_pack.T) for of_pack in measures[heard].unbind(1)]


if __name__ == "__main__":
    with one_line_errors("pitch"):
        main()
