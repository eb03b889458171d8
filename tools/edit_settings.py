"""params.yaml and dvc.yaml, written without losing their comments or their layout."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.settings import PARAMS_FILE
from voicepack.errors import VoicepackError
from voicepack.files import written_whole

_OF_VOICES = ("voices", "artifacts")


def edit_settings(values: Mapping[str, Any], file: Path = PARAMS_FILE) -> bool:
    """Set values by dotted name, such as `train.lr`; return whether that changed anything.

    Raises VoicepackError for a file that is missing or broken, or a section that is not there; one of a voice
    (`voices.me`, `artifacts.me`) is made.
    """
    params = read_document(file)
    changed = False
    for name, value in values.items():
        *sections, key = name.split(".")
        section = params
        for depth, each in enumerate(sections):
            if each not in section and not (depth == 1 and sections[0] in _OF_VOICES):
                raise VoicepackError(f"{file}: section '{each}' is missing. Add it, or restore it from Git.")
            if section.get(each) is None:
                section[each] = {}
            section = section[each]
        changed |= section.get(key) != value
        section[key] = value
    if changed:
        with written_whole(file) as temporary:
            _editor().dump(params, temporary)
    return changed


def read_document(file: Path = PARAMS_FILE) -> Any:
    """Read a file with its comments and layout. Raises VoicepackError if it is missing or broken."""
    try:
        return _editor().load(file)
    except FileNotFoundError:
        raise VoicepackError(f"{file}: no such file. Run this from the root of the project.") from None
    except YAMLError:
        raise VoicepackError(f"{file}: not valid YAML. Fix it and try again.") from None


def _editor() -> YAML:
    editor = YAML()
    editor.width = 120
    editor.preserve_quotes = True
    editor.indent(mapping=2, sequence=4, offset=2)
    return editor
