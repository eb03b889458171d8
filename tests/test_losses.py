"""What training compares: nothing to say about equals, more to say the worse it gets."""

import pytest
import torch
from recordings import babble
from torch import Tensor

from voicepack.damage import add_noise, limit_band, tilt
from voicepack.losses import MelLoss, MelStatisticsLoss, PriorLoss
from voicepack.rows import base_vector
from voicepack.voices import VoiceSpace

MEL_LOSSES = (MelLoss, MelStatisticsLoss)
FULL = 12_000.0


@pytest.mark.parametrize("loss", MEL_LOSSES)
def test_equal_spectra_cost_nothing_and_a_tilt_costs_more_the_steeper(loss: type) -> None:
    audio = babble(1.0)
    costs = [float(loss()(tilt(audio, slope), audio, FULL)) for slope in (0.0, 1.0, 3.0)]
    assert costs[0] < 0.01
    assert costs[1] > 0.1
    assert costs[2] > 2 * costs[1]


@pytest.mark.parametrize("loss", MEL_LOSSES)
def test_noise_between_the_syllables_costs(loss: type) -> None:
    audio = babble(1.0)
    costs = [float(loss()(add_noise(audio, ratio, torch.Generator().manual_seed(1)), audio, FULL)) for ratio in (30, 5)]
    assert 0.05 < costs[0] < 0.7 * costs[1]


@pytest.mark.parametrize("loss", MEL_LOSSES)
@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_overall_level_costs_nothing(loss: type, factor: float) -> None:
    audio = babble(1.0)
    assert float(loss()(factor * audio, audio, FULL)) < 0.05


@pytest.mark.parametrize("loss", MEL_LOSSES)
def test_overall_level_is_not_asked_for(loss: type) -> None:
    gain = torch.ones((), requires_grad=True)
    loss()(gain * babble(1.0, seed=1), babble(1.0), FULL).backward()
    assert gain.grad is not None
    assert float(gain.grad) == pytest.approx(0, abs=0.01)  # the floor of 1e-5 knows a level


@pytest.mark.parametrize("loss", MEL_LOSSES)
def test_what_is_above_the_bandwidth_costs_nothing(loss: type) -> None:
    audio = babble(1.0)
    telephone = limit_band(audio, 5_000)
    assert float(loss()(audio, telephone, 4_000)) < 0.02
    assert float(loss()(audio, telephone, FULL)) > 0.5
    assert float(loss()(tilt(audio, 3), telephone, 4_000)) > 0.2  # what is below still does


def test_statistics_do_not_care_about_a_shift_that_frames_care_about() -> None:
    audio = babble(2.0)
    shifted = audio.roll(600)
    frames, statistics = (float(loss()(shifted, audio, FULL)) for loss in MEL_LOSSES)
    assert statistics < 0.15
    assert frames > 5 * statistics


def test_prior_is_1_for_the_voices_it_knows_and_grows_away_from_them() -> None:
    generator = torch.Generator().manual_seed(0)
    packs = {f"voice_{index}": torch.randn(510, 1, 256, generator=generator) + index % 3 for index in range(24)}
    space = VoiceSpace.fit(packs)
    loss = PriorLoss(space)
    vectors = [base_vector(pack)[None] for pack in packs.values()]
    costs = torch.stack([loss(vector) for vector in vectors])
    assert float(costs.mean()) == pytest.approx(1.0, abs=0.1)
    assert float(costs.max()) < 2
    assert float(loss(space.mean[None])) == pytest.approx(0, abs=1e-6)
    away = space.mean + 3 * (vectors[0] - space.mean)
    assert float(loss(away)) == pytest.approx(9 * float(costs[0]), rel=1e-3)


@pytest.mark.parametrize("loss", MEL_LOSSES)
@pytest.mark.parametrize("render", ["other", "equal", "silent"])
def test_mel_gradients_are_finite(loss: type, render: str) -> None:
    recording = babble(0.5)
    audio = {"other": babble(0.5, seed=1), "equal": recording.clone(), "silent": torch.zeros(12_000)}[render]
    audio.requires_grad_()
    loss()(audio, recording, 8_000).backward()
    assert audio.grad is not None
    assert audio.grad.isfinite().all()
    if render == "other":
        assert float(audio.grad.norm()) > 0


def syllables(per_second: float, depth: float) -> Tensor:
    """Noise of 2 s that swells and fades."""
    wave = torch.sin(2 * torch.pi * per_second * torch.arange(48_000) / 24_000)
    return 0.05 * torch.randn(48_000, generator=torch.Generator().manual_seed(0)) * torch.exp(depth * wave)


def test_statistics_hear_how_far_and_how_fast_a_voice_moves() -> None:
    loss, full = MelStatisticsLoss(), 12_000.0
    assert float(loss(syllables(3, 1.0), syllables(6, 0.5), full)) > 0.3  # moves as fast, half as far
    assert float(loss(syllables(2, 1.5), syllables(8, 1.5), full)) > 0.5  # as far, faster
