"""params.yaml, read through types: cast, complete, and without unknown keys.

Read as YAML 1.2, as DVC does: to YAML 1.1 `no` is false and `0121` is 81. A misspelt knob would silently do nothing:
every section is therefore poured into a dataclass that says what is allowed.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from voicepack.errors import VoicepackError

PARAMS_FILE = Path("params.yaml")
Settings = TypeVar("Settings")


def load_settings(section: str, settings_type: type[Settings], file: Path = PARAMS_FILE) -> Settings:
    """Read one section of params.yaml (dotted for a nested one) as the dataclass `settings_type`.

    Raises VoicepackError for a missing file or section, an unknown or missing key, or a value of the wrong type.
    """
    try:
        value: Any = YAML(typ="safe").load(file)
    except FileNotFoundError:
        raise VoicepackError(f"{file}: no such file. Run the stages from the root of the project.") from None
    except YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", -1) + 1
        raise VoicepackError(f"{file}:{line}: not valid YAML. Fix the line and try again.") from None
    for key in section.split("."):
        if not isinstance(value, dict) or key not in value:
            raise VoicepackError(f"{file}: section '{section}' is missing. Add it, or restore it from Git.")
        value = value[key]
    return typing.cast(Settings, _cast(value, settings_type, f"{file}: {section}"))


def flatten(settings: Any, prefix: str) -> dict[str, Any]:
    """Turn nested settings into one level of dotted names, as MLflow shows them (`train.lr`)."""
    values = dataclasses.asdict(settings) if dataclasses.is_dataclass(settings) else settings  # type: ignore[arg-type]
    if not isinstance(values, dict):
        return {prefix: values}
    return {key: leaf for name in values for key, leaf in flatten(values[name], f"{prefix}.{name}").items()}


def _cast(value: Any, wanted: Any, where: str) -> Any:
    if dataclasses.is_dataclass(wanted):
        return _cast_section(value, typing.cast(type, wanted), where)
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is typing.Literal:
        if value not in arguments:
            raise VoicepackError(f"{where} is '{value}'. Use one of: {', '.join(map(str, arguments))}.")
        return arguments[arguments.index(value)]  # 1 for 1.0
    if origin in (list, tuple):
        if not isinstance(value, list):
            raise VoicepackError(f"{where} is '{value}'. Write a list.")
        return origin(_cast(item, arguments[0], f"{where}[{index}]") for index, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise VoicepackError(f"{where} is '{value}'. Write a mapping of names to values.")
        return {str(key): _cast(item, arguments[1], f"{where}.{key}") for key, item in value.items()}
    return _cast_scalar(value, wanted, where)


def _cast_section(value: Any, wanted: type, where: str) -> Any:
    if not isinstance(value, dict):
        raise VoicepackError(f"{where} is '{value}'. Write a section of 'name: value' lines.")
    hints = typing.get_type_hints(wanted)
    fields = {field.name: field for field in dataclasses.fields(wanted)}
    unknown = sorted(set(value) - set(fields))
    if unknown:
        raise VoicepackError(f"{where}.{unknown[0]} is not a known setting. Known: {', '.join(fields)}.")
    required = {
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    missing = sorted(required - set(value))
    if missing:
        raise VoicepackError(f"{where}.{missing[0]} is missing. Add it, or restore it from Git.")
    return wanted(**{name: _cast(item, hints[name], f"{where}.{name}") for name, item in value.items()})


def _cast_scalar(value: Any, wanted: Any, where: str) -> Any:
    """Cast a number or a string. `"1e-4"` is a number as well; `true` is never one."""
    if wanted is bool or isinstance(value, bool):
        if wanted is bool and isinstance(value, bool):
            return value
    elif wanted is str and isinstance(value, (str, int, float)):
        return str(value)
    elif wanted in (int, float):
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if (wanted is float and math.isfinite(number)) or (wanted is int and number.is_integer()):
            return wanted(number)
    raise VoicepackError(f"{where} is '{value}'. Write a value of type {wanted.__name__}.")
