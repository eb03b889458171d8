"""Clips on the disk, and which of them are chosen."""

from pathlib import Path

import pytest
import torch
from recordings import babble, clip_of, unread_clip
from torch.testing import assert_close

from voicepack.clips import choose_clips, read_clips, write_clips
from voicepack.errors import VoicepackError


def test_clips_survive_the_disk(tmp_path: Path) -> None:
    text = 'Tabs\tand "quotes",\nlines\rand returns.\r'
    first = clip_of(babble(1), tmp_path / "audio/1.wav", "həlˈO", text, bandwidth=7_992.19)
    second = clip_of(babble(2.00004), tmp_path / "audio/2.wav", "tˈu", "Two.")
    write_clips(tmp_path, [first], [second])
    assert read_clips(tmp_path, "train") == [first]
    assert read_clips(tmp_path, "held_out") == [second]
    assert first.seconds == 1 and second.seconds == len(second.audio) / 24_000
    assert first.audio.dtype == torch.float32
    assert_close(first.audio, babble(1), atol=2**-16, rtol=0)


def test_the_same_clips_make_the_same_bytes(tmp_path: Path) -> None:
    for folder in (tmp_path / "first", tmp_path / "second"):
        one, other = (clip_of(babble(1, seed=seed), folder / "audio" / f"{seed}.wav") for seed in range(2))
        write_clips(folder, [one], [other])
    files = [path for path in (tmp_path / "first").rglob("*") if path.is_file()]
    assert len(files) == 3
    for path in files:
        assert path.read_bytes() == (tmp_path / "second" / path.relative_to(tmp_path / "first")).read_bytes()


def test_reading_what_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(VoicepackError, match=r"clips\.tsv: no such file. Run the stage"):
        read_clips(tmp_path, "train")
    with pytest.raises(VoicepackError, match=r"nowhere\.wav: no such file. Run the stage"):
        _ = unread_clip(1).audio


def test_chosen_clips_last_no_longer_than_asked() -> None:
    clips = [unread_clip(1, str(number)) for number in range(10)]
    assert len(choose_clips(clips, 3.5, seed=0)) == 3
    assert len(choose_clips(clips, 0.5, seed=0)) == 1
    assert choose_clips(clips, 5, seed=0) == choose_clips(clips, 5, seed=0) != choose_clips(clips, 5, seed=1)
