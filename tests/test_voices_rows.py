import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from voicepack.constants import HALVES
from voicepack.rows import RowCurve, base_vector
from voicepack.voices import HELD_OUT, VoiceSpace, draw_pack, training_voices

CURVE = torch.exp(-torch.arange(510) / 20)  # g, 1 at row 0


def made_packs(count: int, spread: float = 0.0) -> dict[str, Tensor]:
    """Packs that are exactly `A + g B`, B the same for all voices or, with a spread, a linear function of A."""
    generator = torch.Generator().manual_seed(3)
    base = 0.2 * torch.randn(count, 4, generator=generator) @ torch.randn(4, 256, generator=generator)
    shift = torch.randn(256, generator=generator) + spread * base.flip(1)
    packs = (base[:, None] + CURVE[:, None] * shift[:, None])[:, :, None]  # [count, 510, 1, 256]
    return {f"voice_{number}": pack for number, pack in enumerate(packs)}


def random_packs(count: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(4)
    return {f"voice_{number}": 0.2 * torch.randn(510, 1, 256, generator=generator) for number in range(count)}


def test_row_curve_recovers_packs_of_its_own_form():
    packs = made_packs(8)
    rows = RowCurve.fit(packs.values())
    torch.testing.assert_close(rows.curve[0], torch.tensor(1.0))
    assert float(torch.corrcoef(torch.stack([rows.curve, CURVE]))[0, 1]) > 0.99999
    for pack in packs.values():
        torch.testing.assert_close(rows.expand(base_vector(pack)), pack, rtol=0, atol=1e-4)


def test_the_shift_follows_the_base_when_it_depends_on_it():
    packs = made_packs(12, spread=1.0)
    rows = RowCurve.fit(list(packs.values())[1:])
    left_out = packs["voice_0"]
    error = (rows.expand(base_vector(left_out)) - left_out)[:20].norm()
    mean_shift = (base_vector(left_out) + rows.curve[:, None] * rows.mean_shift)[:, None]
    assert error < 0.8 * (mean_shift - left_out)[:20].norm()


@pytest.fixture(scope="module")
def rows() -> RowCurve:
    return RowCurve.fit(made_packs(6, spread=0.5).values())


@settings(max_examples=30, deadline=None)
@given(arrays("float32", st.sampled_from([(256,), (1, 256)]), elements=st.floats(-10, 10, width=32)))
def test_expand_always_gives_a_finite_pack(rows, base):
    pack = rows.expand(torch.from_numpy(base.copy()))
    assert pack.shape == (510, 1, 256)
    assert pack.dtype == torch.float32
    assert pack.isfinite().all()


def check_space(packs: dict[str, Tensor]) -> None:
    space = VoiceSpace.fit(packs)
    vectors = torch.stack([base_vector(pack) for pack in packs.values()])
    # By construction the mean squared whitened coordinate is (V - 1) / V.
    expected = torch.full((2,), 1 - 1 / len(packs))
    torch.testing.assert_close(space.distance(vectors).mean(0), expected, rtol=1e-3, atol=1e-3)

    # The covariance is the one that distances are measured by.
    shift = vectors[0] - space.mean
    for index, half in enumerate(HALVES):
        distance = shift[half] @ torch.linalg.solve(space.covariance(index), shift[half]) / 128
        torch.testing.assert_close(distance, space.distance(vectors)[0, index], rtol=1e-3, atol=0)


def test_voice_space_of_small_packs():
    check_space(random_packs(24))


def test_draws_depend_on_the_generator_alone():
    packs = random_packs(16)
    space = VoiceSpace.fit(packs)

    def draw(seed: int) -> Tensor:
        return draw_pack(packs, space, torch.Generator().manual_seed(seed))

    global_state = torch.random.get_rng_state()
    assert torch.equal(draw(5), draw(5))
    assert not torch.equal(draw(5), draw(6))
    assert draw(5).shape == (510, 1, 256)
    assert torch.equal(global_state, torch.random.get_rng_state())


def check_held_out_voices_stay_out(packs: dict[str, Tensor], draws: int) -> None:
    """Held-out voices that are all NaN would show in whatever they touch."""
    poisoned = {name: torch.full_like(pack, torch.nan) if name in HELD_OUT else pack for name, pack in packs.items()}
    allowed = training_voices(poisoned)
    assert set(allowed) == set(packs) - set(HELD_OUT)
    space = VoiceSpace.fit(allowed)
    for seed in range(draws):
        assert draw_pack(allowed, space, torch.Generator().manual_seed(seed)).isfinite().all()


def test_held_out_voices_are_never_drawn():
    packs = random_packs(14)
    check_held_out_voices_stay_out({**packs, **dict.fromkeys(HELD_OUT, packs["voice_0"])}, draws=50)


@pytest.mark.slow
def test_stock_voices(stock_packs):
    assert set(HELD_OUT) <= set(stock_packs)
    check_space(stock_packs)
    check_held_out_voices_stay_out(stock_packs, draws=50)


@pytest.mark.slow
def test_rows_of_a_stock_voice_left_out_are_better_predicted_than_by_a_flat_pack(stock_packs):
    rows = RowCurve.fit(training_voices(stock_packs).values())
    expanded, flat = [], []
    for name in HELD_OUT:
        pack = stock_packs[name]
        base = base_vector(pack)
        expanded.append((rows.expand(base) - pack)[20].norm() / pack[20].norm())
        flat.append((base - pack[20, 0]).norm() / pack[20].norm())
    assert sum(expanded) < 0.7 * sum(flat)


def test_the_mean_voice_shifts_as_voices_do_on_average() -> None:
    packs = {name: pack + 0.3 for name, pack in made_packs(12, spread=1.0).items()}
    rows = RowCurve.fit(packs.values())
    torch.testing.assert_close(rows.shift(rows.mean_base), rows.mean_shift)
