"""Recordings to clips: checked one by one, trimmed, levelled, phonemised, and written; or rejected, with the reason."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from voicepack.audio import (
    bandwidth,
    is_clipped,
    is_odd_rate,
    loudest_above_speech,
    opened,
    read_audio,
    set_level,
    signal_to_noise,
    speech_level,
    trim_silence,
    write_audio,
)
from voicepack.clips import LEAST_RANGE_DB, LOUDEST_CLICK_DB, PHONEMES_PER_SECOND, SILENCE_DB, Clip
from voicepack.constants import SAMPLE_RATE
from voicepack.dataset import Entry
from voicepack.errors import VoicepackError
from voicepack.files import write_table
from voicepack.text import check_language, phonemize

MOST_SILENCE = 60.0  # seconds around the speech of a recording that is read


@dataclass(frozen=True)
class Rejected:
    """A recording that is not used. The reason is `what: details`."""

    path: Path
    source: str  # file and line of its metadata
    reason: str


def prepare_clips(
    entries: Sequence[Entry], folder: Path, *, language: str, level_db: float, min_seconds: float, max_seconds: float
) -> tuple[list[Clip], list[Rejected]]:
    """Read, check, trim, level and phonemise recordings, and write them to `folder`, one at a time; the order stays.

    `level_db` is the level of the speech in dB (see `voicepack.audio.speech_level`); a clip lasts `min_seconds` to
    `max_seconds` after trimming. What does not fit is rejected with its reason: of recordings, nothing is raised.
    The files are numbered as the entries are: names of recordings may be too long for a suffix, or differ by it alone.
    Raises VoicepackError for a language that Kokoro's front end does not speak here.
    """
    check_language(language)
    clips: list[Clip] = []
    rejected: list[Rejected] = []
    for number, entry in enumerate(entries, start=1):
        try:
            file = folder / f"{number:05}.wav"
            clips.append(_prepare(entry, file, language, level_db, min_seconds, max_seconds))
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


def write_rejected(table: Path, rejected: Sequence[Rejected]) -> None:
    """Write the table of rejects: the recording, the line that names it, and the reason."""
    rows = [{"file": clip.path, "line": clip.source, "reason": clip.reason} for clip in rejected]
    write_table(table, rows, ("file", "line", "reason"))


class _UnfitError(Exception):
    """Why a recording cannot be used, as `what: details`."""


def _prepare(entry: Entry, file: Path, language: str, level_db: float, min_seconds: float, max_seconds: float) -> Clip:
    recording = _read(entry.path, max_seconds)
    _check_level(recording)
    audio = trim_silence(recording)
    seconds = len(audio) / SAMPLE_RATE
    if seconds < min_seconds:
        raise _UnfitError(f"too short: {seconds:.2f} s without the silence around it, {min_seconds:g} s are needed")
    if seconds > max_seconds:
        raise _UnfitError(f"too long: {seconds:.2f} s, {_cut(max_seconds)}")
    _check_speech(audio)
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
    write_audio(file, set_level(audio, level_db))
    # Measured before the level is set: the floor of the 16-bit samples is where the recording put it.
    return Clip(entry.name, entry.text, phonemes, file, len(audio), bandwidth(audio), signal_to_noise(recording))


def _read(path: Path, max_seconds: float) -> Tensor:
    """Read a recording `[samples]`, unless it is so long that it would fill the memory only to be rejected."""
    try:
        if not path.is_file():
            raise _UnfitError("no such file: add the recording, or delete its line")
        with opened(path) as file:
            rate = file.samplerate
            if is_odd_rate(rate):
                raise _UnfitError(f"odd sampling rate: {rate} Hz, save it at {SAMPLE_RATE} Hz")
            longest = math.ceil((max_seconds + MOST_SILENCE) * rate)
            # The header alone may lie. What says nothing of its length says 2⁶³ − 1, and cannot be sought in.
            if file.frames > longest and file.seek(longest) and len(file.read(1)):
                raise _UnfitError(
                    f"too long: {file.frames / rate:.0f} s with the silence around it, {_cut(max_seconds)}"
                )
        return read_audio(path)
    except OSError as error:  # a name too long for a file, a folder that may not be read
        raise _UnfitError(f"cannot be opened: {error.strerror}") from None
    except (VoicepackError, ValueError, MemoryError):  # the last two: a length that no array can have
        raise _UnfitError("not an audio file, or a damaged one: save it as WAV or FLAC") from None


def _cut(max_seconds: float) -> str:
    return f"cut it into clips of {max_seconds:g} s at most, as `voicepack transcribe` does"


def _check_level(recording: Tensor) -> None:
    if not len(recording):
        raise _UnfitError("empty: the file holds no samples")
    if not torch.isfinite(recording).all():
        raise _UnfitError("not finite: some samples are NaN or infinite, export it again")
    if speech_level(recording) < SILENCE_DB:
        raise _UnfitError(f"silent: the level is {speech_level(recording):.0f} dB, {SILENCE_DB:.0f} dB are needed")


def _check_speech(audio: Tensor) -> None:
    """Check what is left without the silence around it, which would hide how much of it is broken."""
    if is_clipped(audio):
        raise _UnfitError("clipped: the peaks are cut off, record it again at a lower level")
    if loudest_above_speech(audio) > LOUDEST_CLICK_DB:
        raise _UnfitError(f"a click: {loudest_above_speech(audio):.0f} dB louder than the speech, cut it out")
    if signal_to_noise(audio) < LEAST_RANGE_DB:
        raise _UnfitError("no speech: it is as loud throughout, as noise is")


def _most_common(rejected: Sequence[Rejected], table: Path) -> str:
    if not rejected:
        return ""
    kinds = Counter(clip.reason.partition(":")[0] for clip in rejected)
    kind, count = kinds.most_common(1)[0]
    example = next(clip for clip in rejected if clip.reason.partition(":")[0] == kind)
    return f" Most common reason ({count} of {len(rejected)}): {example.source}: {example.reason}. All: {table}."
