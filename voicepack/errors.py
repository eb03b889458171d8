"""The one kind of error that is meant for the person at the keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class VoicepackError(Exception):
    """Something the user can fix. The message is one line: what is wrong, where, and how to fix it."""


def first_line(error: BaseException) -> str:
    """Return what an error says first, or its type if it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


@contextmanager
def naming(what: object) -> Iterator[None]:
    """Say of a VoicepackError that is raised inside what it is about, such as a file or a clip."""
    try:
        yield
    except VoicepackError as error:
        raise VoicepackError(f"{what}: {error}") from None


@contextmanager
def needs_packages() -> Iterator[None]:
    """Raise VoicepackError for a package that is imported inside and not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise VoicepackError(f"package '{error.name}' is not installed. Run `make setup`.") from None
