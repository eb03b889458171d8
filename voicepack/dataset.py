"""The dataset format: `train/metadata.jsonl`, perhaps `validation/metadata.jsonl`, and the recordings beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from voicepack.errors import VoicepackError

METADATA_FILE = "metadata.jsonl"
_LINE_FORMAT = '{"file_name": "a.wav", "text": "What is said."}'


@dataclass(frozen=True)
class Entry:
    """One line of a metadata.jsonl."""

    name: str  # unique in the dataset: the folder and the file, such as train/a.wav
    path: Path
    text: str
    speaker: str  # "" where the line names none
    source: str  # file and line, for messages


@dataclass(frozen=True)
class Dataset:
    """The entries of a dataset. `validation` is empty if there is no such folder."""

    train: list[Entry]
    validation: list[Entry]


def read_dataset(folder: Path, speaker: str = "") -> Dataset:
    """Read the metadata of a dataset, and keep one speaker of it.

    `speaker` may stay empty if the dataset names at most one. Whether the recordings exist is not checked here.
    Raises VoicepackError for a missing folder or file, a malformed line, or a speaker that is unclear or unknown.
    """
    if not folder.is_dir():
        raise VoicepackError(f"{folder}: no such folder. Put train/{METADATA_FILE} and the recordings there.")
    train = read_metadata(folder / "train")
    validation = read_metadata(folder / "validation") if (folder / "validation").is_dir() else []
    speakers = sorted({entry.speaker for entry in train + validation} - {""})
    if speaker and speaker not in speakers:
        known = f"Known: {', '.join(speakers)}" if speakers else "No line of it names a speaker"
        raise VoicepackError(f"{folder}: no speaker '{speaker}'. {known}.")
    if not speaker and len(speakers) > 1:
        raise VoicepackError(
            f"{folder}: {len(speakers)} speakers ({', '.join(speakers)}). Choose one: write `speaker:` in the voice's"
            " section of params.yaml."
        )
    unnamed = [entry for entry in train + validation if not entry.speaker]
    if speakers and unnamed:
        raise VoicepackError(f"{unnamed[0].source}: names no speaker, as other lines do. Add 'speaker' to every line.")
    if not speaker:
        return Dataset(train, validation)
    kept = _spoken_by(speaker, train)
    if not kept:
        raise VoicepackError(f"{folder}: speaker '{speaker}' is in validation/ only. Put recordings into train/.")
    return Dataset(kept, _spoken_by(speaker, validation))


def read_metadata(folder: Path) -> list[Entry]:
    """Read the metadata.jsonl of a folder; blank lines are skipped, keys other than the known ones ignored.

    Raises VoicepackError, with the file and the line, for a missing or malformed file.
    """
    file = folder / METADATA_FILE
    if not file.is_file():
        raise VoicepackError(f"{file}: no such file. Write one line {_LINE_FORMAT} for each recording.")
    try:
        # Not splitlines(), which also splits at characters that JSON allows within a string.
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise VoicepackError(f"{file}: not UTF-8 text (byte {error.start}). Save the file as UTF-8.") from None
    entries: list[Entry] = []
    seen: dict[PurePosixPath, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        source = f"{file}:{number}"
        values = _parse(line, source)
        inside = _inside(values["file_name"], source)
        if inside in seen:
            raise VoicepackError(f"{source}: '{inside}' is already in {seen[inside]}. Delete one of the two lines.")
        seen[inside] = source
        name = f"{folder.name}/{inside}"
        entries.append(Entry(name, folder / inside, values["text"], values.get("speaker", ""), source))
    if not entries:
        raise VoicepackError(f"{file}: no clips. Write one line {_LINE_FORMAT} for each recording.")
    return entries


def _spoken_by(speaker: str, entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.speaker == speaker]


def _parse(line: str, source: str) -> dict[str, str]:
    """Return the strings of a line: `file_name` and `text`, not empty, and perhaps `speaker`."""
    try:
        values: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise VoicepackError(
            f"{source}: not valid JSON ({error.msg}, column {error.colno}). Write {_LINE_FORMAT}."
        ) from None
    if not isinstance(values, dict):
        raise VoicepackError(f"{source}: not a JSON object. Write {_LINE_FORMAT}.")
    for key in ("file_name", "text"):
        if key not in values:
            raise VoicepackError(f"{source}: '{key}' is missing. Write {_LINE_FORMAT}.")
    if values.get("speaker") is None:
        values.pop("speaker", None)  # many tools write null for what they do not know
    strings = {key: values[key] for key in ("file_name", "text", "speaker") if key in values}
    for key, value in strings.items():
        if not isinstance(value, str):
            raise VoicepackError(f"{source}: '{key}' is {json.dumps(value)}. Write a string in quotes.")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise VoicepackError(f"{source}: '{key}' holds half a character, {json.dumps(value)}. Write it whole.")
        if not value.strip() and key != "speaker":
            raise VoicepackError(f"{source}: '{key}' is empty. Fill it in, or delete the line.")
    return strings


def _inside(file_name: str, source: str) -> PurePosixPath:
    """Return the path within the folder. Links are not followed: DVC may have made the recordings links itself."""
    path = PurePosixPath(file_name)
    if path.is_absolute() or ".." in path.parts or "\0" in file_name:
        raise VoicepackError(
            f"{source}: '{file_name}' is outside the dataset. Copy the recording beside {METADATA_FILE} and write its"
            " name alone."
        )
    return path
