"""How much of a number is chance: intervals by bootstrap over sentences, and the noise that Kokoro draws.

A measure is a weighted mean over sentences (weights are 1, or the words of each for word errors). Values come as
`[sentences, seeds]`, because Kokoro draws noise on every call; the value of a sentence is the mean over its seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import stdev

import numpy as np
from numpy.typing import NDArray

_DRAWS = 2000
_LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean and where it lies with 95 % confidence."""

    value: float
    low: float
    high: float


def interval(values: NDArray[np.float64], weights: NDArray[np.float64]) -> Interval:
    """Return the weighted mean of `values` `[sentences, seeds]` and its interval: other sentences, other mean."""
    by_sentence = values.mean(1)
    means = _bootstrap(by_sentence, weights)
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(_mean(by_sentence, weights), float(low), float(high))


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

    With an `ideal`, how much further from it the first mean is. An interval with 0 in it says: no difference.
    """
    means = [_bootstrap(values, weights) for values in (first, second)]  # the same draws of sentences for both
    values = [_mean(values, weights) for values in (first, second)]
    if ideal is not None:
        means = [np.abs(each - ideal) for each in means]
        values = [abs(each - ideal) for each in values]
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(means[0] - means[1], [tail, 1 - tail])
    return Interval(values[0] - values[1], float(low), float(high))


def half_width(values: Sequence[float]) -> float:
    """Return half the 95 % interval of the mean of values, such as one of each voice, by Student's t; nan of one."""
    from scipy.stats import t

    if len(values) < 2:
        return math.nan
    return float(t.ppf((1 + _LEVEL) / 2, len(values) - 1)) * stdev(values) / math.sqrt(len(values))


def _bootstrap(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means `[draws]` over sentences drawn with replacement, the same draws every time."""
    drawn = np.random.default_rng(0).integers(len(values), size=(_DRAWS, len(values)))
    weighted = (weights * values)[drawn].sum(1) / weights[drawn].sum(1)
    return np.asarray(weighted)


def _mean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    return float((weights * values).sum() / weights.sum())
