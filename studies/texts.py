"""Sentences that studies let voices say."""

from __future__ import annotations

from itertools import islice

from voicepack.text import phonemize, sentences

_PHONEMES = range(25, 81)


def some_texts(count: int) -> dict[str, str]:
    """Return the first evaluation sentences of middling length, up to `count` of them, with their phonemes."""
    spoken = ((text, phonemize(text)) for text in sentences("evaluation"))
    return dict(islice(((text, phonemes) for text, phonemes in spoken if len(phonemes) in _PHONEMES), count))
