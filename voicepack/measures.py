"""What is reported of a voice: which measure, over which sentences, which way is better; and what the renders say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from voicepack.confidence import Interval, difference, interval, seed_noise
from voicepack.renders import Render, of_voice

BUCKETS = ((1, 10), (11, 50), (51, 100), (101, 300), (301, 510))  # phonemes


@dataclass(frozen=True)
class Measure:
    """A mean of `column` over the held-out texts or over the fixed sentences.

    Of these only the ones that every voice speaks: the long ones are seen by length, see `bucket`.
    """

    name: str
    title: str
    column: str
    held_out: bool
    better: Literal["higher", "lower", "nearest to 1"]
    per: str = ""  # the column that `column` is a part of, such as errors of words: pooled over the sentences
    weight: str = ""  # the column that the mean is weighted by; every sentence counts alike without

    @property
    def ideal(self) -> float | None:
        """The value aimed at, where neither more nor less is better."""
        return 1.0 if self.better == "nearest to 1" else None


MEASURES = (
    Measure("likeness", "likeness (speaker cosine)", "likeness", False, "higher"),
    Measure("retrieval", "nearest to its own speaker", "retrieved", False, "higher"),
    Measure("wer", "word error rate", "word_errors", False, "lower", "words"),
    Measure("cer", "character error rate", "character_errors", False, "lower", "characters"),
    Measure("dnsmos", "quality by DNSMOS", "dnsmos", False, "higher"),
    Measure("distillmos", "quality by DistillMOS", "distillmos", False, "higher"),
    Measure("faults", "renders with a fault", "faulty", False, "lower"),
    Measure("mel_loss", "mel loss", "mel_loss", True, "lower"),
    Measure("mcd_db", "mel-cepstral distortion, dB", "mcd_db", True, "lower"),
    Measure("f0_rmse_cents", "F0 error, cents", "f0_rmse_cents", True, "lower"),
    Measure("f0_correlation", "F0 correlation", "f0_correlation", True, "higher"),
    Measure("f0_mean_ratio", "F0 mean by the speaker's", "f0_mean_ratio", True, "nearest to 1", weight="seconds"),
    Measure("f0_spread_ratio", "F0 spread by the speaker's", "f0_spread_ratio", True, "nearest to 1", weight="seconds"),
    Measure("rate_ratio", "speaking rate by the speaker's", "rate_ratio", True, "nearest to 1", weight="seconds"),
    Measure("energy_correlation", "energy correlation", "energy_correlation", True, "higher"),
    Measure("held_out_likeness", "likeness on held-out texts", "likeness", True, "higher"),
    Measure("held_out_wer", "word error rate on held-out texts", "word_errors", True, "lower", "words"),
    Measure("held_out_dnsmos", "DNSMOS on held-out texts", "dnsmos", True, "higher"),
)


@dataclass(frozen=True)
class Score:
    """A measure of one voice."""

    interval: Interval
    noise: float | None  # of the seeds; unknown with one
    sentences: int


@dataclass(frozen=True)
class Comparison:
    """How a voice compares with another on the same sentences: `verdict` is better, worse or none."""

    interval: Interval
    verdict: Literal["better", "worse", "none"]


def score(measure: Measure, renders: Sequence[Render], voice: str) -> Score | None:
    """Return a measure of a voice, or None if none of its renders has it."""
    spoken = _table(measure, of_voice(renders, voice))
    if not spoken:
        return None
    values, weights = _arrays(spoken)
    noise = seed_noise(values, weights) if values.shape[1] == 2 else None
    return Score(interval(values, weights), noise, len(values))


def compare_voices(measure: Measure, renders: Sequence[Render], voice: str, other: str) -> Comparison | None:
    """Compare two voices by a measure on the sentences that both have, or return None if there is none.

    The seeds' noise counts too: a difference below that of either voice is none.
    """
    both = [_table(measure, of_voice(renders, each)) for each in (voice, other)]
    common = [name for name in both[0] if name in both[1]]
    if not common:
        return None
    (own, weights), (theirs, _) = (_arrays({name: table[name] for name in common}) for table in both)
    found = difference(own.mean(1), theirs.mean(1), weights, measure.ideal)
    noise = max(seed_noise(values, weights) if values.shape[1] == 2 else 0.0 for values in (own, theirs))
    if found.low <= 0 <= found.high or abs(found.value) <= noise:
        return Comparison(found, "none")
    return Comparison(found, "better" if (found.value > 0) == (measure.better == "higher") else "worse")


def bucket(phoneme_count: int) -> str:
    """Return the name of the bucket of a sentence of so many phonemes."""
    low, high = next(limits for limits in BUCKETS if phoneme_count <= limits[1])
    return f"{low}-{high}"


def _table(measure: Measure, renders: Sequence[Render]) -> dict[str, tuple[list[float], float]]:
    """Return the values, one per seed, and the weight of each sentence of one voice that has the measure."""
    found: dict[str, tuple[list[float], float]] = {}
    for each in renders:
        if each.held_out == measure.held_out and not each.long:
            whole = getattr(each.measured, measure.per) if measure.per else 1.0
            weight = getattr(each.measured, measure.weight) if measure.weight else whole
            values, _ = found.setdefault(each.sentence, ([], weight))
            values.append(getattr(each.measured, measure.column) / whole)
    return {name: row for name, row in found.items() if all(map(math.isfinite, row[0]))}


def _arrays(table: Mapping[str, tuple[list[float], float]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return values `[sentences, seeds]` and weights `[sentences]`."""
    return np.array([values for values, _ in table.values()]), np.array([weight for _, weight in table.values()])
