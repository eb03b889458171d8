"""Clips: recordings that were found fit, at one rate and level, with their phonemes, and how they are stored.

A 16-bit WAV per clip and one table. Not FLAC: how that is packed depends on the version of the encoder and on the
processor, and the clips of a voice must be the same bytes everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from voicepack.audio import read_audio
from voicepack.constants import SAMPLE_RATE
from voicepack.files import not_made, read_table, write_table

Split = Literal["train", "held_out"]

SILENCE_DB = -60.0  # speech below this has drowned in the noise of 16-bit samples
PHONEMES_PER_SECOND = (4.0, 30.0)  # slower or faster than anybody reads: text and recording are not the same

_COLUMNS = (
    "name", "split", "file", "samples", "seconds", "phoneme_count", "bandwidth_hz", "snr_db", "phonemes", "text",
)  # fmt: skip


@dataclass(frozen=True)
class Clip:
    """A recording of one utterance. Hours of them fit into memory: the audio stays in its file."""

    name: str  # the folder and file of the dataset, such as train/a.wav
    text: str
    phonemes: str
    file: Path  # 24 kHz mono
    samples: int
    bandwidth: float  # Hz, of the recording as it was
    signal_to_noise: float  # dB

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.samples / SAMPLE_RATE

    @property
    def audio(self) -> Tensor:
        """The audio, float32 `[samples]` at 24 kHz, read from the file each time. Raises VoicepackError without it."""
        if not self.file.is_file():
            raise not_made(self.file)
        return read_audio(self.file)


def write_clips(folder: Path, train: Sequence[Clip], held_out: Sequence[Clip]) -> None:
    """Write `clips.tsv`, without which nothing reads the clips. Their files lie in `folder` or below."""
    splits: tuple[tuple[Split, Sequence[Clip]], ...] = (("train", train), ("held_out", held_out))
    rows = []
    for split, clips in splits:
        for clip in clips:
            values = (
                clip.name, split, clip.file.relative_to(folder), clip.samples, clip.seconds,
                len(clip.phonemes), clip.bandwidth, clip.signal_to_noise, clip.phonemes, clip.text,
            )  # fmt: skip
            rows.append(dict(zip(_COLUMNS, values, strict=True)))
    write_table(folder / "clips.tsv", rows, _COLUMNS)


def read_clips(folder: Path, split: Split) -> list[Clip]:
    """Read one side of what `write_clips` wrote, in the same order; the audio stays on the disk.

    Raises VoicepackError if the table is missing.
    """
    return [
        Clip(
            row["name"],
            row["text"],
            row["phonemes"],
            folder / row["file"],
            int(row["samples"]),
            float(row["bandwidth_hz"]),
            float(row["snr_db"]),
        )
        for row in read_table(folder / "clips.tsv")
        if row["split"] == split
    ]


def choose_clips(clips: Sequence[Clip], max_seconds: float, seed: int) -> list[Clip]:
    """Return clips drawn at random, at least one, while together they last `max_seconds` at most."""
    order = torch.randperm(len(clips), generator=torch.Generator().manual_seed(seed)).tolist()
    chosen: list[Clip] = []
    for index in order:
        if not chosen or sum(clip.seconds for clip in [*chosen, clips[index]]) <= max_seconds:
            chosen.append(clips[index])
    return chosen
