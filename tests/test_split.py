"""Which clips are held out."""

import pytest
from recordings import unread_clip

from voicepack.clips import Clip
from voicepack.split import split_clips


def clip(text: str, name: str = "") -> Clip:
    return unread_clip(1, f"train/{name or text}.wav", text)


@pytest.mark.parametrize(("count", "expected"), [(3, 2), (4, 2), (10, 2), (20, 4), (100, 8)])
def test_the_held_out_share(count: int, expected: int) -> None:
    train, held_out = split_clips([clip(f"Text {i}.") for i in range(count)], [], fraction=0.2, seed=0)
    assert (len(train), len(held_out)) == (count - expected, expected)
    assert not {each.name for each in train} & {each.name for each in held_out}


def test_the_split_depends_on_the_seed_and_not_on_the_order() -> None:
    clips = [clip(f"Text {i}.") for i in range(20)]
    names = [{each.name for each in split_clips(order, [], fraction=0.2, seed=seed)[1]}
             for order, seed in ((clips, 0), (clips[::-1], 0), (clips, 1))]  # fmt: skip
    assert names[0] == names[1] != names[2]


def test_no_text_is_on_both_sides() -> None:
    clips = [clip(f"Text {i % 6}" + "!" * (i // 6), str(i)) for i in range(24)]
    for seed in range(20):
        train, held_out = split_clips(clips, [], fraction=0.2, seed=seed)
        assert train and held_out and len(train) + len(held_out) == 24
        assert not {each.text.rstrip("!") for each in train} & {each.text.rstrip("!") for each in held_out}


def test_validation_is_held_out_with_what_says_the_same() -> None:
    clips = [clip("One."), clip("TWO", "b"), clip("Three.")]
    train, held_out = split_clips(clips, [clip("Two.", "validation")], fraction=0.2, seed=0)
    assert [each.text for each in train] == ["One.", "Three."]
    assert [each.text for each in held_out] == ["Two.", "TWO"]


def test_one_text_alone_cannot_be_split() -> None:
    _, held_out = split_clips([clip("One.", str(i)) for i in range(6)], [], fraction=0.2, seed=0)
    assert not held_out
