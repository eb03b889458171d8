"""A copy of this project with many voices that DVC finds up to date, though none was ever computed.

The outputs are stand-ins, as many files as the stages write. DVC itself records the first voice (`dvc commit`, which
runs nothing); the other voices' entries in dvc.lock are the first one's under their own names.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from voicepack.errors import VoicepackError

UP_TO_DATE = "Data and pipelines are up to date."
_ROOT = Path(__file__).parents[1]
_COPIED = (".dvc/config", ".dvcignore", ".gitignore", "dvc.yaml", "metrics/bench.json", "params.yaml")
_CODE = ("stages", "voicepack")
# Files in the folder that a stage writes, counted on the demo voice: DVC looks at each. A folder of a stage that is not
# listed gets one file.
_FILES = {"weights": 2, "demo": 22, "prepare": 22, "reference": 33, "baselines": 91, "evaluate": 29}
_RECORDINGS = 21


def build(folder: Path, count: int) -> list[str]:
    """Make the project with `count` voices in an empty folder, and return their names.

    Raises VoicepackError if DVC refuses to record it.
    """
    voices = [f"voice_{index:06}" for index in range(count)]
    _copy(folder)
    for name, entry in _read(folder / "dvc.yaml")["stages"].items():
        stage = entry.get("do", entry)
        for voice in voices if "do" in entry else [""]:
            _write_outputs(folder, name, stage, voice)
    for voice in voices:
        write_recordings(folder, voice)
    params = _read(folder / "params.yaml")
    sections = {voice: params["voices"]["demo"] | {"data": f"recordings/{voice}"} for voice in voices}
    (folder / "params.yaml").write_text(_text(params | {"voices": {voices[0]: sections[voices[0]]}}))
    _run(folder, "git", "init", "--quiet")
    _run(folder, *dvc(folder, "commit", "--force", "--quiet"))
    _replicate(folder / "dvc.lock", voices, sections)
    (folder / "params.yaml").write_text(_text(params | {"voices": sections}))
    return voices


def dvc(folder: Path, *arguments: str) -> list[str]:
    """Return the command line of a DVC command in a folder."""
    return [sys.executable, "-m", "dvc", "--cd", str(folder), *arguments]


def output(folder: Path, *arguments: str) -> str:
    """Run a DVC command and return what it prints. Raises VoicepackError if it fails."""
    return _run(folder, *dvc(folder, *arguments))


def write_recordings(folder: Path, voice: str) -> Path:
    """Write a stand-in for a speaker's recordings, and return where they are."""
    data = folder / "recordings" / voice
    _write_files([data / "train/metadata.jsonl", *(data / f"train/{index}.wav" for index in range(_RECORDINGS))])
    return data


def _copy(folder: Path) -> None:
    for name in _COPIED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_ROOT / name, folder / name)
    for name in _CODE:
        shutil.copytree(_ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))


def _write_outputs(folder: Path, name: str, stage: dict[str, Any], voice: str) -> None:
    entries = [entry for kind in ("outs", "metrics", "plots") for entry in stage.get(kind, [])]
    for entry in entries:
        path = folder / (entry if isinstance(entry, str) else next(iter(entry))).replace("${key}", voice)
        _write_files([path] if path.suffix else [path / f"{index}.wav" for index in range(_FILES.get(name, 1))])


def _write_files(files: Sequence[Path]) -> None:
    """Write files that are the same for every voice: so is what DVC records of them."""
    for index, file in enumerate(files):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{index}\n")


def _replicate(lock: Path, voices: Sequence[str], sections: dict[str, Any]) -> None:
    """Give every voice the first one's entries. The page depends on what all voices are, hence on all sections."""
    recorded = _read(lock)
    recorded["stages"]["report"]["params"]["params.yaml"]["voices"] = sections
    entries = {name: entry for name, entry in recorded["stages"].items() if name.endswith(f"@{voices[0]}")}
    indented = "".join(f"  {line}\n" for line in _text(entries).splitlines())
    lock.write_text(_text(recorded) + "".join(indented.replace(voices[0], voice) for voice in voices[1:]))


def _run(folder: Path, *command: str) -> str:
    finished = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise VoicepackError(f"{' '.join(command)} failed: {(finished.stderr.strip().splitlines() or ['?'])[-1]}")
    return finished.stdout


# As DVC does: PyYAML, of YAML 1.1, takes other strings for numbers.
def _read(file: Path) -> Any:
    return YAML().load(file)


def _text(value: Any) -> str:
    stream = StringIO()
    YAML().dump(value, stream)
    return stream.getvalue()
