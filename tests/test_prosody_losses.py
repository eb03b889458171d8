"""What training compares in prosody: nothing to say about equals, and nothing where nobody speaks."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from voicepack.prosody_losses import DurationLoss, EnergyLoss, F0Loss, F0StatisticsLoss, RateLoss

Loss = Callable[[Tensor, Tensor], Tensor]


def statistics(predicted: Tensor, recorded: Tensor) -> Tensor:
    """Compare how high and how lively one clip is."""
    return F0StatisticsLoss()([predicted], [recorded])


def melody() -> Tensor:
    """A recorded F0 curve `[1, 80]` in Hz that is unvoiced in the middle."""
    f0 = 150 + 50 * torch.sin(torch.arange(80) / 8)
    f0[30:40] = 0
    return f0[None]


def test_an_octave_costs_log_2_where_the_recording_is_voiced() -> None:
    recorded = melody()
    octave = torch.where(recorded > 0, 2 * recorded, torch.tensor(500.0))
    for loss in (F0Loss(), statistics):
        assert float(loss(recorded.clone(), recorded)) == pytest.approx(0, abs=1e-6)
        assert float(loss(octave, recorded)) == pytest.approx(math.log(2), abs=1e-5)


def test_statistics_of_f0_hear_a_flat_voice_but_not_the_order() -> None:
    recorded = melody()
    voiced = recorded > 0
    reversed_melody = recorded.clone()
    reversed_melody[voiced] = recorded[voiced].flip(0)
    flat = torch.full_like(recorded, float(recorded[voiced].log().mean().exp()))
    assert float(statistics(reversed_melody, recorded)) == pytest.approx(0, abs=1e-5)
    assert float(F0Loss()(reversed_melody, recorded)) > 0.1
    spread = float(recorded[voiced].log().std())
    assert float(statistics(flat, recorded)) == pytest.approx(spread, abs=1e-4)


@pytest.mark.parametrize("loss", [F0Loss(), statistics])
def test_a_clip_without_voice_has_a_finite_loss(loss: Loss) -> None:
    predicted = torch.full((1, 20), 100.0, requires_grad=True)
    assert loss(predicted, torch.zeros(1, 20)).isfinite()


def test_a_clip_said_higher_and_one_said_lower_make_no_voice_too_high() -> None:
    recorded = melody()
    assert float(F0StatisticsLoss()([recorded, recorded], [recorded * 1.1, recorded / 1.1])) < 1e-6
    both_higher = F0StatisticsLoss()([recorded, recorded], [recorded / 1.1, recorded / 1.2])
    assert float(both_higher) == pytest.approx(math.log(1.1 * 1.2) / 2, abs=1e-5)


def test_a_clip_without_voice_leaves_the_others_as_they_are() -> None:
    recorded = melody()
    both = F0StatisticsLoss()([recorded, recorded], [recorded / 1.1, torch.zeros_like(recorded)])
    assert float(both) == pytest.approx(math.log(1.1), abs=1e-5)


def test_the_level_is_not_asked_for_by_the_energy() -> None:
    level = torch.zeros((), requires_grad=True)
    predicted = torch.linspace(-8, 2, 50)[None] ** 2 / 10
    EnergyLoss()(predicted + level, torch.linspace(3, -3, 50)[None]).backward()
    assert level.grad is not None
    assert float(level.grad) == pytest.approx(0, abs=1e-6)


def test_energy_ignores_the_recording_level_and_nothing_else() -> None:
    recorded = torch.sin(torch.arange(60) / 5)[None]
    assert float(EnergyLoss()(recorded + 2.5, recorded)) == pytest.approx(0, abs=1e-6)
    costs = [float(EnergyLoss()(factor * recorded, recorded)) for factor in (0.8, 0.2)]
    assert costs[0] == pytest.approx(0.2 * float((recorded - recorded.mean()).abs().mean()), rel=1e-4)
    assert costs[1] == pytest.approx(4 * costs[0], rel=1e-4)


def test_durations_compare_logarithms_between_the_silences() -> None:
    frames = torch.tensor([9, 3, 5, 2, 7, 8, 11])
    same = frames.float()
    assert float(DurationLoss()(same, frames, "kætsi")) == pytest.approx(0, abs=1e-6)
    silences = same.clone()
    silences[0], silences[-2], silences[-1] = 40.0, 20.0, 0.5
    assert float(DurationLoss()(silences, frames, "kætsi")) == pytest.approx(0, abs=1e-6)
    slower, slowest = (float(DurationLoss()(factor * same, frames, "kætsi")) for factor in (1.2, 2.0))
    assert 0.1 < slower < math.log(1.2)  # of a phoneme of n frames, as if it had n + 1
    assert slower < slowest < math.log(2)
    swapped = torch.tensor([9.0, 5, 3, 7, 2, 8, 11])  # the same rate in all, other phonemes
    assert float(DurationLoss()(swapped, frames, "kætsi")) > 0.3


def test_durations_have_a_gradient_but_at_the_ends() -> None:
    durations = torch.tensor([9.0, 3.0, 5.0, 2.0, 3.0, 11.0], requires_grad=True)
    DurationLoss()(durations, torch.tensor([9, 6, 10, 4, 8, 3]), "kæts").backward()
    assert durations.grad is not None
    assert (durations.grad[1:4] < 0).all()  # all three are too short
    assert not durations.grad[[0, -2, -1]].any()


def test_the_rate_is_that_of_all_clips_together_without_the_silence_around_them() -> None:
    frames = torch.tensor([9, 3, 5, 2, 7, 8, 11])
    slower, faster = (
        frames * torch.tensor([1, 1.2, 1.2, 1.2, 1.2, 1, 1]),
        frames * torch.tensor([3, 0.8, 0.8, 0.8, 0.8, 5, 5]),
    )

    def rate(*durations: Tensor) -> float:
        return float(RateLoss()(durations, [frames] * len(durations), ["kætsi"] * len(durations)))

    assert rate(slower) == pytest.approx(math.log(1.2))
    assert rate(faster) == pytest.approx(-math.log(0.8))
    assert rate(slower, faster) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("phonemes", "spoken", "trimmed"),
    [
        ("kæt.", [15, 4, 6, 21, 8, 1], [4, 4, 6, 3, 1, 1]),
        ("kæt?”", [15, 4, 6, 21, 8, 8, 1], [4, 4, 6, 3, 1, 1, 1]),
        ("“…kæt", [15, 8, 8, 4, 6, 21, 1], [4, 1, 1, 4, 6, 3, 1]),
    ],
)
def test_silence_that_trimming_cut_off_does_not_hasten_the_voice(
    phonemes: str, spoken: list[int], trimmed: list[int]
) -> None:
    assert float(DurationLoss()(torch.tensor(spoken).float(), torch.tensor(trimmed), phonemes)) < 1e-6


def test_a_pause_between_words_is_part_of_how_someone_speaks() -> None:
    pause, none = torch.tensor([15.0, 4, 6, 20, 5, 20, 1]), torch.tensor([4, 4, 6, 2, 5, 1, 1])
    assert float(DurationLoss()(pause, none, "kæ,t.")) > 0.3


@pytest.mark.parametrize(
    ("phonemes", "spoken", "recorded"),
    [("O!", [9.0, 4, 9, 9], [9, 8, 9, 9]), ("“O", [9.0, 9, 4, 9], [9, 9, 8, 9]), ("O", [9.0, 4, 9], [9, 8, 9])],
)
def test_a_single_phoneme_is_compared(phonemes: str, spoken: list[float], recorded: list[int]) -> None:
    assert float(DurationLoss()(torch.tensor(spoken), torch.tensor(recorded), phonemes)) > 0.3


@pytest.mark.parametrize("loss", [F0Loss(), statistics])
def test_frames_voiced_in_one_curve_alone_say_nothing_of_pitch(loss: Loss) -> None:
    recorded = melody()
    predicted = recorded.clone()
    predicted[0, 50:60] = 5.0  # Kokoro hears no voice where the tracker did
    predicted[0, 30:40] = 400.0  # and the other way round
    assert float(loss(predicted, recorded)) == pytest.approx(0, abs=1e-6)


def test_a_noisy_room_between_words_costs_no_energy() -> None:
    recorded = torch.sin(torch.arange(60) / 5)[None]
    predicted = recorded.clone()
    recorded[0, 20:30], predicted[0, 20:30] = -4.0, -11.0
    assert float(EnergyLoss()(predicted, recorded)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("loss", [F0Loss(), statistics, EnergyLoss()])
@pytest.mark.parametrize("predicted", [torch.zeros(1, 80), torch.full((1, 80), 120.0), melody(), melody() + 5])
def test_curve_gradients_are_finite(loss: Loss, predicted: Tensor) -> None:
    predicted = predicted.clone().requires_grad_()
    loss(predicted, melody()).backward()
    assert predicted.grad is not None
    assert predicted.grad.isfinite().all()
