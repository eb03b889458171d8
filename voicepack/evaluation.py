"""What the renders of a voice, its floor and its ceiling come to: metrics, and the tables behind them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from voicepack.alignment import warping_path
from voicepack.likeness import normalised_likeness
from voicepack.measures import MEASURES, bucket, compare_voices, score
from voicepack.renders import FLOOR, NEW, REAL, Render, of_voice
from voicepack.sentence import Sentence

F0_COLUMNS = ("voice", "sentence", "recorded_hz", "rendered_hz")
SUFFIXES = {NEW: "", FLOOR: "_floor", REAL: "_ceiling"}


def summarise(renders: Sequence[Render]) -> dict[str, float]:
    """Return metrics by name: the new voice, `_noise` of its seeds, `_floor` and `_ceiling`; finite, flat."""
    metrics: dict[str, float] = {}
    for measure in MEASURES:
        for voice, suffix in SUFFIXES.items():
            found = score(measure, renders, voice)
            if found is None:
                continue
            metrics[measure.name + suffix] = found.interval.value
            if found.noise is not None:
                metrics[f"{measure.name}{suffix}_noise"] = found.noise
    floor, ceiling = (metrics.get(f"likeness{SUFFIXES[voice]}", math.nan) for voice in (FLOOR, REAL))
    # Where the judge hears the stock voice as well as the speaker there is no scale, and no such number.
    if ceiling > floor:
        metrics["likeness_normalised"] = normalised_likeness(metrics["likeness"], floor, ceiling)
        if "likeness_noise" in metrics:
            metrics["likeness_normalised_noise"] = metrics["likeness_noise"] / (ceiling - floor)
    return metrics


def score_table(renders: Sequence[Render]) -> list[dict[str, Any]]:
    """Return every measure of every voice as lines: value, its interval, and how the new voice compares with it."""
    rows = []
    voices = list(dict.fromkeys(each.voice for each in renders))
    for measure in MEASURES:
        for voice in voices:
            found = score(measure, renders, voice)
            if found is None:
                continue
            compared = compare_voices(measure, renders, NEW, voice) if voice != NEW else None
            rows.append(
                {
                    "measure": measure.name,
                    "voice": voice,
                    "value": found.interval.value,
                    "low": found.interval.low,
                    "high": found.interval.high,
                    "noise": "" if found.noise is None else found.noise,
                    "sentences": found.sentences,
                    "new_minus_this": compared.interval.value if compared else "",
                    "difference_low": compared.interval.low if compared else "",
                    "difference_high": compared.interval.high if compared else "",
                    "new_is": compared.verdict if compared else "",
                }
            )
    return rows


def length_table(renders: Sequence[Render]) -> list[dict[str, Any]]:
    """Return likeness, word error rate, quality and faults by length of the sentence, over all sentences.

    One line per bucket, at its mean number of `phonemes`; the floor's and the ceiling's values have their suffixes.
    """
    by_bucket: dict[str, list[Render]] = {}
    for each in sorted(renders, key=lambda each: each.phoneme_count):
        by_bucket.setdefault(bucket(each.phoneme_count), []).append(each)
    rows = []
    for name, some in by_bucket.items():
        row: dict[str, Any] = {"bucket": name}
        for voice, suffix in SUFFIXES.items():
            own = [each.measured for each in of_voice(some, voice)]
            if voice == NEW:
                row |= {"phonemes": fmean(each.phoneme_count for each in of_voice(some, voice)), "renders": len(own)}
            for column in ("likeness", "dnsmos", "distillmos", "faulty"):
                row[column + suffix] = _mean([getattr(each, column) for each in own])
            words = sum(each.words for each in own if math.isfinite(each.words))
            errors = sum(each.word_errors for each in own if math.isfinite(each.word_errors))
            row[f"wer{suffix}"] = errors / words if words else math.nan
        rows.append(row)
    return rows


def f0_table(renders: Sequence[Render], sentences: Sequence[Sentence]) -> list[dict[str, Any]]:
    """Return F0 of held-out texts where recording and render are voiced: every fifth pair of frames after warping."""
    rows: list[dict[str, Any]] = []
    recordings = {each.name: each.recording for each in sentences if each.recording}
    for each in renders:
        if each.f0 is None or each.audio is None:
            continue
        recording = recordings[each.sentence]
        path = warping_path(each.audio, recording.audio)[::5]
        recorded, rendered = recording.f0[0][path[:, 1]], each.f0[path[:, 0]]
        for ours, theirs in zip(rendered.tolist(), recorded.tolist(), strict=True):
            if ours > 0 and theirs > 0:
                rows.append(dict(zip(F0_COLUMNS, (each.voice, each.sentence, theirs, ours), strict=True)))
    return rows


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return fmean(finite) if finite else math.nan
