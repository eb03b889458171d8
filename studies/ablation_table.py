"""The tables of docs/ablation.md: what each choice is worth, beside what chance makes of a voice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, variance
from typing import Any

from scipy.stats import t

from studies.choices import CHOICES, SEEDS, TITLES, trains_alike
from voicepack.confidence import half_width
from voicepack.markdown import markdown_table

MEASURES = ("likeness_normalised", "wer", "dnsmos", "f0_mean_ratio", "rate_ratio")
LENGTH = "phonemes_"  # before a bucket of lengths, in the names of columns
_EXPANSIONS = {"rows that change with length": "40 steps", "510 equal rows": "flat rows"}

Row = dict[str, Any]  # choice, voice, commit, measures
Values = dict[str, list[float]]  # of a measure, by voice


def table(rows: Sequence[Row]) -> str:
    """Return the choices in Markdown: each measure and its change, and likeness by voice.

    A choice is compared with the mean of the seeds, over the voices that have both; with the change stands what chance
    alone keeps it within in 19 of 20 cases, where that is known. One that shares the training of the first seed is
    compared with that, voice by voice.
    """
    voices = sorted({row["voice"] for row in rows})
    lines = [_line("mean of the seeds", SEEDS, rows, voices)]
    made = [choice for choice in CHOICES if values(rows, (choice,), MEASURES[0])]
    lines += [_line(TITLES.get(choice, choice), (choice,), rows, voices) for choice in made]
    return markdown_table(("", *MEASURES, *voices), lines)


def _line(name: str, choices: Sequence[str], rows: Sequence[Row], voices: Sequence[str]) -> tuple[str, ...]:
    cells = [_cell(choices, measure, rows) for measure in MEASURES]
    likeness = values(rows, choices, MEASURES[0])
    return (name, *cells, *(f"{fmean(likeness[voice]):.3f}" if voice in likeness else "" for voice in voices))


def _cell(choices: Sequence[str], measure: str, rows: Sequence[Row]) -> str:
    """Return the mean over voices of a measure and, but of seeds, its change."""
    own = values(rows, choices, measure)
    if set(choices) <= set(SEEDS):
        return f"{fmean(map(fmean, own.values())):.3f}" if own else ""
    same_training = all(map(trains_alike, choices))
    recipe = values(rows, SEEDS[:1] if same_training else SEEDS, measure)
    both = [voice for voice in own if voice in recipe]
    if not both:
        return ""
    changes = [fmean(own[voice]) - fmean(recipe[voice]) for voice in both]
    if same_training:
        half = half_width(changes)
    else:
        trainings = sum(1 + 1 / len(recipe[voice]) for voice in both)
        half = chance(rows, measure) * math.sqrt(trainings) / len(both)
    within = f" ± {half:.3f}" if math.isfinite(half) else ""
    return f"{fmean(fmean(own[voice]) for voice in both):.3f} ({fmean(changes):+.3f}{within})"


def values(rows: Sequence[Row], choices: Sequence[str], measure: str) -> Values:
    """Return what has been measured of choices, by voice."""
    found: Values = {}
    for row in rows:
        if row["choice"] in choices and row[measure] != "":
            found.setdefault(row["voice"], []).append(float(row[measure]))
    return found


def chance(rows: Sequence[Row], measure: str) -> float:
    """Return the half-width of the 95 % interval of a measure of one voice trained once, by Student's t over the seeds.

    From the variance among the seeds, mean over the voices that have all of them; nan if none has.
    """
    by_voice = values(rows, SEEDS, measure).values()
    variances = [variance(each) for each in by_voice if len(each) == len(SEEDS)]
    if not variances:
        return math.nan
    return float(t.ppf(0.975, len(variances) * (len(SEEDS) - 1))) * math.sqrt(fmean(variances))


def lengths(rows: Sequence[Row]) -> str:
    """Return the normalised likeness by length of the sentence in Markdown, a row for each way to expand a vector.

    Over the voices that have all of them.
    """
    found = [{row["voice"]: row for row in rows if row["choice"] == choice} for choice in _EXPANSIONS.values()]
    voices = set.intersection(*map(set, found))
    columns = [
        column
        for column in rows[0]
        if column.startswith(LENGTH) and voices and all(each[voice][column] for each in found for voice in voices)
    ]
    lines = [
        (name, *(f"{fmean(float(each[voice][column]) for voice in voices):.3f}" for column in columns))
        for name, each in zip(_EXPANSIONS, found, strict=True)
    ]
    header = ("phonemes", *(column.removeprefix(LENGTH) for column in columns))
    return markdown_table(header, lines) if voices else "Not measured yet."
