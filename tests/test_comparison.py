"""A render against a recording: generated voices whose melody, rate and spectrum are known."""

import math

import numpy as np
import pytest
import torch
from scipy.signal import firwin, lfilter
from torch import Tensor
from torchaudio.functional import lowpass_biquad

from voicepack.comparison import compare, mel_cepstral_distortion
from voicepack.constants import HOP_SAMPLES, SAMPLE_RATE

F0_MEASURES = ("f0_rmse_cents", "f0_correlation", "f0_mean_ratio", "f0_spread_ratio")


def melody(seconds: float) -> Tensor:
    """F0 `[samples]` of a sentence that falls from 140 Hz, with vibrato; the same sentence at any length."""
    progress = torch.linspace(0, 1, round(seconds * SAMPLE_RATE), dtype=torch.float64)
    return 140 * torch.exp2(-0.5 * progress + 0.1 * (2 * math.pi * 5 * progress).sin())


def voice(seconds: float = 2.0) -> Tensor:
    """A sentence of three vowels that glide into each other, each louder in its middle."""
    f0 = melody(seconds)
    progress = torch.linspace(0, 1, len(f0), dtype=torch.float64)
    phase = 2 * math.pi * (f0 / SAMPLE_RATE).cumsum(0)
    formant = 600 + 1500 * progress + 300 * (6 * math.pi * progress).sin()
    loud = 0.05 + (3 * math.pi * progress).sin().square()
    harmonics = [
        (phase * k).sin() * (1 / k + torch.exp(-(((k * f0 - formant) / 300) ** 2))) * (k * f0 < 10_000)
        for k in range(1, 60)
    ]
    noise = torch.randn(len(f0), generator=torch.Generator().manual_seed(0)).double()
    return (0.03 * loud * sum(harmonics) + 1e-3 * noise).float()


def curve(seconds: float = 2.0) -> Tensor:
    return melody(seconds)[::HOP_SAMPLES].float()


def noise_of_colour(taps: list[float], seed: int) -> Tensor:
    noise = np.random.default_rng(seed).normal(0, 0.05, 2 * SAMPLE_RATE)
    return torch.from_numpy(lfilter(taps, 1, noise)).float()


def test_a_recording_equals_itself() -> None:
    audio, f0 = voice(), curve()
    found = compare(audio, audio, f0, f0)
    assert found["mcd_db"] == pytest.approx(0, abs=1e-6)
    assert found["f0_rmse_cents"] == pytest.approx(0, abs=1e-3)
    for name in ("f0_correlation", "f0_mean_ratio", "f0_spread_ratio", "rate_ratio", "energy_correlation"):
        assert found[name] == pytest.approx(1, abs=1e-5), name


def test_level_is_no_distortion() -> None:
    audio, f0 = voice(), curve()
    found = compare(4 * audio, audio, f0, f0)
    assert found["mcd_db"] == pytest.approx(0, abs=0.01)
    assert found["energy_correlation"] > 0.99


def test_noise_and_a_band_limit_are_distortion_and_more_of_either_is_more() -> None:
    audio = voice()
    noise = torch.randn(len(audio), generator=torch.Generator().manual_seed(1))
    noisy = [mel_cepstral_distortion(audio + level * noise, audio) for level in (0.001, 0.01)]
    assert 0.3 < noisy[0] < noisy[1]
    limited = audio
    distortions = []
    for _ in range(2):
        limited = lowpass_biquad(limited, SAMPLE_RATE, 2000.0)
        distortions.append(mel_cepstral_distortion(limited, audio))
    assert 0.3 < distortions[0] < distortions[1]


def test_distortion_is_the_same_both_ways_and_blind_to_time() -> None:
    audio, slower = voice(2.0), voice(2.6)
    other = lowpass_biquad(audio, SAMPLE_RATE, 2000.0)
    there, back = mel_cepstral_distortion(other, audio), mel_cepstral_distortion(audio, other)
    assert there == pytest.approx(back, rel=1e-6)
    assert mel_cepstral_distortion(slower, audio) < 0.5 * there


def test_what_lies_50_db_below_the_peak_does_not_count() -> None:
    def banded(audio: Tensor, *, high: bool) -> Tensor:
        taps = firwin(511, 5_000, window=("kaiser", 12.0), pass_zero=not high, fs=SAMPLE_RATE)
        return torch.from_numpy(lfilter(taps, 1, audio.numpy())).float()

    low = banded(voice(), high=False)
    hiss = banded(torch.randn(len(low), generator=torch.Generator().manual_seed(2)), high=True)
    assert mel_cepstral_distortion(low + 1e-5 * hiss, low) < 0.05
    assert mel_cepstral_distortion(low + 1e-2 * hiss, low) > 1


@pytest.mark.parametrize("taps", [[1.0, 0.6], [1.0, -0.6], [1.0, 0.0, 0.5]])
def test_distortion_is_half_that_of_another_implementation_on_power(taps: list[float]) -> None:
    """A reference that takes logarithms of power: 13 coefficients after its first, and nothing 50 dB down."""
    reference = pytest.importorskip("speechonnxmetrics.intrusive").mcd
    render, recording = noise_of_colour(taps, 0), noise_of_colour([1.0], 1)
    theirs = reference(render.numpy(), SAMPLE_RATE, ref=recording.numpy(), n_mfcc=14)
    assert mel_cepstral_distortion(render, recording) == pytest.approx(theirs / 2, rel=0.02)


@pytest.mark.parametrize(("seconds", "ratio"), [(3.0, 2 / 3), (1.6, 1.25)])
def test_slower_is_below_1_and_faster_above(seconds: float, ratio: float) -> None:
    found = compare(voice(seconds), voice(2.0), curve(seconds), curve(2.0))
    assert found["rate_ratio"] == pytest.approx(ratio, rel=0.03)
    # Warped onto each other, the two still say the same with the same melody.
    assert found["f0_correlation"] > 0.95
    assert found["f0_rmse_cents"] < 60
    assert found["energy_correlation"] > 0.9


def test_silence_around_it_is_not_slowness() -> None:
    def between(seconds: float) -> tuple[Tensor, Tensor]:
        silence, unvoiced = torch.zeros(round(seconds * SAMPLE_RATE)), torch.zeros(round(seconds * 80))
        return torch.cat([silence, voice(), silence]), torch.cat([unvoiced, curve(), unvoiced])

    (long, long_f0), (short, short_f0) = between(0.5), between(0.2)
    assert compare(long, short, long_f0, short_f0)["rate_ratio"] == pytest.approx(1, abs=0.01)


def test_an_octave_is_1200_cents_and_twice_the_mean() -> None:
    audio, f0 = voice(), curve()
    found = compare(audio, audio, 2 * f0, f0)
    assert found["f0_rmse_cents"] == pytest.approx(1200, abs=0.01)
    assert found["f0_mean_ratio"] == pytest.approx(2, abs=1e-4)
    assert found["f0_correlation"] == pytest.approx(1, abs=1e-5)
    assert found["f0_spread_ratio"] == pytest.approx(1, abs=1e-5)


def test_a_flatter_melody_has_less_spread_at_the_same_mean() -> None:
    audio, f0 = voice(), curve()
    mean = f0.log().mean().exp()
    found = compare(audio, audio, mean * (f0 / mean).sqrt(), f0)
    assert found["f0_spread_ratio"] == pytest.approx(0.5, abs=1e-3)
    assert found["f0_mean_ratio"] == pytest.approx(1, abs=1e-4)
    assert found["f0_correlation"] == pytest.approx(1, abs=1e-4)


def test_the_trackers_octave_errors_are_an_error_but_no_melody() -> None:
    audio, f0 = voice(), curve()
    lost = f0.clone()
    lost[20:30] /= 2
    found = compare(audio, audio, lost, f0)
    assert found["f0_rmse_cents"] > 100
    for name in ("f0_correlation", "f0_mean_ratio", "f0_spread_ratio"):
        assert found[name] == pytest.approx(1, abs=1e-4), name


def test_frames_that_only_one_voices_are_left_out() -> None:
    audio, f0 = voice(), curve()
    half = torch.where(torch.arange(len(f0)) < len(f0) // 2, f0, torch.zeros(()))
    found = compare(audio, audio, half, f0)
    assert found["f0_rmse_cents"] == pytest.approx(0, abs=1e-3)
    assert found["f0_mean_ratio"] == pytest.approx(1, abs=1e-4)  # though the first half is the higher one


@pytest.mark.parametrize("silent", ["render", "recording"])
def test_a_whisper_has_no_melody_to_compare(silent: str) -> None:
    audio, f0 = voice(), curve()
    none = torch.zeros_like(f0)
    found = compare(audio, audio, *((none, f0) if silent == "render" else (f0, none)))
    assert all(math.isnan(found.pop(name)) for name in F0_MEASURES)
    assert all(map(math.isfinite, found.values()))
