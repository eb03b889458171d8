"""Voices of noisy copies of a speaker's recordings, and the table of what the noise costs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from imports import ROOT
from recordings import TEXTS, write_dataset

from stages import noise
from stages.add_voice import add_voice
from voicepack.audio import read_audio
from voicepack.dataset import read_dataset
from voicepack.errors import VoicepackError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's settings with a voice of generated recordings."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    write_dataset(tmp_path / "recordings")
    add_voice("ann", tmp_path / "recordings", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_noisy_copies_are_voices_with_as_much_noise_as_said(project: Path) -> None:
    noise.main(["copy", "ann"])
    voices = yaml.safe_load((project / "params.yaml").read_text())["voices"]
    for level in (20, 10):
        folder = Path(voices[f"ann_{level}db"]["data"])
        copies = read_dataset(folder).train
        assert [each.text for each in copies] == list(TEXTS)
        clean, noisy = (read_audio(each / "train/a.wav") for each in (Path("recordings"), folder))
        added = 10 * float((clean.square().mean() / (noisy - clean).square().mean()).log10())
        assert added == pytest.approx(level, abs=0.2)


def test_a_level_of_noise_is_a_row() -> None:
    def found(likeness: float) -> dict[str, float]:
        return {"likeness_normalised": likeness, "wer": 0.02, "dnsmos": 3.2}

    rows = noise.table({"ann": [found(0.5), found(0.4), found(0.1)], "ben": [found(0.7), found(0.6), found(0.2)]})
    assert rows.splitlines()[2:] == [
        "| as recorded | 0.600 | 0.500 | 0.700 | 0.020 | 3.200 |",
        "| 20 dB | 0.500 | 0.400 | 0.600 | 0.020 | 3.200 |",
        "| 10 dB | 0.150 | 0.100 | 0.200 | 0.020 | 3.200 |",
    ]


def test_without_voices_it_is_one_line() -> None:
    with pytest.raises(VoicepackError, match="use `copy NAME"):
        noise.main(["copy"])
