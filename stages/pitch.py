"""How high voices that are made speak, beside their speakers: by all that was spoken and recorded.

    python -m stages.pitch lj libritts_121     a minute a voice; writes the table of docs/results.md

The evaluation compares held-out texts with their recordings, mostly two clips; a speaker's clips differ too much among
themselves for that to tell a few per cent.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from stages import places
from voicepack.audio import read_audio
from voicepack.clips import read_clips
from voicepack.errors import VoicepackError
from voicepack.markdown import markdown_table, put_table
from voicepack.pitch import f0_curve
from voicepack.renders import FLOOR, NEW, read_renders, sample

_PAGE = Path("docs/results.md")
_HEADER = (
    "voice", "speaker's F0, Hz", "his clips differ by, %", "voice by speaker", "two held-out clips say", "stock voice",
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
    text = markdown_table(_HEADER, [line(voice) for voice in voices])
    print(text)
    put_table(_PAGE, "pitch", text)


def line(voice: str) -> list[str]:
    """Measure a voice that is made: a line of the table."""
    folders = {NEW: places.voice_samples(voice), FLOOR: places.reference(voice)}
    spoken = {}
    for name, folder in folders.items():
        sentences = [each.sentence for each in read_renders(folder) if each.voice == name and each.seed == 0]
        spoken[name] = pitch_of(read_audio(sample(folder, sentence, name)) for sentence in sentences)
    clips = [clip for split in ("train", "held_out") for clip in read_clips(places.clips(voice), split)]
    speaker = pitch_of(clip.audio for clip in clips)
    held_out = json.loads((places.METRICS / f"{voice}.json").read_text())["f0_mean_ratio"]
    return [
        voice, f"{math.exp(speaker.mean):.0f}", f"{100 * speaker.deviation:.0f}",
        f"{spoken[NEW].by(speaker):.3f}", f"{held_out:.3f}", f"{spoken[FLOOR].by(speaker):.3f}",
    ]  # fmt: skip


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


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except VoicepackError as error:
        sys.exit(f"pitch: {error}")
