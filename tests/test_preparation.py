"""Recordings to clips, or to a reason why not."""

import struct
from pathlib import Path

import pytest
import soundfile
import torch
from recordings import TEXTS, babble, damaged, unread_clip, write_dataset, write_hours, write_metadata
from torch.nn.functional import pad

from voicepack.audio import speech_level, write_audio
from voicepack.clips import Clip
from voicepack.dataset import read_metadata
from voicepack.errors import VoicepackError
from voicepack.preparation import Preparation, Rejected, check_enough, prepare_clips


def prepare(folder: Path, least_heard: float = 0) -> tuple[list[Clip], list[Rejected]]:
    """Prepare the dataset in `folder`; the clips go to clips/ in it. Nothing is understood in babble."""
    settings = Preparation(language="a", level_db=-24, min_seconds=1, max_seconds=20, least_heard=least_heard)
    return prepare_clips(read_metadata(folder), folder / "clips", settings)


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
        assert soundfile.info(each.file).subtype == "PCM_16"
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
        (pad((30 * babble(2.5)).clamp(-1, 1), (400_000, 0)), "clipped"),  # among silence, which hides how much
        (0.01 * babble(3) + pad(torch.full((240,), 0.5), (24_000, 47_760)), "a click"),
        (0.01 * torch.randn(72_000, generator=torch.Generator().manual_seed(0)), "no speech"),
        (0.2 + 1e-5 * babble(3), "silent"),
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
    names = ["missing.wav", "text.wav", "good.wav", 300 * "x" + ".wav"]
    write_metadata(tmp_path, [{"file_name": name, "text": TEXTS[0]} for name in names])
    clips, rejected = prepare(tmp_path)
    assert [clip.name for clip in clips] == [f"{tmp_path.name}/good.wav"]
    assert [each.reason.partition(":")[0] for each in rejected] == [
        "no such file",
        "not an audio file, or a damaged one",
        "cannot be opened",
    ]
    assert [each.source.rpartition(":")[2] for each in rejected] == ["1", "2", "4"]


def test_recordings_may_be_called_anything(tmp_path: Path) -> None:
    """Names that differ by their suffix alone, that are as long as names can be, and that look like paths of ours."""
    names = [
        "a.wav",
        "a.flac",
        "a.wav.flac/a.wav",
        "00001.wav",
        "sub/ö ü\n\t\r'\".wav",
        251 * "x" + ".wav",
        "é%2F?*.wav",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, babble(2.5, seed=len(name)).numpy(), 24_000)
    write_metadata(tmp_path, [{"file_name": name, "text": TEXTS[0]} for name in names])
    clips, rejected = prepare(tmp_path)
    assert not rejected and [clip.name for clip in clips] == [f"{tmp_path.name}/{name}" for name in names]
    assert len({clip.file for clip in clips}) == len(names)


def test_silence_around_the_speech_does_not_make_it_too_long(tmp_path: Path) -> None:
    silence = torch.zeros(12 * 24_000)
    write_audio(tmp_path / "a.wav", torch.cat([silence, babble(2.5), silence]))
    write_metadata(tmp_path, [{"file_name": "a.wav", "text": TEXTS[0]}])
    (clip,), rejected = prepare(tmp_path)
    assert not rejected and clip.seconds == pytest.approx(2.5, abs=0.25)


def test_an_offset_of_the_recorder_is_taken_off(tmp_path: Path) -> None:
    """In the silence it would count as sound, which then would not be cut off, nor be told from speech."""
    silence = torch.zeros(24_000)
    for name, offset in (("a.wav", 0.0), ("b.wav", 0.05)):
        soundfile.write(tmp_path / name, (offset + torch.cat([silence, babble(2.5), silence])).numpy(), 24_000)
    write_metadata(tmp_path, [{"file_name": name, "text": TEXTS[0]} for name in ("a.wav", "b.wav")])
    (clean, offset), rejected = prepare(tmp_path)
    assert not rejected and offset.samples == clean.samples
    torch.testing.assert_close(offset.audio, clean.audio, rtol=0, atol=1e-3)
    assert offset.signal_to_noise > 20


def test_a_text_is_compared_with_what_a_recogniser_hears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hears:
        def transcribe(self, audio: torch.Tensor) -> str:
            return "A quick brown box jumped over the lazy dog"

    monkeypatch.setattr("voicepack.preparation.Transcriber", Hears)
    write_dataset(tmp_path, [TEXTS[0], TEXTS[1], "Thank you, no."])
    clips, (wrong,) = prepare(tmp_path / "train", least_heard=0.4)
    assert [clip.text for clip in clips] == [TEXTS[0], "Thank you, no."]  # of three words one may well be misheard
    assert wrong.path.name == "b.wav"
    assert wrong.reason.startswith("text and recording differ: 20% of their words are the same, heard is 'A quick")


def test_clips_that_nothing_could_read_are_not_asked_for() -> None:
    with pytest.raises(VoicepackError, match=r"^prepare\.min_seconds is 0\.5\. Write 1 or more\.$"):
        Preparation(language="a", level_db=-24, min_seconds=0.5, max_seconds=20, least_heard=0)


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_hours_in_one_file_are_not_read(tmp_path: Path, rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicepack.preparation.read_audio", lambda path: pytest.fail(f"{path} is read"))
    folder = tmp_path / "train"
    folder.mkdir()
    write_hours(folder / "a.wav", 3, rate)
    write_metadata(folder, [{"file_name": "a.wav", "text": TEXTS[0]}])
    _, (rejected,) = prepare(folder)
    assert rejected.reason == (
        "too long: 10800 s with the silence around it, cut it into clips of 20 s at most,"
        " as `voicepack transcribe` does"
    )


def test_a_header_that_lies_is_not_believed(tmp_path: Path) -> None:
    for name in ("unknown.wav", "unknown.flac", "endless.flac", "rate.wav"):
        soundfile.write(tmp_path / name, babble(2.5).numpy(), 24_000)
    damaged(tmp_path / "unknown.wav", b"data", 4, struct.pack("<I", 2**32 - 1))  # as written to a pipe
    damaged(tmp_path / "unknown.flac", b"fLaC", 22, bytes(4))
    damaged(tmp_path / "endless.flac", b"fLaC", 22, 4 * b"\xff")
    damaged(tmp_path / "rate.wav", b"fmt ", 12, struct.pack("<I", 2**31 - 1))
    lines = [{"file_name": path.name, "text": TEXTS[0]} for path in sorted(tmp_path.iterdir())]
    write_metadata(tmp_path, lines)
    (clip,), rejected = prepare(tmp_path)
    assert clip.name.endswith("unknown.wav")
    assert [(each.path.name, each.reason.partition(":")[0]) for each in rejected] == [
        ("endless.flac", "not an audio file, or a damaged one"),
        ("rate.wav", "odd sampling rate"),
        ("unknown.flac", "not an audio file, or a damaged one"),
    ]


def test_one_text_alone_is_not_enough() -> None:
    with pytest.raises(VoicepackError, match="no clip is left to hold out among 6: too many of them say the same"):
        check_enough([unread_clip(1)] * 6, [], [], min_clips=4, table=Path("rejected.tsv"))
    with pytest.raises(VoicepackError, match="no clip is left to hold out among 1: there must be one of each"):
        check_enough([unread_clip(1)], [], [], min_clips=1, table=Path("rejected.tsv"))


def test_too_few_clips_say_why() -> None:
    rejected = [
        Rejected(Path("a.wav"), "metadata.jsonl:1", "too short: 0.1 s"),
        Rejected(Path("b.wav"), "metadata.jsonl:2", "silent: -90 dB"),
        Rejected(Path("c.wav"), "metadata.jsonl:3", "silent: -80 dB"),
    ]
    with pytest.raises(VoicepackError) as error:
        check_enough([unread_clip(1)], [unread_clip(1)], rejected, min_clips=4, table=Path("some/rejected.tsv"))
    for part in ("2 of 5 clips are usable, 4 are needed", "(2 of 3)", "metadata.jsonl:2: silent", "some/rejected.tsv"):
        assert part in str(error.value)
    assert "\n" not in str(error.value)
