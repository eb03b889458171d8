import math

import pytest
import torch
from torch import Tensor

from voicepack.constants import SAMPLE_RATE
from voicepack.pitch import ENERGY_OFFSET, energy_curve, f0_curve, f0_curves, f0_rmse_cents, fast_f0_curve


def buzz(f0: Tensor) -> Tensor:
    """A voice-like tone of ten harmonics that follows `f0` `[samples]` in Hz."""
    phase = 2 * math.pi * (f0.double() / SAMPLE_RATE).cumsum(0)
    return sum((phase * k).sin() / k for k in range(1, 11)).float() * 0.1


@pytest.mark.parametrize("f0", [80.0, 120.0, 250.0, 450.0])
def test_a_steady_tone_has_its_pitch(f0):
    curve = f0_curve(buzz(torch.full((SAMPLE_RATE,), f0)))
    assert curve.shape == (80,)
    torch.testing.assert_close(curve[10:-10], torch.full((60,), f0), rtol=0.01, atol=0)


def test_many_clips_are_tracked_at_once_as_one_by_one_and_keep_their_order():
    clips = [buzz(torch.full((samples,), f0)) for samples, f0 in ((9600, 120.0), (2400, 250.0), (4800, 450.0))]
    for curve, clip in zip(f0_curves(clips), clips, strict=True):
        assert torch.equal(curve, f0_curve(clip))


def test_frame_k_is_centred_on_sample_300_k():
    rising = torch.linspace(100, 300, SAMPLE_RATE)  # 2.5 Hz per frame, so a shift of one frame would show
    curve = f0_curve(buzz(rising))
    assert float((curve - rising[::300])[10:-10].mean().abs()) < 0.6


@pytest.mark.parametrize("samples", [300, 599, 2400, 2401])
def test_curves_have_one_value_per_300_samples_and_are_finite(samples):
    audio = torch.zeros(samples)
    assert f0_curve(audio).shape == (samples // 300,)
    assert not f0_curve(audio).any()
    energy = energy_curve(torch.cat([audio, torch.zeros(2400)]))
    assert energy.shape == ((samples + 2400) // 300,)
    assert energy.isfinite().all()


def test_energy_of_ten_times_the_amplitude_is_100_times_the_power():
    tone = buzz(torch.full((SAMPLE_RATE,), 150.0))
    difference = (energy_curve(tone) - energy_curve(tone / 10))[10:-10]
    torch.testing.assert_close(difference, torch.full_like(difference, math.log(100)), rtol=0, atol=0.01)


def test_f0_rmse_counts_aligned_frames_voiced_in_both():
    a, b = torch.tensor([100.0, 200.0, 0.0, 300.0]), torch.tensor([100.0, 100.0, 50.0])
    path = torch.tensor([[0, 0], [1, 1], [2, 2]])
    assert f0_rmse_cents(a, b, path) == pytest.approx(math.sqrt(1200**2 / 2))
    assert f0_rmse_cents(a, a, torch.tensor([[1, 1], [3, 3]])) == 0
    assert math.isnan(f0_rmse_cents(a, b, path[2:]))


@pytest.mark.slow
@pytest.mark.parametrize("voice", ["af_heart", "bm_george"])
def test_measures_what_kokoro_meant_to_say(kokoro, stock_packs, voice):
    phonemes = "ðə kˈæt sˈæt bI ðə dˈɔɹ, ænd hi wˈɔʧt ðə ɹˈAn."
    vector = stock_packs[voice][len(phonemes) - 1]
    with torch.no_grad():
        text = kokoro.encode_text(phonemes)
        meant = kokoro.predict(text, vector)
        audio = kokoro.decode(text, meant.frames, meant.f0, meant.energy, vector, seed=0)
    f0, energy = f0_curve(audio), energy_curve(audio)
    assert f0.shape == energy.shape == meant.f0[0].shape
    voiced = (f0 > 0) & (meant.f0[0] > 60)
    assert float(voiced.float().mean()) > 0.3
    assert float((f0 - meant.f0[0])[voiced].abs().median()) < 4  # Hz
    assert float(torch.corrcoef(torch.stack([energy, meant.energy[0]]))[0, 1]) > 0.97
    assert float((meant.energy[0] - energy).mean()) == pytest.approx(ENERGY_OFFSET, abs=0.4)


@pytest.mark.parametrize("hertz", [70.0, 400.0, 550.0])
def test_deep_and_high_voices_are_tracked(hertz: float) -> None:
    from test_pitch import buzz

    curve = fast_f0_curve(buzz(torch.full((24_000,), hertz)))
    assert float(curve[10:-10].median()) == pytest.approx(hertz, rel=0.02)
