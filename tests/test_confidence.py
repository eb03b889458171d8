"""What of a number is chance."""

import numpy as np
import pytest
from numpy.typing import NDArray

from voicepack.confidence import difference, interval, seed_noise


def drawn(sentences: int, seeds: int = 2, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0.5, 0.1, (sentences, seeds))


def alike(count: int) -> NDArray[np.float64]:
    return np.ones(count)


def test_an_interval_holds_its_mean_and_is_about_two_standard_errors_to_each_side() -> None:
    values = drawn(50)
    found = interval(values, alike(50))
    assert found.value == pytest.approx(values.mean(), abs=1e-12)
    error = values.mean(1).std() / np.sqrt(50)
    assert [found.low, found.high] == pytest.approx(
        [found.value - 1.96 * error, found.value + 1.96 * error], abs=error / 5
    )


@pytest.mark.parametrize("sentences", [2, 4, 14])
@pytest.mark.parametrize("weighted", [False, True])
def test_of_few_sentences_the_interval_still_holds_the_truth(sentences: int, weighted: bool) -> None:
    """95 times of 100. Drawn from two sentences, it held it 50 times."""
    random = np.random.default_rng(1)
    weights = random.uniform(1, 2, sentences) if weighted else alike(sentences)
    found = [interval(drawn(sentences, seed=seed), weights) for seed in range(400)]
    assert np.mean([each.low <= 0.5 <= each.high for each in found]) == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize("ideal", [None, 1.0])
def test_of_few_sentences_equal_voices_seldom_differ(ideal: float | None) -> None:
    pairs = [(drawn(3, seed=2 * seed).mean(1), drawn(3, seed=2 * seed + 1).mean(1)) for seed in range(400)]
    found = [difference(first, second, alike(3), ideal) for first, second in pairs]
    assert np.mean([each.low > 0 or each.high < 0 for each in found]) == pytest.approx(0.05, abs=0.03)


def test_one_sentence_says_nothing_of_others() -> None:
    found = interval(drawn(1), alike(1))
    assert (found.low, found.high) == (-np.inf, np.inf)
    found = difference(np.array([0.5]), np.array([0.1]), alike(1), None)
    assert found.low < 0 < found.high


def test_more_sentences_narrow_the_interval() -> None:
    few, many = (interval(drawn(count), alike(count)) for count in (10, 160))
    assert many.high - many.low < 0.5 * (few.high - few.low)


def test_equal_values_leave_no_doubt() -> None:
    found = interval(np.full((7, 2), 0.25), np.array([1.0, 2, 3, 4, 5, 6, 7]))
    assert [found.value, found.low, found.high] == pytest.approx([0.25] * 3, abs=1e-12)


def test_a_sentence_counts_by_its_weight() -> None:
    values, weights = np.array([[0.0], [1.0]]), np.array([9.0, 1.0])
    assert interval(values, weights).value == pytest.approx(0.1)
    assert difference(values[:, 0], np.zeros(2), weights, None).value == pytest.approx(0.1)
    # Weighted alike, the noise would be the same whichever sentence it is in.
    noisy = [np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [0.0, 1.0]])]
    assert [seed_noise(each, weights) for each in noisy] == pytest.approx([0.9 / np.sqrt(2), 0.1 / np.sqrt(2)])


def test_seeds_that_agree_are_no_noise() -> None:
    assert seed_noise(drawn(20, 1).repeat(2, 1), alike(20)) == 0


@pytest.mark.parametrize("sentences", [16, 40])
def test_the_noise_of_random_seeds_is_that_of_the_formula(sentences: int) -> None:
    values = drawn(sentences)
    deviations = values[:, 0] - values[:, 1]
    expected = 1.96 * np.sqrt((deviations**2).mean() / sentences) / np.sqrt(2)
    assert seed_noise(values, alike(sentences)) == pytest.approx(expected, rel=0.1)


def test_the_noise_is_how_far_the_mean_moves_from_run_to_run() -> None:
    runs = drawn(40 * 400).reshape(400, 40, 2)
    moved = np.abs(runs[0::2].mean((1, 2)) - runs[1::2].mean((1, 2)))
    noise = np.mean([seed_noise(values, alike(40)) for values in runs[:20]])
    assert noise == pytest.approx(np.quantile(moved, 0.95), rel=0.15)


@pytest.mark.parametrize("ideal", [None, 1.0])
def test_a_voice_does_not_differ_from_itself(ideal: float | None) -> None:
    values = drawn(12).mean(1)
    found = difference(values, values, alike(12), ideal)
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_a_difference_is_of_the_first_from_the_second_on_the_same_sentences() -> None:
    # Sentences differ ten times as much as the voices do: unpaired, the interval would hold 0.
    easy_and_hard = np.linspace(0, 1, 20)
    found = difference(easy_and_hard + 0.05, easy_and_hard, alike(20), None)
    assert [found.value, found.low, found.high] == pytest.approx([0.05] * 3, abs=1e-9)


def test_with_an_ideal_the_nearer_mean_has_the_smaller_distance() -> None:
    near, far = np.full(10, 1.1), np.full(10, 0.7)
    found = difference(near, far, alike(10), 1.0)
    assert [found.value, found.low, found.high] == pytest.approx([-0.2] * 3)
    assert difference(near, far, alike(10), None).value == pytest.approx(0.4)


def test_the_same_numbers_give_the_same_answer() -> None:
    values, other, weights = drawn(15), drawn(15, seed=1), np.arange(1.0, 16)
    assert interval(values, weights) == interval(values, weights)
    assert seed_noise(values, weights) == seed_noise(values, weights)
    first = difference(values.mean(1), other.mean(1), weights, None)
    assert first == difference(values.mean(1), other.mean(1), weights, None)
    assert first.low < first.value < first.high
