"""How much of a number is chance: intervals over sentences, and the noise that Kokoro draws.

A measure is a weighted mean over sentences (weights are 1, or the words of each for word errors). Values come as
`[sentences, seeds]`, because Kokoro draws noise on every call; the value of a sentence is the mean over its seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_DRAWS = 2000
_FEW = 15  # sentences: of ten, intervals by bootstrap hold the truth 89 times of 100, of two 50 times
_LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean and where it lies with 95 % confidence."""

    value: float
    low: float
    high: float


def interval(values: NDArray[np.float64], weights: NDArray[np.float64]) -> Interval:
    """Return the weighted mean of `values` `[sentences, seeds]` and its interval: other sentences, other mean.

    By bootstrap; of few sentences by Student's t, and of one without end.
    """
    by_sentence = values.mean(1)
    value = _mean(by_sentence, weights)
    if len(by_sentence) < _FEW:
        return _around(value, half_width(by_sentence, weights))
    return _within(value, _bootstrap(by_sentence, weights))


def seed_noise(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return how far the mean moves, 95 times of 100 at most, if only the seeds of the renders change.

    `values` is `[sentences, 2]`, one column per seed. For every sentence a coin decides which seed is called the
    first; the spread of the differences that come out, over √2 since the mean is over two seeds.
    """
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (_DRAWS, len(values)))
    differences = signs @ (weights * (values[:, 0] - values[:, 1])) / weights.sum()
    return float(np.quantile(np.abs(differences), _LEVEL) / np.sqrt(2))


def difference(
    first: NDArray[np.float64], second: NDArray[np.float64], weights: NDArray[np.float64], ideal: float | None
) -> Interval:
    """Return how much larger the mean of `first` is than that of `second` on the same sentences, `[sentences]` each.

    With an `ideal`, how much further from it the first mean is. An interval with 0 in it says: no difference. As
    `interval`, by bootstrap or by Student's t.
    """
    means = [_mean(values, weights) for values in (first, second)]
    value = means[0] - means[1] if ideal is None else abs(means[0] - ideal) - abs(means[1] - ideal)
    if len(first) < _FEW:
        ways = [1.0 if ideal is None else np.sign(mean - ideal) for mean in means]  # in which a sentence adds to it
        return _around(value, half_width(ways[0] * first - ways[1] * second, weights))
    drawn = [_bootstrap(values, weights) for values in (first, second)]  # the same draws of sentences for both
    if ideal is not None:
        drawn = [np.abs(each - ideal) for each in drawn]
    return _within(value, drawn[0] - drawn[1])


def half_width(values: NDArray[np.float64] | Sequence[float], weights: NDArray[np.float64] | None = None) -> float:
    """Return half the 95 % interval of the mean of values, such as one of each voice, by Student's t; inf of one.

    With weights, of their weighted mean: its residuals are weighted too, as of a ratio (Cochran 1977, 6.4).
    """
    from scipy.stats import t

    count, found = len(values), np.asarray(values)
    if count < 2:
        return math.inf
    weights = np.ones(count) if weights is None else weights
    residuals = weights * (found - _mean(found, weights))
    error = math.sqrt(count / (count - 1) * (residuals**2).sum()) / weights.sum()
    return float(t.ppf((1 + _LEVEL) / 2, count - 1) * error)


def _around(value: float, half: float) -> Interval:
    return Interval(value, value - half, value + half)


def _within(value: float, drawn: NDArray[np.float64]) -> Interval:
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def _bootstrap(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means `[draws]` over sentences drawn with replacement, the same draws every time."""
    drawn = np.random.default_rng(0).integers(len(values), size=(_DRAWS, len(values)))
    weighted = (weights * values)[drawn].sum(1) / weights[drawn].sum(1)
    return np.asarray(weighted)


def _mean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    return float((weights * values).sum() / weights.sum())
