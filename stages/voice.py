"""A voice's own section of params.yaml, `voices.NAME`: its recordings, and who may use them for what."""

from __future__ import annotations

from dataclasses import dataclass

from stages.settings import load_settings
from voicepack.errors import VoicepackError

NOT_STATED = "not stated"


@dataclass(frozen=True)
class VoiceSettings:
    data: str
    speaker: str = ""
    speaker_name: str = NOT_STATED
    licence: str = NOT_STATED
    consent: str = NOT_STATED


def voice_names() -> list[str]:
    """Return the names of all voices, in the order of params.yaml. Raises VoicepackError if there are none."""
    return list(load_settings("voices", dict[str, dict[str, str]]))


def load_voice(name: str) -> VoiceSettings:
    """Read the section of a voice. Raises VoicepackError if no voice was named, or it has no section."""
    if not name:
        raise VoicepackError("no voice. Name one of `voices:` in params.yaml on the command line.")
    return load_settings(f"voices.{name}", VoiceSettings)
