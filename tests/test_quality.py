"""What is plainly wrong with a render, and how it sounds to the networks."""

import pytest
import torch
from recordings import babble, real_speech
from torch import Tensor

from voicepack.audio import read_audio
from voicepack.constants import SAMPLE_RATE
from voicepack.quality import QualityNetworks, faults, largest_step, longest_pause

SECONDS, PHONEMES = 3.0, 40


@pytest.fixture(scope="module")
def networks() -> QualityNetworks:
    return QualityNetworks()


def real_clip() -> Tensor:
    """About 4 s of a real speaker."""
    return read_audio(real_speech("vctk_p228")[0])[: 4 * SAMPLE_RATE]


def with_pause(seconds: float) -> Tensor:
    speech = babble(SECONDS)
    return torch.cat([speech, torch.zeros(round(seconds * SAMPLE_RATE)), speech])


def test_speech_has_no_fault() -> None:
    assert faults(babble(SECONDS), PHONEMES) == []
    assert faults(with_pause(0.5), 2 * PHONEMES) == []


@pytest.mark.parametrize("audio", [torch.zeros(SAMPLE_RATE), 1e-5 * babble(1.0), torch.full((SAMPLE_RATE,), torch.nan)])
def test_a_silent_render_has_that_fault_alone(audio: Tensor) -> None:
    assert faults(audio, PHONEMES) == ["silent"]


@pytest.mark.parametrize("peak", [1.0, 0.25])
def test_peaks_that_are_cut_off_are_clipped_at_any_level(peak: float) -> None:
    speech = babble(SECONDS)
    assert "clipped" in faults((20 * speech).clamp(-1, 1) * peak, PHONEMES)


def test_a_sample_at_full_scale_is_clipped() -> None:
    speech = babble(SECONDS)
    assert faults(speech / speech.abs().max(), PHONEMES) == ["clipped"]
    assert faults(0.999 * speech / speech.abs().max(), PHONEMES) == []


def test_one_sample_off_its_neighbours_is_a_click() -> None:
    time = torch.arange(round(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    hum = sum(0.1 / k * torch.sin(2 * torch.pi * 120 * k * time) for k in range(1, 20)) * (1 + torch.sin(8 * time)) / 2
    assert "click" not in faults(hum, PHONEMES)
    hum[SAMPLE_RATE] += 0.5
    assert "click" in faults(hum, PHONEMES)


def test_a_long_pause_inside_is_a_fault_and_around_it_is_not() -> None:
    assert faults(with_pause(1.5), 2 * PHONEMES) == ["pause"]
    silence = torch.zeros(2 * SAMPLE_RATE)
    assert "pause" not in faults(torch.cat([silence, babble(SECONDS), silence]), PHONEMES)


@pytest.mark.parametrize(("phonemes", "found"), [(11, []), (21, []), (22, []), (80, []), (95, ["too fast"])])
def test_nobody_speaks_faster_than_30_phonemes_a_second(phonemes: int, found: list[str]) -> None:
    assert faults(babble(SECONDS), phonemes) == found


def test_a_sentence_that_takes_too_long_is_too_slow_but_a_word_may() -> None:
    drawl = babble(10.0)
    assert faults(drawl, 30) == ["too slow"]
    assert faults(drawl, 20) == []


def test_the_largest_step_is_counted_in_those_of_loud_frames() -> None:
    noise = 0.1 * torch.randn(SAMPLE_RATE, generator=torch.Generator().manual_seed(0))
    plain = largest_step(noise)
    assert 1 <= plain < 2
    clicking = noise.clone()
    clicking[12_000] += 10.0
    assert largest_step(clicking) > 10 * plain
    assert largest_step(0.01 * clicking) == pytest.approx(largest_step(clicking), rel=1e-4)
    # A pause does not make ordinary speech look rough beside it.
    assert largest_step(torch.cat([noise, torch.zeros(SAMPLE_RATE // 2)])) < 2


def test_a_word_between_long_silences_does_not_click() -> None:
    silence = 1e-5 * torch.randn(SAMPLE_RATE, generator=torch.Generator().manual_seed(1))
    assert faults(torch.cat([silence, babble(1.0), silence]), 12) == []


@pytest.mark.parametrize("seconds", [0.0, 0.2, 0.7, 1.5])
def test_the_longest_pause_is_as_long_as_it_is(seconds: float) -> None:
    noise = 0.1 * torch.randn(SAMPLE_RATE, generator=torch.Generator().manual_seed(0))
    short = torch.zeros(SAMPLE_RATE // 20)
    speech = torch.cat([noise, short, noise, torch.zeros(round(seconds * SAMPLE_RATE)), noise])
    assert longest_pause(speech) == pytest.approx(max(seconds, 0.05), abs=0.021)
    hissing = speech + 1e-4 * torch.randn(len(speech), generator=torch.Generator().manual_seed(1))
    assert longest_pause(hissing) == longest_pause(speech)


def test_loading_and_judging_print_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    QualityNetworks().scores(babble(1.0))
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("seconds", [0.3, 2.0, 9.0])
def test_scores_are_opinions_from_1_to_5_and_the_same_twice(networks: QualityNetworks, seconds: float) -> None:
    scores = networks.scores(babble(seconds))
    assert set(scores) == {"dnsmos", "distillmos"}
    assert all(1 <= score <= 5 for score in scores.values())
    assert networks.scores(babble(seconds)) == scores


def test_noise_sounds_worse_to_both(networks: QualityNetworks) -> None:
    speech = real_clip()
    noise = 0.03 * torch.randn(len(speech), generator=torch.Generator().manual_seed(0))
    clean, noisy = networks.scores(speech), networks.scores(speech + noise)
    assert clean["dnsmos"] > 2.7
    assert noisy["dnsmos"] < clean["dnsmos"] - 0.5
    assert noisy["distillmos"] < clean["distillmos"] - 0.5


def test_a_clip_said_again_and_again_scores_as_it_does_once(networks: QualityNetworks) -> None:
    speech = real_clip()
    once, again = networks.scores(speech), networks.scores(speech.repeat(5))
    for name, score in once.items():
        assert again[name] == pytest.approx(score, abs=0.2), name
