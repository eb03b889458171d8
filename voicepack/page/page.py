"""The page put together from voice reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
import torch
from torch import Tensor

from voicepack.measures import MEASURES
from voicepack.page.charts import equality_chart, line_chart, scatter_chart
from voicepack.page.media import mp3, seconds, spectrogram
from voicepack.page.voice_report import TITLES, VoiceReport
from voicepack.renders import FLOOR, NEW, REAL
from voicepack.rows import base_vector

# What the page says of a voice, first the most important, with what it is called.
_FACTS = {
    "speaker": "speaker",
    "licence": "licence of the recordings",
    "consent": "consent of the speaker",
    "nearest": "nearest stock voice",
    "made by": "made by",
    "weights_sha256": "Kokoro's weights, SHA-256",
    "data_sha256": "recordings, SHA-256",
    "pack_md5": "pack, MD5",
    "judge of likeness": "judge of likeness",
}
_CODE = ("made by", "weights_sha256", "data_sha256", "pack_md5")
_CURVES = ("mel", "mel_statistics", "timbre", "speaker", "f0", "f0_statistics", "energy", "duration", "rate")


@dataclass(frozen=True)
class Player:
    """One sentence of one voice to be heard."""

    identity: str
    voice: str
    title: str
    sound: str


def build_page(
    reports: Sequence[VoiceReport],
    retrieved: Mapping[str, float],
    stock: Mapping[str, Tensor],
    missing: Sequence[str],
    speed: Mapping[str, float],
    fixed_sentences: int,
) -> str:
    """Return the page as HTML.

    `stock` are the stock packs by name, `missing` the voices without an evaluation, `speed` what `make bench` has
    written; of the fixed sentences so many are played, short to long, besides all held-out texts.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("voicepack.page", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = number
    voices = [_voice(report, fixed_sentences) for report in reports]
    return environment.get_template("report.html.jinja").render(
        style=_read(environment, "report.css"),
        script=_read(environment, "report.js"),
        voices=voices,
        missing=missing,
        summary=[_summary(report, retrieved[report.name]) for report in reports],
        space=_space(reports, stock),
        stock_voices=len(stock),
        speed=speed,
        trials={voice["name"]: voice["trials"] for voice in voices},
    )


def number(value: Any) -> str:
    """Write a number as a table shows it: three digits that count, nothing for none."""
    if value in ("", None):
        return ""
    figure = float(value)
    return f"{figure:.0f}" if abs(figure) >= 100 else f"{figure:.1f}" if abs(figure) >= 10 else f"{figure:.3f}"


def _read(environment: jinja2.Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _summary(report: VoiceReport, retrieved: float) -> dict[str, Any]:
    columns = ("likeness", "wer", "dnsmos", "mel_loss", "f0_correlation")
    return {
        "name": report.name,
        "nearest": report.nearest,
        "normalised": report.metrics.get("likeness_normalised"),
        "noise": report.metrics.get("likeness_normalised_noise"),
        "retrieved": retrieved,
        "scores": {name: [report.score(name, voice) for voice in (NEW, FLOOR, REAL)] for name in columns},
    }


def _voice(report: VoiceReport, fixed_sentences: int) -> dict[str, Any]:
    shown = [voice for voice in TITLES if voice in report.folders]
    measured = [voice for voice in shown if any(row["voice"] == voice for row in report.scores)]
    heard = _heard(report, shown, fixed_sentences)
    trials = [
        {"sentence": each["name"], "text": each["text"], "voices": [player.voice for player in each["players"]]}
        for each in heard
    ]
    return {
        "name": report.name,
        "facts": _facts(report),
        "nearest": report.nearest,
        "columns": [(voice, TITLES[voice]) for voice in measured],
        "scores": _score_rows(report, measured),
        "heard": heard,
        "pictures": _pictures(report),
        "training": _training(report),
        "lengths": report.lengths,
        "length_chart": _length_chart(report),
        "f0_chart": _f0_chart(report),
        "rejected": report.rejected,
        "trials": trials,
        "rivals": [(voice, TITLES[voice]) for voice in shown if _comparable(voice, trials)],
    }


def _facts(report: VoiceReport) -> list[tuple[str, str, bool]]:
    """Return what is known of a voice: what it is called, its value, whether that is for a machine to read."""
    known = {**report.facts, "nearest": report.nearest}
    names = [*(name for name in _FACTS if name in known), *(name for name in known if name not in {*_FACTS, "name"})]
    return [(_FACTS.get(name, name), known[name], name in _CODE) for name in names]


def _comparable(voice: str, trials: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the blind test can play the new voice against another: some sentence is heard from both."""
    return voice not in (NEW, REAL) and any({NEW, voice} <= set(trial["voices"]) for trial in trials)


def _heard(report: VoiceReport, shown: Sequence[str], fixed_sentences: int) -> list[dict[str, Any]]:
    """Return the sentences that the page plays: every held-out text, and some of the fixed ones, short to long."""
    fixed = sorted((each for each in report.sentences if not each.held_out), key=lambda each: len(each.phonemes))
    places = torch.linspace(0, len(fixed) - 1, min(fixed_sentences, len(fixed))).round().long().tolist()
    chosen = [fixed[place] for place in places]
    every = []
    for sentence in [*(each for each in report.sentences if each.held_out), *chosen]:
        players = [
            Player(f"{report.name}--{sentence.name}--{voice}", voice, TITLES[voice], mp3(path))
            for voice in shown
            if (path := report.sample(sentence.name, voice)) is not None
        ]
        every.append({"name": sentence.name, "text": sentence.text, "held_out": sentence.held_out, "players": players})
    return every


def _score_rows(report: VoiceReport, shown: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for measure in MEASURES:
        cells = [report.score(measure.name, voice) for voice in shown]
        if any(cells):
            rows.append({"title": measure.title, "better": measure.better, "cells": cells})
    return rows


def _pictures(report: VoiceReport) -> list[dict[str, Any]]:
    f0 = {(each.voice, each.sentence): each.f0 for each in report.renders if each.f0 is not None}
    pictures = []
    for sentence in report.sentences:
        if sentence.recording is None:
            continue
        f0[REAL, sentence.name] = sentence.recording.f0[0]
        paths = {voice: report.sample(sentence.name, voice) for voice in (REAL, NEW, FLOOR)}
        found = {voice: path for voice, path in paths.items() if path is not None and (voice, sentence.name) in f0}
        scale = max(map(seconds, found.values()), default=0.0)
        drawn = [
            {
                "title": TITLES[voice],
                "seconds": seconds(path),
                "svg": spectrogram(path, f0[voice, sentence.name], scale),
            }
            for voice, path in found.items()
        ]
        pictures.append({"text": sentence.text, "drawn": drawn})
    return pictures


def _training(report: VoiceReport) -> str:
    """Draw the losses, each as a running mean of ten steps: every step hears another clip."""
    series = {}
    for name in _CURVES:
        if name not in report.training[0]:  # the speaker loss can be left out
            continue
        values = torch.tensor([float(row[name]) for row in report.training])
        window = max(1, min(10, len(values)))
        smooth = values.unfold(0, window, 1).mean(1).tolist()
        steps = [float(row["step"]) for row in report.training][window - 1 :]
        series[name.replace("_", " ")] = list(zip(steps, smooth, strict=True))
    return line_chart(f"training losses of {report.name}", series, "step", "loss")


def _length_chart(report: VoiceReport) -> str:
    series = {
        title: [(float(row["phonemes"]), float(row[column])) for row in report.lengths if row[column]]
        for title, column in (
            ("new voice", "likeness"), ("nearest stock voice", "likeness_floor"), ("real clips", "likeness_ceiling"),
        )
    }  # fmt: skip
    return line_chart(f"likeness of {report.name} by length", series, "phonemes in the sentence", "likeness")


def _f0_chart(report: VoiceReport) -> str:
    cloud = [(float(row["recorded_hz"]), float(row["rendered_hz"])) for row in report.f0]
    return equality_chart(f"F0 of {report.name}", cloud, "recorded, Hz", "rendered, Hz")


def _space(reports: Sequence[VoiceReport], stock: Mapping[str, Tensor]) -> str:
    """Draw all packs on the two principal components of the stock voices."""
    vectors = torch.stack([base_vector(pack) for pack in stock.values()])
    mean = vectors.mean(0)
    _, _, directions = torch.linalg.svd(vectors - mean, full_matrices=False)
    # A direction has no sign of its own: the same one always.
    signs = directions.gather(1, directions.abs().argmax(1, keepdim=True)).sign()
    plane = (directions * signs)[:2]

    def place(vector: Tensor) -> tuple[float, float]:
        first, second = (plane @ (vector - mean)).tolist()
        return first, second

    cloud, named = [place(vector) for vector in vectors], {each.name: place(base_vector(each.pack)) for each in reports}
    title = "the packs among the stock voices"
    return scatter_chart(title, cloud, "first principal component", "second component", named)
