"""Damage that imitates real recordings."""

from collections.abc import Callable

import pytest
import torch
from recordings import babble
from torch import Tensor

from voicepack.damage import add_noise, add_room, clip_peaks, damage, limit_band, through_codec, tilt
from voicepack.mel import log_mel


def draw(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def decibels(audio: Tensor) -> Tensor:
    """Return the level of every bin of the spectrum."""
    return 20 * torch.log10(torch.fft.rfft(audio.double()).abs())


def test_the_generator_alone_decides_and_the_length_stays() -> None:
    audio = babble(1.3)
    state = torch.random.get_rng_state()
    results = [damage(audio, draw(seed)) for seed in range(60)]
    for seed, result in enumerate(results):
        assert result.shape == audio.shape
        assert result.dtype == torch.float32
        assert result.isfinite().all()
        assert torch.equal(result, damage(audio, draw(seed)))
    assert torch.equal(state, torch.random.get_rng_state())
    assert len({float(result.square().sum()) for result in results}) == 60


def test_about_a_quarter_keep_everything_but_their_level() -> None:
    audio = babble(1.0)
    results = [damage(audio, draw(seed)) for seed in range(100)]
    ratios = [(result[1000:] / audio[1000:]) for result in results]
    kept = [float(20 * ratio.mean().log10()) for ratio in ratios if float(ratio.std()) < 1e-3]
    assert 15 <= len(kept) <= 40
    assert max(map(abs, kept)) < 3.01
    assert max(kept) - min(kept) > 2


def test_silence_stays_a_number() -> None:
    for seed in range(40):
        assert damage(torch.zeros(12_000), draw(seed)).isfinite().all()


@pytest.mark.parametrize("limit", [4_000.0, 8_000.0])
def test_band_limit_removes_what_is_above_and_nothing_below(limit: float) -> None:
    audio = babble(1.0)
    spectrum, limited = (torch.fft.rfft(each).abs() for each in (audio, limit_band(audio, limit)))
    below = torch.fft.rfftfreq(len(audio), 1 / 24_000) < limit
    torch.testing.assert_close(limited[below], spectrum[below], rtol=1e-3, atol=1e-3)
    assert float(limited[~below].max()) < 1e-3 * float(spectrum[~below].max())


@pytest.mark.parametrize("wanted", [5.0, 20.0, 40.0])
def test_noise_is_as_loud_as_asked(wanted: float) -> None:
    audio = babble(1.5)
    for seed in range(3):
        noise = add_noise(audio, wanted, draw(seed)) - audio
        found = 10 * torch.log10(audio.square().mean() / noise.square().mean())
        assert float(found) == pytest.approx(wanted, abs=1.0)


@pytest.mark.parametrize("slope", [-4.0, 3.0])
def test_tilt_turns_around_1_khz(slope: float) -> None:
    audio = babble(1.0)
    gain = decibels(tilt(audio, slope)) - decibels(audio)  # one bin per Hz
    frequencies = torch.tensor([250, 1_000, 2_000, 8_000])
    torch.testing.assert_close(gain[frequencies], slope * torch.tensor([-2.0, 0, 1, 3]).double(), rtol=0, atol=0.1)


def test_clipping_cuts_peaks_and_leaves_the_rest() -> None:
    audio = babble(1.0)
    limit = 0.4 * float(audio.abs().max())
    clipped = clip_peaks(audio, 0.4)
    assert float(clipped.abs().max()) == pytest.approx(limit, rel=1e-5)
    quiet = audio.abs() <= limit
    assert 0.5 < float(quiet.float().mean()) < 1
    assert torch.equal(clipped[quiet], audio[quiet])


def test_a_room_rings_after_the_sound_and_never_before() -> None:
    audio = torch.zeros(12_000)
    audio[3_000:3_100] = 0.5
    wet = add_room(audio, 0.3, draw(0))
    assert wet.shape == audio.shape
    torch.testing.assert_close(wet[:3_050], audio[:3_050], rtol=0, atol=1e-5)
    early, late = (wet[start : start + 1_000].square().mean() for start in (3_200, 9_000))
    assert float(early) > 1e-6
    assert float(10 * torch.log10(early / late)) > 30  # 60 dB in 0.3 s, so 48 dB here


def test_a_codec_changes_little_and_shifts_nothing() -> None:
    audio = babble(1.5)
    coded = through_codec(audio)
    assert coded.shape == audio.shape
    assert not torch.equal(coded, audio)
    mels = [log_mel(each, 1024, 60)[:30] for each in (audio, coded)]  # it drops the highest bands
    assert float(torch.corrcoef(torch.stack([mel.flatten() for mel in mels]))[0, 1]) > 0.9
    low, low_coded = (limit_band(each, 2_000) for each in (audio, coded))
    shifts = torch.arange(-50, 51)
    match = torch.stack([(low.roll(int(shift)) * low_coded).sum() for shift in shifts])
    assert int(shifts[match.argmax()]) == 0


@pytest.mark.parametrize(
    "each",
    [
        lambda audio: add_noise(audio, 20, draw(0)),
        lambda audio: add_room(audio, 0.3, draw(0)),
        lambda audio: tilt(audio, 3),
        lambda audio: clip_peaks(audio, 0.5),
        through_codec,
    ],
)
def test_every_damage_keeps_silence_silent(each: Callable[[Tensor], Tensor]) -> None:
    damaged = each(torch.zeros(6_000))
    assert damaged.shape == (6_000,)
    assert float(damaged.abs().max()) < 1e-4
