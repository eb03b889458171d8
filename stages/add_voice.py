"""Add a voice: python -m stages.add_voice NAME DATA

Its section goes to params.yaml, its pack to the registry in dvc.yaml (`artifacts`), by which others ask for it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from stages import places
from stages.edit_settings import edit_settings
from stages.settings import PARAMS_FILE
from voicepack.dataset import METADATA_FILE
from voicepack.errors import VoicepackError


def add_voice(name: str, data: Path, file: Path = PARAMS_FILE) -> bool:
    """Add the voice, or point it to other data; return whether anything changed.

    Raises VoicepackError for a name that DVC cannot use or a folder without a dataset.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise VoicepackError(f"NAME is '{name}'. Use letters, digits, '_' and '-' only.")
    if not (data / "train" / METADATA_FILE).is_file():
        raise VoicepackError(
            f"{data / 'train' / METADATA_FILE}: no such file. DATA must be a folder with train/{METADATA_FILE} in it."
        )
    # Within the project relative, so that it holds in every clone. Outside absolute, because `dvc exp run --temp` and
    # `--queue` work in a copy of the project that lies elsewhere.
    data, project = data.resolve(), file.resolve().parent
    path = str(data.relative_to(project) if data.is_relative_to(project) else data)
    if not edit_settings({f"voices.{name}.data": path}, file):
        return False
    # DVC allows an artifact fewer letters than a stage.
    artifact = f"artifacts.{name.lower().replace('_', '-').strip('-')}"
    pack = {
        "path": str(places.pack(name)),
        "type": "voice",
        "desc": f"Kokoro-82M voice pack; card: {places.card(name)}",
    }
    edit_settings({f"{artifact}.{key}": value for key, value in pack.items()}, file.with_name("dvc.yaml"))
    return True


if __name__ == "__main__":
    try:
        if add_voice(sys.argv[1], Path(sys.argv[2])):
            print(f"params.yaml: voices.{sys.argv[1]} added. State there who spoke, the licence and the consent.")
    except VoicepackError as error:
        sys.exit(f"add_voice: {error}")
