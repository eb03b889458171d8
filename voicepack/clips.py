"""Clips: recordings that were found fit, at one rate and level, with their phonemes, and how they are stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from voicepack.audio import (
    bandwidth,
    from_int16,
    is_clipped,
    read_audio,
    set_level,
    signal_to_noise,
    speech_level,
    to_int16,
    trim_silence,
)
from voicepack.constants import SAMPLE_RATE
from voicepack.dataset import Entry
from voicepack.errors import VoicepackError
from voicepack.files import read_table, read_tensors, write_table, write_tensors
from voicepack.text import phonemize

Split = Literal["train", "held_out"]

SILENCE_DB = -60.0  # speech below this has drowned in the noise of 16-bit samples
PHONEMES_PER_SECOND = (4.0, 30.0)  # slower or faster than anybody reads: text and recording are not the same

_COLUMNS = ("name", "split", "seconds", "phoneme_count", "bandwidth_hz", "snr_db", "phonemes", "text")


@dataclass(frozen=True)
class Clip:
    """A recording of one utterance."""

    name: str  # the folder and file of the dataset, such as train/a.wav
    text: str
    phonemes: str
    audio: Tensor  # float32 [samples], 24 kHz mono
    bandwidth: float  # Hz, of the recording as it was
    signal_to_noise: float  # dB

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return len(self.audio) / SAMPLE_RATE


@dataclass(frozen=True)
class Rejected:
    """A recording that is not used. The reason is `what: details`."""

    path: Path
    source: str  # file and line of its metadata
    reason: str


def prepare_clips(
    entries: Sequence[Entry], *, language: str, level_db: float, min_seconds: float, max_seconds: float
) -> tuple[list[Clip], list[Rejected]]:
    """Read, check, trim, level and phonemise recordings, one at a time; the order stays.

    `level_db` is the level of the speech in dB (see `voicepack.audio.speech_level`); a clip lasts `min_seconds` to
    `max_seconds` after trimming. What does not fit is rejected with its reason: this function raises nothing.
    """
    clips: list[Clip] = []
    rejected: list[Rejected] = []
    for entry in entries:
        try:
            clips.append(_prepare(entry, language, level_db, min_seconds, max_seconds))
        except _UnfitError as unfit:
            rejected.append(Rejected(entry.path, entry.source, str(unfit)))
    return clips, rejected


def check_enough(
    train: Sequence[Clip], held_out: Sequence[Clip], rejected: Sequence[Rejected], *, min_clips: int, table: Path
) -> None:
    """Raise VoicepackError if fewer than `min_clips` are left, or none on one side. `table` lists the rejects."""
    left = len(train) + len(held_out)
    if left < min_clips:
        raise VoicepackError(
            f"{left} of {left + len(rejected)} clips are usable, {min_clips} are needed."
            f"{_most_common(rejected, table)} Mend them, or record more."
        )
    if not train or not held_out:
        side = "train on" if not train else "hold out"
        raise VoicepackError(
            f"no clip is left to {side} among {left}: too many of them say the same."
            f"{_most_common(rejected, table)} Record other texts."
        )


def write_clips(folder: Path, train: Sequence[Clip], held_out: Sequence[Clip], rejected: Sequence[Rejected]) -> None:
    """Write `train.safetensors`, `held_out.safetensors` (int16, a tensor per clip), `clips.tsv`, `rejected.tsv`."""
    rows = []
    splits: tuple[tuple[Split, Sequence[Clip]], ...] = (("train", train), ("held_out", held_out))
    for split, clips in splits:
        write_tensors(folder / f"{split}.safetensors", {clip.name: to_int16(clip.audio) for clip in clips})
        for clip in clips:
            values = (
                clip.name, split, clip.seconds, len(clip.phonemes), clip.bandwidth, clip.signal_to_noise,
                clip.phonemes, clip.text,
            )  # fmt: skip
            rows.append(dict(zip(_COLUMNS, values, strict=True)))
    write_table(folder / "clips.tsv", rows, _COLUMNS)
    write_rejected(folder / "rejected.tsv", rejected)


def write_rejected(table: Path, rejected: Sequence[Rejected]) -> None:
    """Write the table of rejects: the recording, the line that names it, and the reason."""
    rows = [{"file": clip.path, "line": clip.source, "reason": clip.reason} for clip in rejected]
    write_table(table, rows, ("file", "line", "reason"))


def read_clips(folder: Path, split: Split) -> list[Clip]:
    """Read one side of what `write_clips` wrote, in the same order. Raises VoicepackError if a file is missing."""
    samples, _ = read_tensors(folder / f"{split}.safetensors")
    table = folder / "clips.tsv"
    if not table.is_file():
        raise VoicepackError(f"{table}: no such file. Run the stage that writes it (`dvc repro`).")
    return [
        Clip(
            row["name"],
            row["text"],
            row["phonemes"],
            from_int16(samples[row["name"]]),
            float(row["bandwidth_hz"]),
            float(row["snr_db"]),
        )
        for row in read_table(table)
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


class _UnfitError(Exception):
    """Why a recording cannot be used, as `what: details`."""


def _prepare(entry: Entry, language: str, level_db: float, min_seconds: float, max_seconds: float) -> Clip:
    if not entry.path.is_file():
        raise _UnfitError("no such file: add the recording, or delete its line")
    try:
        recording = read_audio(entry.path)
    except VoicepackError:
        raise _UnfitError("not an audio file: save it as WAV or FLAC") from None
    _check_sound(recording)
    audio = trim_silence(recording)
    seconds = len(audio) / SAMPLE_RATE
    if seconds < min_seconds:
        raise _UnfitError(f"too short: {seconds:.2f} s without the silence around it, {min_seconds:g} s are needed")
    if seconds > max_seconds:
        raise _UnfitError(f"too long: {seconds:.2f} s, cut it into clips of {max_seconds:g} s at most")
    try:
        phonemes = phonemize(entry.text, language)
    except VoicepackError as error:
        raise _UnfitError(f"cannot be spoken: {' '.join(str(error).split())}") from None
    slowest, fastest = PHONEMES_PER_SECOND
    if not slowest <= len(phonemes) / seconds <= fastest:
        raise _UnfitError(
            f"text and recording differ: {len(phonemes)} phonemes in {seconds:.2f} s, speech has {slowest:g} to"
            f" {fastest:g} per second"
        )
    # Measured before the level is set: the floor of the 16-bit samples is where the recording put it.
    return Clip(
        entry.name, entry.text, phonemes, set_level(audio, level_db), bandwidth(audio), signal_to_noise(recording)
    )


def _check_sound(recording: Tensor) -> None:
    if not len(recording):
        raise _UnfitError("empty: the file holds no samples")
    if not torch.isfinite(recording).all():
        raise _UnfitError("not finite: some samples are NaN or infinite, export it again")
    if speech_level(recording) < SILENCE_DB:
        raise _UnfitError(f"silent: the level is {speech_level(recording):.0f} dB, {SILENCE_DB:.0f} dB are needed")
    if is_clipped(recording):
        raise _UnfitError("clipped: the peaks are cut off, record it again at a lower level")


def _most_common(rejected: Sequence[Rejected], table: Path) -> str:
    if not rejected:
        return ""
    kinds = Counter(clip.reason.partition(":")[0] for clip in rejected)
    kind, count = kinds.most_common(1)[0]
    example = next(clip for clip in rejected if clip.reason.partition(":")[0] == kind)
    return f" Most common reason ({count} of {len(rejected)}): {example.source}: {example.reason}. All: {table}."
