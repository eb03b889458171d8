"""Add a voice: python -m tools.add_voice NAME DATA

Its section goes to params.yaml, its pack to the registry in dvc.yaml (`artifacts`), by which others ask for it. Where
the recordings are of several speakers, `--speaker NAME` says whose voice it is, and `--every-speaker` adds a voice of
each, called NAME_SPEAKER, with '_' for what no name of a voice can have in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from stages import places
from stages.settings import PARAMS_FILE
from stages.stage import one_line_errors
from tools.command import command_parser
from tools.edit_settings import edit_settings, read_document
from voicepack.dataset import METADATA_FILE, read_dataset, read_metadata
from voicepack.errors import VoicepackError

_LONGEST_NAME = 100  # MLflow's keys have 250 letters, in which a measure and a name must find room
Outcome = Literal["added", "changed", "registered", ""]


def add_voice(name: str, data: Path, file: Path = PARAMS_FILE, speaker: str = "") -> Outcome:
    """Add the voice, or point it to other data or another `speaker` there; return what came of it.

    "registered": its section is as it was, and only the registry did not have it; "": nothing changed at all.
    Raises VoicepackError for a name that no voice can have or that another voice has in the registry, or a folder
    without a dataset.
    """
    check_names([name], file)
    known = name in _voices(file)
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
    if edit_settings(section, file):
        return "changed" if known else "added"
    return "registered" if registered else ""


def artifact_name(voice: str) -> str:
    """Return what the registry calls a voice: DVC allows an artifact fewer letters than a stage."""
    return voice.lower().replace("_", "-").strip("-")


def check_names(names: Sequence[str], file: Path = PARAMS_FILE) -> None:
    """Raise VoicepackError for a name that no voice can have, or that the registry cannot tell from another voice's."""
    voices = [*_voices(file), *names]
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_-]*[A-Za-z0-9][A-Za-z0-9_-]*", name):
            raise VoicepackError(f"NAME is '{name}'. Use letters, digits, '_' and '-' only.")
        if len(name) > _LONGEST_NAME:
            raise VoicepackError(f"NAME has {len(name)} letters. Use {_LONGEST_NAME} at most.")
        if places.measures(name.lower()) in places.NOT_OF_A_VOICE:  # where letters' case counts for nothing as well
            raise VoicepackError(f"NAME is '{name}', but {places.measures(name)} is not of a voice. Choose another.")
        for other in voices:
            if other != name and artifact_name(other) == artifact_name(name):
                raise VoicepackError(f"NAME is '{name}', which is too like voice '{other}'. Choose another.")


def names_of_speakers(name: str, speakers: Iterable[str]) -> dict[str, str]:
    """Return the speakers by the names of their voices. Raises VoicepackError for two whose voices would have the same.

    A speaker may be called anything, a voice not: see `check_names`.
    """
    voices: dict[str, str] = {}
    for speaker in speakers:
        voice = f"{name}_{re.sub(r'[^A-Za-z0-9_-]', '_', speaker)}"
        if voice in voices:
            raise VoicepackError(
                f"'{voices[voice]}' and '{speaker}' would both be voice '{voice}'. Add each under a name of its own,"
                " with --speaker."
            )
        voices[voice] = speaker
    return voices


def _voices(file: Path) -> Sequence[str]:
    """Return the names of the voices of params.yaml, perhaps none. Raises VoicepackError if the section is missing."""
    document = read_document(file) or {}
    if "voices" not in document:
        raise VoicepackError(f"{file}: section 'voices' is missing. Add it, or restore it from Git.")
    return list(document["voices"] or {})


def main() -> None:
    parser = command_parser("tools.add_voice", __doc__)
    parser.add_argument("name", help="letters, digits, '_' and '-'")
    parser.add_argument("data", type=Path, help="a folder with train/metadata.jsonl and the recordings")
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--speaker", default="", help="whose voice, where metadata.jsonl names several")
    whose.add_argument("--every-speaker", action="store_true", help="a voice of each of them, called NAME_SPEAKER")
    arguments = parser.parse_args()
    voices = {arguments.name: arguments.speaker}
    if arguments.speaker:
        read_dataset(arguments.data, arguments.speaker)  # fails where nobody of that name is
    if arguments.every_speaker:
        speakers = sorted({entry.speaker for entry in read_metadata(arguments.data / "train")} - {""})
        if not speakers:
            raise VoicepackError(f"{arguments.data}: metadata.jsonl names no speaker. Leave out --every-speaker.")
        voices = names_of_speakers(arguments.name, speakers)
    check_names(list(voices))
    outcomes = {name: add_voice(name, arguments.data, speaker=speaker) for name, speaker in voices.items()}
    said: dict[Outcome, str] = {
        "added": "params.yaml: {} added. State there who spoke, the licence and the consent.",
        "changed": "params.yaml: {} changed. Check who spoke, the licence and the consent, which are as they were.",
        "registered": "dvc.yaml: the packs of {} added to the registry.",
    }
    for outcome, sentence in said.items():
        if names := [f"voices.{name}" for name in voices if outcomes[name] == outcome]:
            print(sentence.format(", ".join(names)))


if __name__ == "__main__":
    with one_line_errors("add_voice"):
        main()
