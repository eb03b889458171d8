"""What training compares: nothing to say about equals, more to say the worse it gets."""

import math

import pytest
import torch
from recordings import babble
from torch import Tensor

from voicepack.damage import add_noise, limit_band, tilt
from voicepack.losses import (
    DurationLoss,
    EnergyLoss,
    F0Loss,
    F0StatisticsLoss,
    MelLoss,
    MelStatisticsLoss,
    PriorLoss,
)
from voicepack.rows import base_vector
from voicepack.voices import VoiceSpace

MEL_LOSSES = (MelLoss, MelStatisticsLoss)
FULL = 12_000.0


def melody() -> Tensor:
    """A recorded F0 curve `[1, 80]` in Hz that is unvoiced in the middle."""
    f0 = 150 + 50 * torch.sin(torch.arange(80) / 8)
    f0[30:40] = 0
    return f0[None]


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


def test_an_octave_costs_log_2_where_the_recording_is_voiced() -> None:
    recorded = melody()
    octave = torch.where(recorded > 0, 2 * recorded, torch.tensor(500.0))
    for loss in (F0Loss(), F0StatisticsLoss()):
        assert float(loss(recorded.clone(), recorded)) == pytest.approx(0, abs=1e-6)
        assert float(loss(octave, recorded)) == pytest.approx(math.log(2), abs=1e-5)


def test_statistics_of_f0_hear_a_flat_voice_but_not_the_order() -> None:
    recorded = melody()
    voiced = recorded > 0
    reversed_melody = recorded.clone()
    reversed_melody[voiced] = recorded[voiced].flip(0)
    flat = torch.full_like(recorded, float(recorded[voiced].log().mean().exp()))
    assert float(F0StatisticsLoss()(reversed_melody, recorded)) == pytest.approx(0, abs=1e-5)
    assert float(F0Loss()(reversed_melody, recorded)) > 0.1
    spread = float(recorded[voiced].log().std())
    assert float(F0StatisticsLoss()(flat, recorded)) == pytest.approx(spread, abs=1e-4)


@pytest.mark.parametrize("loss", [F0Loss, F0StatisticsLoss])
def test_a_clip_without_voice_has_a_finite_loss(loss: type) -> None:
    predicted = torch.full((1, 20), 100.0, requires_grad=True)
    assert loss()(predicted, torch.zeros(1, 20)).isfinite()


def test_energy_ignores_the_recording_level_and_nothing_else() -> None:
    recorded = torch.sin(torch.arange(60) / 5)[None]
    assert float(EnergyLoss()(recorded + 2.5, recorded)) == pytest.approx(0, abs=1e-6)
    costs = [float(EnergyLoss()(factor * recorded, recorded)) for factor in (0.8, 0.2)]
    assert costs[0] == pytest.approx(0.2 * float((recorded - recorded.mean()).abs().mean()), rel=1e-4)
    assert costs[1] == pytest.approx(4 * costs[0], rel=1e-4)


def test_durations_compare_logarithms_between_the_silences() -> None:
    frames = torch.tensor([9, 3, 5, 2, 7, 11])
    same = frames.float()
    assert float(DurationLoss()(same, frames)) == pytest.approx(0, abs=1e-6)
    silences = same.clone()
    silences[0], silences[-1] = 40.0, 0.5
    assert float(DurationLoss()(silences, frames)) == pytest.approx(0, abs=1e-6)
    slower, slowest = (float(DurationLoss()(factor * same, frames)) for factor in (1.2, 2.0))
    assert math.log(1.2) < slower < slowest
    swapped = torch.tensor([9.0, 5, 3, 7, 2, 11])  # the same rate in all, other phonemes
    assert float(DurationLoss()(swapped, frames)) > 0.3


def test_durations_have_a_gradient_but_at_the_ends() -> None:
    durations = torch.tensor([9.0, 3.0, 5.0, 2.0, 11.0], requires_grad=True)
    DurationLoss()(durations, torch.tensor([9, 6, 10, 4, 3])).backward()
    assert durations.grad is not None
    assert (durations.grad[1:-1] < 0).all()  # all three are too short
    assert not durations.grad[[0, -1]].any()


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


@pytest.mark.parametrize("loss", [F0Loss, F0StatisticsLoss, EnergyLoss])
@pytest.mark.parametrize("predicted", [torch.zeros(1, 80), torch.full((1, 80), 120.0), melody(), melody() + 5])
def test_curve_gradients_are_finite(loss: type, predicted: Tensor) -> None:
    predicted = predicted.clone().requires_grad_()
    loss()(predicted, melody()).backward()
    assert predicted.grad is not None
    assert predicted.grad.isfinite().all()
