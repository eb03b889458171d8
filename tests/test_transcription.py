"""Recordings alone become a dataset: cut, and written down by a recogniser or from the text that was read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import check_one_line
from hypothesis import given
from hypothesis import strategies as st
from recordings import babble
from torch import Tensor

from voicepack.audio import write_audio
from voicepack.command import main
from voicepack.dataset import read_dataset
from voicepack.intelligibility import Transcriber, word_error_rate
from voicepack.kokoro import Kokoro
from voicepack.preparation import Preparation, prepare_clips
from voicepack.text import phonemize
from voicepack.transcription import divide

SAID = (
    "The old clock in the hall struck nine.",
    "Nobody had expected the visitors before ten, least of all my uncle Wolde.",
    "Please leave your umbrella outside.",
)


@pytest.fixture(scope="module")
def talk(kokoro: Kokoro, stock_packs: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recording of what a stock voice says, silences of more than a second between the sentences."""
    folder = tmp_path_factory.mktemp("talk")
    spoken = [kokoro.render(phonemize(text), stock_packs["af_heart"], seed=0) for text in SAID]
    silence = torch.zeros(30_000)
    write_audio(folder / "talk.wav", torch.cat([part for audio in spoken for part in (silence, audio)]))
    return folder


def texts_of(dataset: Path) -> list[str]:
    return [entry.text for entry in read_dataset(dataset).train]


def test_a_recording_becomes_a_dataset_that_can_be_prepared(
    talk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = tmp_path / "me"
    main(["transcribe", str(talk / "talk.wav"), "--out", str(dataset)])
    assert f"{dataset}: 3 clips" in capsys.readouterr().out
    assert word_error_rate(SAID, texts_of(dataset)) < 0.15
    lines = [json.loads(line) for line in (dataset / "train/metadata.jsonl").read_text().splitlines()]
    assert [line["source"] for line in lines] == ["talk.wav"] * 3
    assert lines[0]["start"] == pytest.approx(1.2, abs=0.5)
    settings = Preparation(language="a", level_db=-24, min_seconds=1, max_seconds=30, least_heard=0.4)
    clips, rejected = prepare_clips(read_dataset(dataset).train, tmp_path / "clips", settings)
    assert len(clips) == 3
    assert rejected == []


def test_texts_of_other_clips_are_rejected(talk: Path, tmp_path: Path) -> None:
    """As in a table whose lines slipped by one."""
    main(["transcribe", str(talk / "talk.wav"), "--out", str(tmp_path / "me")])
    entries = read_dataset(tmp_path / "me").train
    slipped = [replace(entry, text=text) for entry, text in zip(entries, (*SAID[1:], SAID[0]), strict=True)]
    settings = Preparation(language="a", level_db=-24, min_seconds=1, max_seconds=30, least_heard=0.4)
    clips, rejected = prepare_clips(slipped, tmp_path / "clips", settings)
    assert clips == []
    assert [each.reason.partition(":")[0] for each in rejected] == 3 * ["text and recording differ"]


def test_a_text_beside_the_recording_is_what_was_said(talk: Path, tmp_path: Path) -> None:
    (tmp_path / "read").mkdir()
    (tmp_path / "read/talk.wav").symlink_to(talk / "talk.wav")
    (tmp_path / "read/talk.txt").write_text("\n".join(SAID))
    main(["transcribe", str(tmp_path / "read"), "--out", str(tmp_path / "me")])
    assert texts_of(tmp_path / "me") == list(SAID)


def test_what_is_unfit_is_one_line_and_leaves_nothing(
    talk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/talk.wav").symlink_to(talk / "talk.wav")
    (tmp_path / "other/talk.txt").write_text("A quite different story that nobody has ever told here before today.")
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.wav").write_text("no sound")
    write_audio(tmp_path / "silence.wav", torch.zeros(48_000))
    for recording, said in (
        ("other", "talk.txt is not what talk.wav says"),
        ("empty", "no recordings in this folder"),
        ("note.wav", "not an audio file"),
        ("none.wav", "no such file"),
        ("silence.wav", "no word was understood"),
    ):
        check_one_line(["transcribe", str(tmp_path / recording), "--out", str(tmp_path / "me")], said, capsys)
        assert not (tmp_path / "me").exists()


def test_what_is_no_speech_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_audio(tmp_path / "a.wav", babble(2.0))
    monkeypatch.setattr(Transcriber, "transcribe", lambda *_: "[MUSIC] (applause)")
    check_one_line(
        ["transcribe", str(tmp_path / "a.wav"), "--out", str(tmp_path / "me")], "no word was understood", capsys
    )


def test_a_dataset_that_was_read_over_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_audio(tmp_path / "a.wav", babble(2.0))
    (tmp_path / "me").mkdir()
    (tmp_path / "me/mine").touch()
    check_one_line(["transcribe", str(tmp_path / "a.wav"), "--out", str(tmp_path / "me")], "is there already", capsys)
    assert (tmp_path / "me/mine").exists()


@pytest.mark.parametrize(
    ("text", "heard", "divided"),
    [
        ("One two. Three four.", ["one two", "three four"], ["One two.", "Three four."]),
        ("In 1912, he left. Then nothing.", ["In nineteen twelve he left.", "Then nothing"],
         ["In 1912, he left.", "Then nothing."]),
        ("The esprit, I say, of all. And more.", ["The a spree I say of all", "and more"],
         ["The esprit, I say, of all.", "And more."]),
        ("One two three. Four five six.", ["one two three", "", "four five six"],
         ["One two three.", "", "Four five six."]),
        ("A title. One two three.", ["one two three"], ["A title. One two three."]),
    ],
)  # fmt: skip
def test_a_text_is_divided_where_the_pieces_end(text: str, heard: list[str], divided: list[str]) -> None:
    assert divide(text, heard) == divided


@given(st.lists(st.lists(st.sampled_from(["the", "a", "red", "Fox", "runs,"]), max_size=6), max_size=8))
def test_heard_word_for_word_every_piece_has_its_own(pieces: list[list[str]]) -> None:
    heard = [" ".join(piece) for piece in pieces]
    assert divide(" ".join(" ".join(heard).split()), heard) == heard


def test_another_text_is_refused() -> None:
    with pytest.raises(ValueError, match="0 of its 2 words are among the 7 that were heard"):
        divide("Good morning.", ["I have never said such a thing"])


def test_a_piece_without_words_is_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    silence = torch.zeros(36_000)
    write_audio(tmp_path / "a.wav", torch.cat([babble(2.0), silence, babble(3.0), silence, babble(2.0)]))
    heard = iter(("One.", "(applause)", "Two."))
    monkeypatch.setattr(Transcriber, "transcribe", lambda *_: next(heard))
    main(["transcribe", str(tmp_path / "a.wav"), "--out", str(tmp_path / "me")])
    said = capsys.readouterr().out
    assert "2 clips, " in said and "; 1 left out, in which no word was understood" in said
    lines = [json.loads(line) for line in (tmp_path / "me/train/metadata.jsonl").read_text().splitlines()]
    assert [line["text"] for line in lines] == ["One.", "Two."]
    assert sorted(path.name for path in (tmp_path / "me/train").glob("*.wav")) == [line["file_name"] for line in lines]
