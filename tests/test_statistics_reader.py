"""Statistics of a recording, and the reader that makes voice vectors of them."""

from pathlib import Path

import pytest
import torch
from recordings import babble
from torch import Tensor

from voicepack.damage import tilt
from voicepack.errors import VoicepackError
from voicepack.files import write_tensors
from voicepack.reader import ReaderFit, StatisticsReader
from voicepack.statistics import voice_statistics

FIT = ReaderFit(landmarks=60, width=2.0, acoustic_ridge=0.01, prosodic_ridge=0.1, seed=0)


def tone(hertz: float, seconds: float = 2.0) -> Tensor:
    """A buzz that comes and goes, with harmonics."""
    time = torch.arange(int(seconds * 24_000)) / 24_000
    buzz = sum((torch.sin(2 * torch.pi * hertz * k * time) / k for k in range(1, 8)), torch.zeros_like(time))
    return 0.05 * buzz * (1.2 + torch.sin(2 * torch.pi * 3 * time))


def test_statistics_are_finite_and_of_one_size_for_any_recording() -> None:
    sizes = set()
    for audio in (
        babble(1.0),
        babble(1.3, seed=1),
        babble(9.0),
        tone(120),
        torch.cat([torch.zeros(30_000), tone(200)]),
    ):
        statistics = voice_statistics(audio)
        assert statistics.isfinite().all()
        sizes.add(statistics.shape)
    assert sizes == {(1894,)}


@pytest.mark.parametrize("hertz", [90.0, 150.0, 260.0])
def test_the_pitch_is_among_them(hertz: float) -> None:
    prosody = voice_statistics(tone(hertz))[1300 + 512 :]
    assert float(prosody[0].exp()) == pytest.approx(hertz, rel=0.03)  # the mean of log F0


def test_the_level_does_not_change_the_prosody() -> None:
    quiet, loud = (voice_statistics(gain * tone(150))[1812:] for gain in (0.5, 2.0))
    torch.testing.assert_close(quiet, loud, rtol=0.02, atol=0.05)


def colours(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Statistics of noise between dull and bright, and voices that say how bright in both halves."""
    brightness = 2 * torch.rand(count, generator=torch.Generator().manual_seed(seed)) - 1
    direction = torch.randn(256, generator=torch.Generator().manual_seed(9))
    noises = [tilt(babble(1.2, seed=1000 * seed + index), 6 * float(value)) for index, value in enumerate(brightness)]
    return torch.stack([voice_statistics(noise) for noise in noises]), 0.3 + 0.2 * brightness[:, None] * direction


@pytest.fixture(scope="module")
def reader() -> StatisticsReader:
    return StatisticsReader.fit(*colours(80, seed=1), FIT)


def test_unseen_recordings_are_read(reader: StatisticsReader) -> None:
    statistics, voices = colours(20, seed=2)
    error = (reader.read(statistics) - voices).norm(dim=1).mean()
    assert error < 0.3 * (reader.centre - voices).norm(dim=1).mean()


def test_what_is_far_from_everything_reads_about_as_the_mean_voice(reader: StatisticsReader) -> None:
    far = reader.mean + 1e4 * reader.deviation
    assert float((reader.read(far[None])[0] - reader.centre).norm()) < 0.2 * float(reader.centre.norm())


def test_a_file_reads_as_what_was_saved(reader: StatisticsReader, tmp_path: Path) -> None:
    reader.save(tmp_path / "reader.safetensors")
    statistics, _ = colours(3, seed=3)
    torch.testing.assert_close(
        StatisticsReader.load(tmp_path / "reader.safetensors").read(statistics), reader.read(statistics)
    )


def test_another_file_is_refused(tmp_path: Path) -> None:
    write_tensors(tmp_path / "other.safetensors", {"voice": torch.zeros(3)})
    with pytest.raises(VoicepackError, match="not a statistics reader"):
        StatisticsReader.load(tmp_path / "other.safetensors")
