"""Which clips train a voice and which are kept apart to judge it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from voicepack.clips import Clip

FEWEST_HELD_OUT, MOST_HELD_OUT = 2, 8


def split_clips(
    train: Sequence[Clip], validation: Sequence[Clip], *, fraction: float, seed: int
) -> tuple[list[Clip], list[Clip]]:
    """Return the clips to train on and the clips held out. No text is in both.

    Held out are the validation clips, if there are any, and the training clips that say the same. Otherwise a
    `fraction` of the training clips, 2 to 8, by a hash of `seed` and the text: a clip that is added later leaves the
    others where they were. All clips of one text go to one side. Where that is impossible nothing is held out.
    """
    if validation:
        held_out_texts = {_spoken(clip.text) for clip in validation}
    else:
        held_out_texts = _choose_texts(Counter(_spoken(clip.text) for clip in train), fraction, seed)
    held_out = [clip for clip in train if _spoken(clip.text) in held_out_texts]
    return [clip for clip in train if _spoken(clip.text) not in held_out_texts], [*validation, *held_out]


def _choose_texts(counts: Counter[str], fraction: float, seed: int) -> set[str]:
    """Choose texts whose clips together make up about a `fraction` of all, at least 2 and at most 8."""
    total = counts.total()
    wanted = min(max(round(fraction * total), FEWEST_HELD_OUT), MOST_HELD_OUT)
    shuffled = sorted(counts, key=lambda text: hashlib.sha256(f"{seed} {text}".encode()).digest())
    chosen: set[str] = set()
    for text in shuffled:
        if sum(counts[other] for other in chosen) + counts[text] <= min(wanted, total - 1):
            chosen.add(text)
    if not chosen and len(counts) > 1:  # every text was said more often than wanted: take the rarest
        chosen.add(min(shuffled, key=lambda text: counts[text]))
    return chosen


def _spoken(text: str) -> str:
    """Return the words alone, so that texts count as the same whatever their punctuation and case."""
    return " ".join("".join(character if character.isalnum() else " " for character in text).casefold().split())
