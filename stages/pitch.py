"""How high voices that are made speak, and with what melody, beside their speakers: by all that there is.

    python -m stages.pitch lj libritts_121     three minutes a voice; writes the table of docs/results.md

The evaluation compares held-out texts with their recordings, mostly two clips; a speaker's clips differ too much among
themselves for that to tell a few per cent, or one melody from another. Here pitch is of all that was spoken and
recorded, and the melody that of every clip's text, most of which the voice was trained on and the stock voice was not.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from stages import places
from stages.hearing import nearest_stock
from voicepack.audio import read_audio
from voicepack.clips import Clip, read_clips
from voicepack.comparison import compare
from voicepack.errors import VoicepackError
from voicepack.files import read_tensors
from voicepack.kokoro import Kokoro
from voicepack.markdown import markdown_table, put_table
from voicepack.pack import load_pack
from voicepack.pitch import f0_curve
from voicepack.renders import FLOOR, NEW, read_renders, sample

_PAGE = Path("docs/results.md")
_HEADER = (
    "voice", "speaker's F0, Hz", "clips differ by, %", "F0 by the speaker's", "held-out clips say", "stock voice",
    "melody", "held-out clips say", "stock voice", "held-out clips say",
)  # fmt: skip


@dataclass(frozen=True)
class Pitch:
    """Log F0 in nepers: the mean over all voiced frames, and the standard deviation of the clips' means."""

    mean: float
    deviation: float

    def by(self, other: Pitch) -> float:
        """Return how high this is by another: 1 is as high."""
        return math.exp(self.mean - other.mean)


def main(voices: Sequence[str]) -> None:
    if not voices:
        raise VoicepackError("name voices of params.yaml that are made.")
    kokoro, packs = Kokoro(places.KOKORO), read_tensors(places.STOCK_VOICES)[0]
    lines = []
    for voice in voices:
        pack, stock = load_pack(places.pack(voice)), packs[nearest_stock(voice)]
        lines.append(line(voice, *(melody(kokoro, _clips(voice), each) for each in (pack, stock))))
    text = markdown_table(_HEADER, lines)
    print(text)
    put_table(_PAGE, "pitch", text)


def line(voice: str, own_melody: float, stock_melody: float) -> list[str]:
    """Measure the pitch of a voice that is made: a line of the table, with both melodies."""
    folders = {NEW: places.voice_samples(voice), FLOOR: places.reference(voice)}
    spoken = {}
    for name, folder in folders.items():
        sentences = [each.sentence for each in read_renders(folder) if each.voice == name and each.seed == 0]
        spoken[name] = pitch_of(read_audio(sample(folder, sentence, name)) for sentence in sentences)
    speaker = pitch_of(clip.audio for clip in _clips(voice))
    held_out = json.loads((places.METRICS / f"{voice}.json").read_text())
    return [
        voice, f"{math.exp(speaker.mean):.0f}", f"{100 * speaker.deviation:.0f}",
        f"{spoken[NEW].by(speaker):.3f}", f"{held_out['f0_mean_ratio']:.3f}", f"{spoken[FLOOR].by(speaker):.3f}",
        f"{own_melody:.3f}", f"{held_out['f0_correlation']:.3f}",
        f"{stock_melody:.3f}", f"{held_out['f0_correlation_floor']:.3f}",
    ]  # fmt: skip


def melody(kokoro: Kokoro, clips: Sequence[Clip], pack: Tensor) -> float:
    """Return the correlation of log F0 with the clips' of their texts spoken by a pack `[510, 1, 256]`, as it likes.

    The mean over the clips that have voice.
    """
    correlations = []
    for clip in clips:
        render = kokoro.render(clip.phonemes, pack)
        compared = compare(render, clip.audio, f0_curve(render), f0_curve(clip.audio))
        correlations.append(compared["f0_correlation"])
    return fmean(each for each in correlations if math.isfinite(each))


def pitch_of(recordings: Iterable[Tensor]) -> Pitch:
    """Return how high recordings `[samples]` are; those without voice do not count.

    Raises VoicepackError if none has voice.
    """
    curves = [f0_curve(recording) for recording in recordings]
    voiced = [curve[curve > 0].log() for curve in curves if (curve > 0).any()]
    if not voiced:
        raise VoicepackError("no voice was heard in any recording.")
    means = torch.stack([each.mean() for each in voiced])
    return Pitch(float(torch.cat(voiced).mean()), float(means.std(correction=0)))


def _clips(voice: str) -> list[Clip]:
    return [clip for split in ("train", "held_out") for clip in read_clips(places.clips(voice), split)]


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except VoicepackError as error:
        sys.exit(f"pitch: {error}")
