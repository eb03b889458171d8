"""Renders and sentences, as they are kept in a folder."""

import math
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from recordings import babble

from voicepack.audio import read_audio
from voicepack.errors import VoicepackError
from voicepack.renders import FLOOR, NEW, Measured, Render, of_voice, read_renders, sample, write_renders
from voicepack.sentence import (
    LONGEST,
    Recording,
    Sentence,
    fixed_sentences,
    read_sentences,
    real_speech,
    write_sentences,
)

HEARD = '\tHe said "no",\nand  left: ðə kˈæt \'s. '


def render(voice: str = NEW, seed: int = 0, *, held_out: bool = False, **measured: float) -> Render:
    generator = torch.Generator().manual_seed(seed)
    first = seed == 0
    return Render(
        voice, "sentence_01", held_out, seed, 37, Measured(**measured),
        embedding=torch.randn(8, generator=generator),
        audio=babble(0.5, seed=seed) if first else None,
        f0=100 + torch.randn(40, generator=generator) if first and held_out else None,
    )  # fmt: skip


def recorded(name: str) -> Sentence:
    recording = Recording(torch.tensor([1, 2, 3]), torch.rand(1, 12), torch.rand(1, 12), babble(0.15), 7_500.0)
    return Sentence(name, "Recorded before.", "ɹəkˈɔɹdᵻd bəfˈɔɹ.", recording)


def test_renders_come_back_as_they_were(tmp_path: Path) -> None:
    renders = [
        render(likeness=0.5, word_errors=2.0, words=7.0, faulty=1.0),
        render(seed=1, likeness=-0.25),
        render(FLOOR, held_out=True, mcd_db=4.5, f0_rmse_cents=math.nan),
    ]
    write_renders(tmp_path, renders)
    again = read_renders(tmp_path)
    for before, after in zip(renders, again, strict=True):
        for name in ("voice", "sentence", "held_out", "seed", "phoneme_count", "faults", "heard"):
            assert getattr(after, name) == getattr(before, name), name
        for each in fields(Measured):
            value = getattr(before.measured, each.name)
            assert getattr(after.measured, each.name) == pytest.approx(value, nan_ok=True), each.name
        assert torch.equal(after.embedding, before.embedding)
    assert again[0].f0 is None
    assert again[1].f0 is None
    assert renders[2].f0 is not None
    assert torch.equal(again[2].f0, renders[2].f0)


def test_numbers_keep_six_digits(tmp_path: Path) -> None:
    write_renders(tmp_path, [render(likeness=0.123456789, f0_rmse_cents=1234.56789)])
    (again,) = read_renders(tmp_path)
    assert again.measured.likeness == pytest.approx(0.123456789, abs=5e-7)
    assert again.measured.f0_rmse_cents == pytest.approx(1234.56789, rel=5e-6)


def test_what_was_heard_may_hold_anything(tmp_path: Path) -> None:
    write_renders(tmp_path, [Render(NEW, "a", False, 0, 3, Measured(), "clipped, too slow", HEARD, torch.zeros(4))])
    (again,) = read_renders(tmp_path)
    assert (again.faults, again.heard) == ("clipped, too slow", HEARD)


def test_the_first_seed_alone_can_be_heard_and_has_a_melody(tmp_path: Path) -> None:
    renders = [render(held_out=True), render(seed=1, held_out=True), render(FLOOR, held_out=True)]
    write_renders(tmp_path, renders)
    assert sorted(path.name for path in tmp_path.glob("*.wav")) == ["sentence_01_new.wav", "sentence_01_stock.wav"]
    audio = read_audio(sample(tmp_path, "sentence_01", NEW))
    torch.testing.assert_close(audio, renders[0].audio, rtol=0, atol=2**-15)
    again = read_renders(tmp_path)
    assert [each.f0 is not None for each in again] == [True, False, True]
    assert all(each.audio is None for each in again)


def test_renders_of_a_voice_keep_their_order() -> None:
    renders = [render(seed=1), render(FLOOR), render()]
    assert [each.seed for each in of_voice(renders, NEW)] == [1, 0]
    assert of_voice(renders, "nobody") == []


def test_a_folder_without_renders_is_one_line(tmp_path: Path) -> None:
    for read in (read_renders, read_sentences):
        with pytest.raises(VoicepackError, match="no such file") as caught:
            read(tmp_path)
        assert "\n" not in str(caught.value)


def test_sentences_come_back_as_they_were(tmp_path: Path) -> None:
    every = [
        recorded("held_out_1"),
        Sentence("sentence_01", 'Tea, "or" coffee?', "tˈi, ɔɹ kˈɔfi?"),
        recorded("held_out_2"),
    ]
    write_sentences(tmp_path, every)
    again = read_sentences(tmp_path)
    for before, after in zip(every, again, strict=True):
        assert (after.name, after.text, after.phonemes, after.held_out) == (
            before.name, before.text, before.phonemes, before.held_out,
        )  # fmt: skip
        if before.recording is None:
            continue
        assert after.recording is not None
        for part in ("frames", "f0", "energy", "audio"):
            assert torch.equal(getattr(after.recording, part), getattr(before.recording, part)), part
        assert after.recording.bandwidth == before.recording.bandwidth
    assert [each.held_out for each in again] == [True, False, True]
    assert len(real_speech(again)) == 2 * 3600


def test_sentences_without_a_recording_can_be_kept_too(tmp_path: Path) -> None:
    every = [Sentence("a", "Yes.", "jˈɛs.")]
    write_sentences(tmp_path, every)
    assert read_sentences(tmp_path) == every


def test_a_few_fixed_sentences_are_the_same_ones_of_different_lengths() -> None:
    few = fixed_sentences(3)
    assert few == fixed_sentences(3)
    lengths = [len(each.phonemes) for each in few]
    assert len(set(lengths)) == 3
    assert max(lengths) > 2 * min(lengths)
    assert not any(each.held_out for each in few)


def test_all_fixed_sentences_have_names_of_their_own_and_few_are_among_them() -> None:
    every = fixed_sentences()
    assert len({each.name for each in every}) == len({each.text for each in every}) == len(every) == 20
    assert all(each in every for count in (1, 2, 7) for each in fixed_sentences(count))
    assert [len(fixed_sentences(count)) for count in (1, 2, 7)] == [1, 2, 7]
    assert sum(len(each.phonemes) > LONGEST for each in every) == 2


def test_more_than_20_are_20() -> None:
    assert fixed_sentences(99) == fixed_sentences()
