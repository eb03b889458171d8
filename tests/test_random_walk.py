"""A random walk over packs, with a Kokoro that says its pack and a judge that hears it."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from voicepack.random_walk import random_walk

TEXTS = ("first", "second")
HEARD = 8  # values of a pack, and of an embedding


class Parrot:
    """Says the first values of the first row; in the second text, `wavering` is added to them."""

    def __init__(self, wavering: float = 0.0) -> None:
        self.said: list[str] = []
        self._wavering = wavering

    def render(self, phonemes: str, pack: Tensor) -> Tensor:
        self.said.append(phonemes)
        return pack[0, 0, :HEARD] + (self._wavering if phonemes == TEXTS[1] else 0.0)


class Ear:
    size = HEARD

    def embed(self, audio: Tensor) -> Tensor:
        return torch.nn.functional.normalize(audio, dim=0)


@pytest.fixture
def reference() -> Tensor:
    return torch.nn.functional.normalize(torch.randn(HEARD, generator=torch.Generator().manual_seed(5)), dim=0)


@pytest.fixture
def start() -> Tensor:
    return torch.randn(510, 1, 256, generator=torch.Generator().manual_seed(6))


def stock(spread: float = 1.0) -> Mapping[str, Tensor]:
    generator = torch.Generator().manual_seed(7)
    return {str(number): spread * torch.randn(510, 1, 256, generator=generator) for number in range(4)}


def walk(start: Tensor, reference: Tensor, steps: int, *, seed: int = 0, spread: float = 1.0, parrot=None) -> Tensor:
    return random_walk(parrot or Parrot(), Ear(), reference, start, stock(spread), TEXTS, steps=steps, seed=seed)


def likeness(pack: Tensor, reference: Tensor) -> float:
    return float(Ear().embed(pack[0, 0, :HEARD]) @ reference)


def test_every_step_is_at_least_as_near_as_the_one_before(start: Tensor, reference: Tensor) -> None:
    reached = [likeness(walk(start, reference, steps), reference) for steps in (0, 1, 2, 3, 5, 8, 20, 60)]
    assert reached == sorted(reached)
    assert reached[-1] > reached[0] + 0.3


def test_it_stays_where_nothing_is_better(start: Tensor, reference: Tensor) -> None:
    start[0, 0, :HEARD] = reference
    assert torch.equal(walk(start, reference, 20), start)


def test_no_steps_are_the_start(start: Tensor, reference: Tensor) -> None:
    assert torch.equal(walk(start, reference, 0), start)


def test_a_seed_gives_the_same_walk_and_another_another(start: Tensor, reference: Tensor) -> None:
    first = walk(start, reference, 10)
    torch.rand(3)
    assert torch.equal(walk(start, reference, 10), first)
    assert not torch.equal(walk(start, reference, 10, seed=1), first)


def test_the_start_is_not_changed(start: Tensor, reference: Tensor) -> None:
    before = start.clone()
    walk(start, reference, 10)
    assert torch.equal(start, before)


def test_values_on_which_stock_voices_agree_are_left_alone(start: Tensor, reference: Tensor) -> None:
    found = random_walk(
        Parrot(), Ear(), reference, start,
        {name: pack.index_fill(2, torch.tensor([100]), 1.0) for name, pack in stock().items()}, TEXTS, steps=20,
    )  # fmt: skip
    assert torch.equal(found[:, :, 100], start[:, :, 100])
    assert not torch.equal(found[:, :, 101], start[:, :, 101])


def test_a_second_sentence_is_spoken_only_when_the_first_is_nearly_as_good(start: Tensor, reference: Tensor) -> None:
    start[0, 0, :HEARD] = reference
    parrot = Parrot()
    walk(start, reference, 30, spread=100.0, parrot=parrot)
    assert parrot.said == [*TEXTS, *["first"] * 30]
    parrot = Parrot()
    walk(start, reference, 30, spread=0.01, parrot=parrot)
    assert parrot.said == [*TEXTS] * 31


def test_a_voice_that_is_not_itself_twice_is_worth_less(start: Tensor, reference: Tensor) -> None:
    """Likeness to the target alone would not move away from the very reference."""
    start[0, 0, :HEARD] = reference
    assert not torch.equal(walk(start, reference, 60, spread=0.3, parrot=Parrot(0.5)), start)
