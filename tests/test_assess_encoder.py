"""The table of what the encoder is worth."""

from pathlib import Path

import pytest
import torch
from recordings import SPEECH, unread_clip
from torch import Tensor

from studies.assess_encoder import SECONDS, markdown, measure
from studies.real_speakers import datasets, first_seconds, read_speaker
from studies.texts import some_texts
from voicepack.errors import VoicepackError
from voicepack.rendered_speech import HELD_OUT_CLIPS, Speech
from voicepack.voices import HELD_OUT


@pytest.fixture(scope="module")
def speech() -> Speech:
    """Clips whose first sample tells their number, and a voice for each."""
    count = len(HELD_OUT) * HELD_OUT_CLIPS
    clips = [torch.cat([torch.tensor([index / count]), torch.full((5 * 24_000,), 0.1)]) for index in range(count)]
    return Speech(clips, torch.randn(count, 256, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("seconds", SECONDS)
def test_an_excerpt_is_as_long_as_it_says(seconds: int, speech: Speech) -> None:
    lengths: list[int] = []

    def read(audio: Tensor) -> Tensor:
        lengths.append(len(audio))
        return torch.ones(256)

    measure(read, speech, seconds, damaged=False)
    assert set(lengths) == {seconds * 24_000}
    assert len(lengths) == len(HELD_OUT) * {1: 7, 2: 7, 5: 7, 10: 3, 30: 1}[seconds]


def test_a_reader_that_knows_makes_no_error(speech: Speech) -> None:
    def know(audio: Tensor) -> Tensor:
        return speech.voices[round(float(audio[0]) * len(speech.audio))]

    found = measure(know, speech, 5, damaged=False)
    assert found["acoustic_error"] == found["prosodic_error"] == 0
    assert found["acoustic_cosine"] == pytest.approx(1, abs=1e-5)
    assert measure(lambda audio: -know(audio), speech, 5, damaged=False)["prosodic_error"] == pytest.approx(2)


def test_damage_reaches_the_reader(speech: Speech) -> None:
    heard: list[Tensor] = []

    def read(audio: Tensor) -> Tensor:
        heard.append(audio)
        return torch.ones(256)

    measure(read, speech, 2, damaged=True)
    assert any(not torch.equal(audio, clip[:48_000]) for audio, clip in zip(heard, speech.audio, strict=True))


def test_rows_become_markdown() -> None:
    table = markdown([{"voice": "a", "error": 0.12345}, {"voice": "b", "error": 1.0}])
    assert table == "| voice | error |\n| --- | --- |\n| a | 0.123 |\n| b | 1.000 |"


def test_a_folder_without_datasets_is_named_at_once(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(VoicepackError, match="no dataset in it"):
            datasets(folder)


def test_the_first_seconds_are_whole_clips_and_at_least_one() -> None:
    clips = [unread_clip(2.0) for _ in range(4)]
    assert [len(first_seconds(clips, seconds)) for seconds in (1.0, 4.0, 5.9, 100.0)] == [1, 2, 2, 4]


def test_a_real_speaker_is_split_as_the_pipeline_splits(tmp_path: Path) -> None:
    folder: Path = SPEECH / "libritts_908"
    if not folder.is_dir():
        pytest.skip(f"no real speech in {SPEECH}")
    speaker = read_speaker(folder, tmp_path)
    assert speaker.name == "libritts_908"
    assert {clip.name for clip in speaker.train}.isdisjoint(clip.name for clip in speaker.held_out)
    assert len(speaker.train) + len(speaker.held_out) == 7


def test_texts_of_studies_are_of_middling_length() -> None:
    texts = some_texts(4)
    assert len(texts) == 4
    assert all(25 <= len(phonemes) <= 80 for phonemes in texts.values())
    assert texts == dict(list(some_texts(100).items())[:4])
