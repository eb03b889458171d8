from pathlib import Path

import pytest
import soundfile
import torch
from recordings import TEXTS, babble, write_dataset, write_metadata
from torch.testing import assert_close

from voicepack.audio import speech_level, write_audio
from voicepack.clips import (
    Clip,
    Rejected,
    check_enough,
    choose_clips,
    prepare_clips,
    read_clips,
    write_clips,
)
from voicepack.dataset import read_metadata
from voicepack.errors import VoicepackError
from voicepack.files import read_table
from voicepack.split import split_clips


def prepare(folder: Path) -> tuple[list[Clip], list[Rejected]]:
    return prepare_clips(read_metadata(folder), language="a", level_db=-24, min_seconds=1, max_seconds=20)


def clip(text: str, name: str = "") -> Clip:
    return Clip(f"train/{name or text}.wav", text, "həlˈO", babble(1), 12_000.0, 40.0)


def reason(folder: Path, audio: torch.Tensor, text: str = TEXTS[0]) -> str:
    """Return why one recording is rejected."""
    folder.mkdir()
    soundfile.write(folder / "a.wav", audio.numpy(), 24_000, subtype="FLOAT")
    write_metadata(folder, [{"file_name": "a.wav", "text": text}])
    clips, rejected = prepare(folder)
    assert not clips
    assert rejected[0].source.endswith("metadata.jsonl:1") and "\n" not in rejected[0].reason
    return rejected[0].reason


def test_good_recordings_become_clips(tmp_path: Path) -> None:
    write_dataset(tmp_path, TEXTS[:2])
    clips, rejected = prepare(tmp_path / "train")
    assert not rejected
    assert [clip.name for clip in clips] == ["train/a.wav", "train/b.wav"]
    for each in clips:
        assert each.audio.dtype == torch.float32 and each.audio.dim() == 1
        assert each.seconds == pytest.approx(2.5, abs=0.25)
        assert speech_level(each.audio) == pytest.approx(-24, abs=0.5)
        assert each.bandwidth == 12_000 and each.signal_to_noise > 20
    assert clips[0].phonemes.startswith("ðə kwˈɪk bɹˈWn")


def test_stereo_at_44_khz_is_a_clip_like_any(tmp_path: Path) -> None:
    audio = babble(2.5, rate=44_100)
    soundfile.write(tmp_path / "a.flac", torch.stack([audio, audio], dim=1).numpy(), 44_100)
    write_metadata(tmp_path, [{"file_name": "a.flac", "text": TEXTS[0]}])
    clips, rejected = prepare(tmp_path)
    assert not rejected and clips[0].seconds == pytest.approx(2.5, abs=0.25)


@pytest.mark.parametrize(
    ("audio", "expected"),
    [
        (torch.zeros(0), "empty"),
        (torch.zeros(48_000), "silent"),
        (1e-5 * babble(3), "silent"),
        (torch.cat([babble(2), torch.tensor([float("nan")])]), "not finite"),
        (torch.cat([babble(2), torch.tensor([float("inf")])]), "not finite"),
        ((30 * babble(2.5)).clamp(-1, 1), "clipped"),
        (babble(0.5), "too short"),
        (torch.cat([torch.zeros(48_000), babble(0.5), torch.zeros(48_000)]), "too short"),
        (babble(21), "too long"),
        (babble(19), "text and recording differ"),
    ],
)
def test_bad_sound_is_rejected_with_its_reason(tmp_path: Path, audio: torch.Tensor, expected: str) -> None:
    assert reason(tmp_path / "train", audio).startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("...", "cannot be spoken"), (" ".join(TEXTS * 3), "cannot be spoken"), (" ".join(TEXTS), "text and recording")],
)
def test_bad_text_is_rejected_with_its_reason(tmp_path: Path, text: str, expected: str) -> None:
    assert reason(tmp_path / "train", babble(2), text).startswith(expected)


def test_bad_files_are_rejected_and_the_others_stay(tmp_path: Path) -> None:
    write_audio(tmp_path / "good.wav", babble(2.5))
    (tmp_path / "text.wav").write_text("no sound")
    names = ["missing.wav", "text.wav", "good.wav"]
    write_metadata(tmp_path, [{"file_name": name, "text": TEXTS[0]} for name in names])
    clips, rejected = prepare(tmp_path)
    assert [clip.name for clip in clips] == [f"{tmp_path.name}/good.wav"]
    assert [each.reason.partition(":")[0] for each in rejected] == ["no such file", "not an audio file"]
    assert [each.source.rpartition(":")[2] for each in rejected] == ["1", "2"]


def test_clips_survive_the_disk(tmp_path: Path) -> None:
    first, second = clip('Tabs\tand "quotes",\nlines.', "a"), clip("Two.", "b")
    write_clips(tmp_path, [first], [second], [Rejected(Path("c.wav"), "metadata.jsonl:3", "silent: -80 dB")])
    for split, expected in (("train", first), ("held_out", second)):
        (found,) = read_clips(tmp_path, split)  # type: ignore[arg-type]
        assert (found.name, found.text, found.phonemes) == (expected.name, expected.text, expected.phonemes)
        assert (found.bandwidth, found.signal_to_noise) == (expected.bandwidth, expected.signal_to_noise)
        assert_close(found.audio, expected.audio, atol=2**-16, rtol=0)
    assert read_table(tmp_path / "rejected.tsv") == [
        {"file": "c.wav", "line": "metadata.jsonl:3", "reason": "silent: -80 dB"}
    ]


def test_the_same_clips_make_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("first", "second"):
        write_clips(tmp_path / folder, [clip("One."), clip("Two.")], [clip("Three.")], [])
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def test_reading_what_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(VoicepackError, match=r"train\.safetensors: no such file"):
        read_clips(tmp_path, "train")


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
    clips = [clip("One.", str(i)) for i in range(6)]
    train, held_out = split_clips(clips, [], fraction=0.2, seed=0)
    assert not held_out
    with pytest.raises(VoicepackError, match="hold out"):
        check_enough(train, held_out, [], min_clips=4, table=Path("rejected.tsv"))


def test_too_few_clips_say_why() -> None:
    rejected = [
        Rejected(Path("a.wav"), "metadata.jsonl:1", "too short: 0.1 s"),
        Rejected(Path("b.wav"), "metadata.jsonl:2", "silent: -90 dB"),
        Rejected(Path("c.wav"), "metadata.jsonl:3", "silent: -80 dB"),
    ]
    with pytest.raises(VoicepackError) as error:
        check_enough([clip("One.")], [clip("Two.")], rejected, min_clips=4, table=Path("some/rejected.tsv"))
    for part in ("2 of 5 clips are usable, 4 are needed", "(2 of 3)", "metadata.jsonl:2: silent", "some/rejected.tsv"):
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_chosen_clips_last_no_longer_than_asked() -> None:
    clips = [clip(f"Text {i}.") for i in range(10)]  # a second each
    assert len(choose_clips(clips, 3.5, seed=0)) == 3
    assert len(choose_clips(clips, 0.5, seed=0)) == 1
    assert choose_clips(clips, 5, seed=0) == choose_clips(clips, 5, seed=0) != choose_clips(clips, 5, seed=1)
