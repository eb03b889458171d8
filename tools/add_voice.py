"""Add a voice: python -m tools.add_voice NAME DATA

Its section goes to params.yaml, its pack to the registry in dvc.yaml (`artifacts`), by which others ask for it. Where
the recordings are of several speakers, `--speaker NAME` says whose voice it is, and `--every-speaker` adds a voice of
each, called NAME_SPEAKER.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from stages import places
from stages.settings import PARAMS_FILE
from tools.edit_settings import edit_settings, read_document
from voicepack.dataset import METADATA_FILE, read_metadata
from voicepack.errors import VoicepackError
from voicepack.pack import check_name


def add_voice(name: str, data: Path, file: Path = PARAMS_FILE, speaker: str = "") -> bool:
    """Add the voice, or point it to other data or another `speaker` there; return whether anything changed.

    Raises VoicepackError for a name that DVC cannot use or that another voice has in the registry, or a folder without
    a dataset.
    """
    check_names([name], file)
    if not (data / "train" / METADATA_FILE).is_file():
        raise VoicepackError(
            f"{data / 'train' / METADATA_FILE}: no such file. DATA must be a folder with train/{METADATA_FILE} in it;"
            " `voicepack transcribe` makes one of recordings alone."
        )
    # Within the project relative, so that it holds in every clone. Outside absolute, because `dvc exp run --temp` and
    # `--queue` work in a copy of the project that lies elsewhere.
    data, project = data.resolve(), file.resolve().parent
    path = str(data.relative_to(project) if data.is_relative_to(project) else data)
    section = {f"voices.{name}.data": path} | ({f"voices.{name}.speaker": speaker} if speaker else {})
    pack = {
        "path": str(places.pack(name)),
        "type": "voice",
        "desc": f"Kokoro-82M voice pack; card: {places.card(name)}",
    }
    artifact = {f"artifacts.{artifact_name(name)}.{key}": value for key, value in pack.items()}
    registered = edit_settings(artifact, file.with_name("dvc.yaml"))
    return edit_settings(section, file) or registered


def artifact_name(voice: str) -> str:
    """Return what the registry calls a voice: DVC allows an artifact fewer letters than a stage."""
    return voice.lower().replace("_", "-").strip("-")


def check_names(names: Sequence[str], file: Path = PARAMS_FILE) -> None:
    """Raise VoicepackError for a name that DVC cannot use, or that the registry cannot tell from another voice's."""
    voices = [*((read_document(file) or {}).get("voices") or {}), *names]
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_-]*[A-Za-z0-9][A-Za-z0-9_-]*", name):
            raise VoicepackError(f"NAME is '{name}'. Use letters, digits, '_' and '-' only.")
        check_name(name)
        for other in voices:
            if other != name and artifact_name(other) == artifact_name(name):
                raise VoicepackError(f"NAME is '{name}', which is too like voice '{other}'. Choose another.")


def main() -> None:
    parser = argparse.ArgumentParser(description="Add a voice to params.yaml and dvc.yaml.")
    parser.add_argument("name", help="letters, digits, '_' and '-'")
    parser.add_argument("data", type=Path, help="a folder with train/metadata.jsonl and the recordings")
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--speaker", default="", help="whose voice, where metadata.jsonl names several")
    whose.add_argument("--every-speaker", action="store_true", help="a voice of each of them, called NAME_SPEAKER")
    arguments = parser.parse_args()
    voices = {arguments.name: arguments.speaker}
    if arguments.every_speaker:
        speakers = sorted({entry.speaker for entry in read_metadata(arguments.data / "train")} - {""})
        if not speakers:
            raise VoicepackError(f"{arguments.data}: metadata.jsonl names no speaker. Leave out --every-speaker.")
        voices = {f"{arguments.name}_{speaker}": speaker for speaker in speakers}
    check_names(list(voices))
    added = [name for name, speaker in voices.items() if add_voice(name, arguments.data, speaker=speaker)]
    if added:
        names = ", ".join(f"voices.{name}" for name in added)
        print(f"params.yaml: {names} added. State there who spoke, the licence and the consent.")


if __name__ == "__main__":
    try:
        main()
    except VoicepackError as error:
        sys.exit(f"add_voice: {error}")
