"""Recordings to clips: checked one by one, trimmed, levelled, phonemised, and written; or rejected, with the reason."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

from torch import Tensor

from voicepack.audio import bandwidth, is_odd_rate, opened, read_audio, set_level, signal_to_noise, write_audio
from voicepack.clips import PHONEMES_PER_SECOND, Clip
from voicepack.constants import SAMPLE_RATE, SHORTEST_SECONDS
from voicepack.dataset import Entry
from voicepack.errors import VoicepackError
from voicepack.files import write_table
from voicepack.intelligibility import Transcriber, share_heard
from voicepack.text import ENGLISH, check_language, phonemize
from voicepack.usable import UnusableError, checked_recording, cut_it, speech_in

MOST_SILENCE = 60.0  # seconds around the speech of a recording that is read
_FEWEST_WORDS = 4  # of a text that it can tell from another: one in three may be misheard


@dataclass(frozen=True)
class Preparation:
    """What a clip is to be like."""

    language: str  # KPipeline's code
    level_db: float  # of the speech: see `voicepack.audio.speech_level`
    min_seconds: float  # after trimming
    max_seconds: float
    least_heard: float  # share of a text's words; 0: not listened to

    def __post_init__(self) -> None:
        """Raise VoicepackError for clips that nothing could read."""
        if self.min_seconds < SHORTEST_SECONDS:
            raise VoicepackError(f"prepare.min_seconds is {self.min_seconds}. Write {SHORTEST_SECONDS:g} or more.")


@dataclass(frozen=True)
class Rejected:
    """A recording that is not used. The reason is `what: details`."""

    path: Path
    source: str  # file and line of its metadata
    reason: str


def prepare_clips(entries: Sequence[Entry], folder: Path, settings: Preparation) -> tuple[list[Clip], list[Rejected]]:
    """Read, check, trim, level and phonemise recordings, and write them to `folder`, one at a time; the order stays.

    What does not fit is rejected with its reason: of recordings, nothing is raised. The files are numbered as the
    entries are: names of recordings may be too long for a suffix, or differ by it alone. Raises VoicepackError for a
    language that Kokoro's front end does not speak here.
    """
    check_language(settings.language)
    transcriber = Transcriber() if settings.least_heard and settings.language in ENGLISH else None
    clips: list[Clip] = []
    rejected: list[Rejected] = []
    for number, entry in enumerate(entries, start=1):
        try:
            clips.append(_prepare(entry, folder / f"{number:05}.wav", settings, transcriber))
        except UnusableError as unusable:
            rejected.append(Rejected(entry.path, entry.source, str(unusable)))
    return clips, rejected


def check_enough(
    train: Sequence[Clip], held_out: Sequence[Clip], rejected: Sequence[Rejected], *, min_clips: int, table: Path
) -> None:
    """Raise VoicepackError if fewer than `min_clips` are left, or none on one side. `table` lists the rejects."""
    left = len(train) + len(held_out)
    if left < min_clips:
        raise VoicepackError(
            f"{left} of {left + len(rejected)} clips are usable, {min_clips} are needed."
            f"{_most_common(rejected, table)} Fix them, or record more."
        )
    if not train or not held_out:
        side = "train on" if not train else "hold out"
        why = "too many of them say the same" if left > 1 else "there must be one of each"
        raise VoicepackError(
            f"no clip is left to {side} among {left}: {why}.{_most_common(rejected, table)} Record other texts."
        )


def write_rejected(table: Path, rejected: Sequence[Rejected]) -> None:
    """Write the table of rejects: the recording, the line that names it, and the reason."""
    rows = [{"file": clip.path, "line": clip.source, "reason": clip.reason} for clip in rejected]
    write_table(table, rows, ("file", "line", "reason"))


def _prepare(entry: Entry, file: Path, settings: Preparation, transcriber: Transcriber | None) -> Clip:
    recording = checked_recording(_read(entry.path, settings.max_seconds))
    audio = speech_in(recording, settings.min_seconds, settings.max_seconds)
    try:
        phonemes = phonemize(entry.text, settings.language)
    except VoicepackError as error:
        raise UnusableError(f"cannot be spoken: {' '.join(str(error).split())}") from None
    seconds = len(audio) / SAMPLE_RATE
    slowest, fastest = PHONEMES_PER_SECOND
    if not slowest <= len(phonemes) / seconds <= fastest:
        raise UnusableError(
            f"text and recording differ: {len(phonemes)} phonemes in {seconds:.2f} s, speech has {slowest:g} to"
            f" {fastest:g} per second"
        )
    clip = set_level(audio, settings.level_db)
    if transcriber:
        _check_words(entry.text, transcriber.transcribe(clip), settings.least_heard)
    write_audio(file, clip)
    # Measured before the level is set: the floor of the 16-bit samples is where the recording put it.
    return Clip(entry.name, entry.text, phonemes, file, len(audio), bandwidth(audio), signal_to_noise(recording))


def _read(path: Path, max_seconds: float) -> Tensor:
    """Read a recording `[samples]`, unless it is so long that it would fill the memory only to be rejected."""
    try:
        if not path.is_file():
            raise UnusableError("no such file: add the recording, or delete its line")
        with opened(path) as file:
            rate = file.samplerate
            if is_odd_rate(rate):
                raise UnusableError(f"odd sampling rate: {rate} Hz, save it at {SAMPLE_RATE} Hz")
            longest = math.ceil((max_seconds + MOST_SILENCE) * rate)
            # The header alone may lie. What says nothing of its length says 2⁶³ − 1, and cannot be sought in.
            if file.frames > longest and file.seek(longest) and len(file.read(1)):
                raise UnusableError(
                    f"too long: {file.frames / rate:.0f} s with the silence around it, {cut_it(max_seconds)}"
                )
        return read_audio(path)
    except OSError as error:  # a name too long for a file, a folder that may not be read
        raise UnusableError(f"cannot be opened: {error.strerror}") from None
    except VoicepackError:
        raise UnusableError("not an audio file, or a damaged one: save it as WAV or FLAC") from None


def _check_words(text: str, heard: str, least: float) -> None:
    words, share = share_heard(text, heard)
    if words >= _FEWEST_WORDS and share < least:
        raise UnusableError(
            f"text and recording differ: {share:.0%} of their words are the same, heard is '{shorten(heard, 100)}'"
        )


def _most_common(rejected: Sequence[Rejected], table: Path) -> str:
    if not rejected:
        return ""
    kinds = Counter(clip.reason.partition(":")[0] for clip in rejected)
    kind, count = kinds.most_common(1)[0]
    example = next(clip for clip in rejected if clip.reason.partition(":")[0] == kind)
    return f" Most common reason ({count} of {len(rejected)}): {example.source}: {example.reason}. All: {table}."
