"""Text to phonemes by Kokoro's own front end (misaki), and the sentences that come with the project."""

from __future__ import annotations

import functools
import importlib.resources
import re
from typing import Any, Literal

from voicepack.constants import MAX_PHONEMES
from voicepack.errors import VoicepackError

ENGLISH = ("a", "b")  # American and British
Corpus = Literal["training", "evaluation", "demo"]


def sentences(corpus: Corpus) -> list[str]:
    """Return the sentences of a corpus that the project wrote for itself, one per line of its file."""
    return (importlib.resources.files("voicepack") / f"corpus/{corpus}.txt").read_text().splitlines()


def check_language(language: str) -> None:
    """Raise VoicepackError if Kokoro has no front end for a language, or it is not installed."""
    _pipeline(language)


def phonemize(text: str, language: str = "a") -> str:
    """Turn one utterance into the phoneme string that Kokoro speaks. `language` is KPipeline's code ("a": American).

    Raises VoicepackError if there is nothing to say, or more than Kokoro says at once (510 phonemes).
    """
    chunks = [result.phonemes for result in _pipeline(language)(plain_apostrophes(text)) if result.phonemes]
    phonemes = " ".join(chunks)
    if not any(character.isalpha() for character in phonemes):
        raise VoicepackError(f"'{text[:40]}': nothing to say in this text.")
    # KPipeline cuts the rest off, but of English.
    cut_off = language not in ENGLISH and any(len(chunk) == MAX_PHONEMES for chunk in chunks)
    if len(phonemes) > MAX_PHONEMES or cut_off:
        count = f"{len(phonemes)}{' or more' if cut_off else ''}"
        raise VoicepackError(
            f"'{text[:40]}…': {count} phonemes, Kokoro speaks {MAX_PHONEMES} at once. Cut the clip in two."
        )
    return phonemes


def plain_apostrophes(text: str) -> str:
    """Write the apostrophes of a word processor as a keyboard does: as ’, Kokoro's front end takes them for quotes."""
    return re.sub(r"(?<=\w)[’ʼ](?=\w)", "'", text)


@functools.cache
def _pipeline(language: str) -> Any:
    from kokoro import KPipeline

    try:
        return KPipeline(lang_code=language, repo_id="hexgrad/Kokoro-82M", model=False)
    except (AssertionError, ImportError) as error:
        raise VoicepackError(
            f"language '{language}' is not available ({error}). Use a KPipeline code whose front end is installed."
        ) from None
