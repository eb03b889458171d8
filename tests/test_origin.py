"""The recipe that the project's idea comes from."""

import pytest
import torch
from recordings import babble
from torch import Tensor

from voicepack.origin import origin_pack, ramp

CLIPS = [babble(1.0, seed=seed) for seed in range(3)]


def style(seed: int = 0) -> Tensor:
    return 0.3 * torch.randn(256, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def pack() -> Tensor:
    return origin_pack(style(), CLIPS)


def test_a_seed_gives_the_same_pack_always_and_another_another() -> None:
    first = origin_pack(style(), CLIPS, epochs=3)
    state = torch.get_rng_state()
    torch.rand(7)
    assert torch.equal(origin_pack(style(), CLIPS, epochs=3), first)
    assert not torch.equal(origin_pack(style(), CLIPS, epochs=3, seed=1), first)
    torch.set_rng_state(state)


def test_the_dice_of_the_caller_are_left_alone() -> None:
    state = torch.get_rng_state()
    origin_pack(style(), CLIPS, epochs=1)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_pack_has_the_shape_of_a_pack_and_carries_no_gradient(pack: Tensor) -> None:
    assert pack.shape == (510, 1, 256)
    assert pack.isfinite().all()
    assert not pack.requires_grad


def test_its_known_flaw_is_a_small_norm(pack: Tensor) -> None:
    """Stock voices have 3; it is drawn to 0.1 and comes most of the way in 100 epochs.

    How near differs by the processor: at this rate the last digit of the first step decides the last steps. Four seeds
    on four kinds of arithmetic ended between 0.23 and 0.60.
    """
    assert float(origin_pack(style(), CLIPS, epochs=1)[0].norm()) > 1.5
    assert 0.05 < float(pack[0].norm()) < 1.0


def test_the_voice_depends_on_the_style(pack: Tensor) -> None:
    assert not torch.allclose(origin_pack(style(1), CLIPS), pack, atol=1e-3)


def test_more_than_20_recordings_change_nothing() -> None:
    clips = [babble(0.2, seed=seed) for seed in range(22)]
    assert torch.equal(origin_pack(style(), clips, epochs=2), origin_pack(style(), clips[:20], epochs=2))


def test_rows_grow_by_5_percent_along_the_pack() -> None:
    voice = style()
    rows = ramp(voice)
    assert rows.shape == (510, 1, 256)
    for row in (0, 1, 255, 509):
        torch.testing.assert_close(rows[row, 0], voice * (1 + 0.05 * row / 510))
