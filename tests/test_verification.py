"""Telling speakers apart."""

import pytest
import torch
from torch import Tensor

from voicepack.verification import consistency, equal_error_rate, retrieval_top1


def crowd(spread: float, speakers: int = 6, clips: int = 10) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(speakers, 32, generator=generator)
    return [centre + spread * torch.randn(clips, 32, generator=generator) for centre in centres]


def test_clear_speakers_are_told_apart_without_error() -> None:
    speakers = crowd(0.05)
    assert retrieval_top1(speakers) == 1
    assert equal_error_rate(speakers) == 0
    assert consistency(speakers) == pytest.approx(0.05, rel=0.2)


def test_vectors_that_know_nothing_guess() -> None:
    same = list(torch.randn(8, 40, 32, generator=torch.Generator().manual_seed(1)))
    assert retrieval_top1(same) < 0.3
    assert equal_error_rate(same) == pytest.approx(0.5, abs=0.05)


def test_the_error_rate_is_where_both_errors_meet() -> None:
    # In one dimension each: cosines are 1 or -1. Of the same speaker 2 pairs agree and 4 do not, of different ones
    # half do: there is no better threshold.
    speakers = [torch.tensor([[1.0], [1.0], [-1.0]]), torch.tensor([[-1.0], [-1.0], [1.0]])]
    assert 0.4 < equal_error_rate(speakers) < 0.7


def test_errors_grow_with_the_spread() -> None:
    rates = [equal_error_rate(crowd(spread)) for spread in (0.3, 1.0, 3.0)]
    assert rates == sorted(rates)
    assert rates[0] < rates[2]


def test_a_clip_is_not_compared_with_itself() -> None:
    # Each speaker has two clips at right angles: without itself, a clip has nothing of its own to be near to.
    speakers = [torch.eye(4)[:2], torch.eye(4)[:2].flip(0) + 0.01]
    assert retrieval_top1(speakers) < 1
