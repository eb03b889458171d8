"""Voices of spoiled copies of a speaker's clips, and the table of what that costs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
import yaml
from imports import ROOT
from recordings import TEXTS, babble, clip_of

from stages import places
from studies import spoil
from voicepack.audio import read_audio
from voicepack.clips import read_clips, write_clips
from voicepack.dataset import read_dataset


@pytest.fixture
def voices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The project's settings, the prepared clips of two voices, and their spoiled copies; the datasets by voice."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for seed, voice in enumerate(("ann", "ben")):
        clips = []
        for number, text in enumerate(TEXTS):
            file = places.clips(voice) / "audio" / f"{number}.wav"
            clips.append(clip_of(babble(2.5, seed=10 * seed + number), file, text=f"{text} {voice}"))
        write_clips(places.clips(voice), clips[2:], clips[:2])
    spoil.main(["copy", "ann", "ben"])
    return {name: entry["data"] for name, entry in yaml.safe_load(Path("params.yaml").read_text())["voices"].items()}


def test_noisy_copies_are_voices_with_as_much_noise_as_said(voices: dict[str, str]) -> None:
    for level in (20, 10):
        copies = read_dataset(Path(voices[f"ann_{level}db"]))
        for part, copied in (("train", copies.train), ("held_out", copies.validation)):
            clips = read_clips(places.clips("ann"), part)
            assert [each.text for each in copied] == [each.text for each in clips]
            for entry, clip in zip(copied, clips, strict=True):
                added = 10 * float(
                    (clip.audio.square().mean() / (read_audio(entry.path) - clip.audio).square().mean()).log10()
                )
                assert added == pytest.approx(level, abs=0.3)


def test_over_the_telephone_the_upper_half_is_missing(voices: dict[str, str]) -> None:
    copies = read_dataset(Path(voices["ann_telephone"]))
    for entry, clip in zip(copies.train, read_clips(places.clips("ann"), "train"), strict=True):
        found, whole = (torch.fft.rfft(each).abs() for each in (read_audio(entry.path), clip.audio))
        limit = round(len(clip.audio) * spoil.TELEPHONE_HZ / 24_000)
        assert float(found[limit + 10 :].norm() / whole[limit + 10 :].norm()) < 0.05
        assert float((found[:limit] - whole[:limit]).norm() / whole[:limit].norm()) < 0.05


@pytest.mark.parametrize(("voice", "stranger"), [("ann", "ben"), ("ben", "ann")])
def test_strangers_take_the_place_of_one_clip_in_four(voices: dict[str, str], voice: str, stranger: str) -> None:
    copies = read_dataset(Path(voices[f"{voice}_strangers"]))
    whose = [entry.text.split()[-1] for entry in copies.train]
    assert whose == [stranger if index % 4 == 0 else voice for index in range(len(TEXTS) - 2)]
    assert {entry.text.split()[-1] for entry in copies.validation} == {voice}
    other = read_clips(places.clips(stranger), "train")[0]
    assert float((read_audio(copies.train[0].path) - other.audio).abs().max()) < 1e-3


def test_each_way_to_spoil_recordings_is_a_row() -> None:
    def found(likeness: float) -> dict[str, float]:
        return {"likeness_normalised": likeness, "wer": 0.02, "dnsmos": 3.2}

    ann, ben = ([found(value) for value in values] for values in ((0.5, 0.4, 0.1, 0.2, 0.3), (0.7, 0.6, 0.2, 0.3, 0.4)))
    assert spoil.table({"ann": ann, "ben": ben}).splitlines()[2:] == [
        "| as recorded | 0.600 | 0.500 | 0.700 | 0.020 | 3.200 |",
        "| noise 20 dB below the speech | 0.500 | 0.400 | 0.600 | 0.020 | 3.200 |",
        "| noise 10 dB below the speech | 0.150 | 0.100 | 0.200 | 0.020 | 3.200 |",
        "| sampled at 8 kHz | 0.250 | 0.200 | 0.300 | 0.020 | 3.200 |",
        "| one clip in four is someone else's | 0.350 | 0.300 | 0.400 | 0.020 | 3.200 |",
    ]


@pytest.mark.parametrize("arguments", [["copy"], ["copy", "ann"], ["table"], []])
def test_without_voices_it_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        spoil.main(arguments)
    assert "the following arguments are required" in capsys.readouterr().err
