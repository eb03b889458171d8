"""What each choice of the recipe is worth: the same voices made without it, as experiments of DVC.

    python -m stages.ablation queue lj libritts_121     one experiment per choice and voice of params.yaml
    dvc queue start                                     hours; `dvc queue status` says how far it is
    python -m stages.ablation table                     writes the tables of docs/ablation.md

The voices are evaluated as any other: `reference@NAME` is shared, because no choice here changes it. What is done goes
to metrics/ablation.tsv, which later experiments, here or elsewhere, add to: the table shows what there is.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import dvc.api
from dvc.repo import Repo

from stages import places
from stages.settings import load_settings
from voicepack.errors import VoicepackError
from voicepack.files import read_table, write_table
from voicepack.likeness import normalised_likeness
from voicepack.markdown import markdown_table, put_table

# Of every row, so that all of them take an evening: half the steps, and one seed of the renders instead of two.
COMMON: dict[str, Any] = {"train.steps": 40, "evaluate.seeds": [0]}
CHOICES: dict[str, dict[str, Any]] = {
    "40 steps": {},
    "80 steps": {"train.steps": 80},
    "pitch 6": {"train.losses.f0_statistics": 6.0},
    "prior 0.3": {"train.losses.prior": 0.3},
    # How much to record, of the same recordings: what the voice is read from and trained on.
    "one clip": {"train.max_seconds": 1, "extract.max_style_samples": 1},
    "15 s": {"train.max_seconds": 15, "extract.max_style_samples": 2},
    "flat rows": {"expand.rows": "flat"},
    "no speaker loss": {"train.losses.speaker": 0},
    "30 s": {"train.max_seconds": 30, "extract.max_style_samples": 4},
    "seed 1": {"train.seed": 1},
    "projection's weights": {"train.network": "mlp", "train.lr": 3e-4},
    "no own prosody": {"train.own_prosody_every": 0},
    "no prior": {"train.losses.prior": 0},
    "no timbre loss": {"train.losses.timbre": 0},
    "no mel statistics": {"train.losses.mel_statistics": 0},
    "no frame-wise mel loss": {"train.losses.mel": 0},
    "120 s": {"train.max_seconds": 120},
}
_EXPANSIONS = {"rows that change with length": "40 steps", "510 equal rows": "flat rows"}
_LIKENESS = "likeness_normalised"
_MEASURES = ("wer", "dnsmos", "f0_mean_ratio", "rate_ratio")
_PAGE = Path("docs/ablation.md")

Row = dict[str, Any]  # choice, voice, commit, measures


def main(arguments: Sequence[str]) -> None:
    match arguments:
        case ["queue", *voices] if voices:
            earlier = experiments()
            for choice, voice in itertools.product(CHOICES, voices):
                if experiment(choice, voice) in earlier:
                    subprocess.run(["dvc", "exp", "remove", experiment(choice, voice)], check=True)
                subprocess.run(command(choice, voice), check=True)
        case ["table"]:
            rows = keep(read())
            tables = {"ablation": table(rows), "lengths": lengths(rows)}
            for name, text in tables.items():
                print(f"{text}\n")
                put_table(_PAGE, name, text)
        case _:
            raise VoicepackError("use `queue NAME…`, with names of voices in params.yaml, or `table`.")


def command(choice: str, voice: str) -> list[str]:
    """Return the command that puts a choice for a voice into DVC's queue.

    Without `--force`, which is not only about the name: it would run every stage anew, the encoder's training too.
    """
    settings = [part for name, value in settings_of(choice).items() for part in ("-S", f"{name}={value}")]
    return ["dvc", "exp", "run", "--queue", "--name", experiment(choice, voice), *settings, f"evaluate@{voice}"]


def settings_of(choice: str) -> dict[str, Any]:
    """Return the settings of params.yaml that a choice is made with, by name."""
    return {**COMMON, **CHOICES[choice]}


def experiment(choice: str, voice: str) -> str:
    """Return the name of an experiment, such as `ablation-no-prior-lj`."""
    return "ablation-" + re.sub(r"[^A-Za-z0-9_]+", "-", f"{choice} {voice}")


def experiments() -> dict[str, str]:
    """Return the revisions of the experiments on this commit by name."""
    with Repo() as repo:
        return {name: revision for name, revision in next(iter(repo.experiments.ls().values()), []) if revision}


def read() -> list[Row]:
    """Return what the experiments on this commit that are done have measured, one row per choice and voice."""
    names = {
        experiment(choice, voice): (choice, voice) for choice in CHOICES for voice in load_settings("voices", dict)
    }
    rows = []
    for name, revision in experiments().items():
        if name in names:
            choice, voice = names[name]
            metrics = json.loads(dvc.api.read(f"metrics/{voice}.json", rev=revision))
            by_length = dvc.api.read(f"metrics/lengths/{voice}.tsv", rev=revision)
            row: Row = {"choice": choice, "voice": voice, "commit": revision[:7]}
            row |= {measure: metrics.get(measure, math.nan) for measure in (_LIKENESS, *_MEASURES)}
            rows.append(
                row | {f"phonemes_{bucket}": value for bucket, value in normalised_by_length(by_length).items()}
            )
    return rows


def normalised_by_length(text: str) -> dict[str, float]:
    """Return the normalised likeness by length of the sentence, of the text of a metrics/lengths/NAME.tsv."""
    found = {}
    for row in csv.DictReader(io.StringIO(text), delimiter="\t"):
        value, floor, ceiling = (float(row[f"likeness{suffix}"]) for suffix in ("", "_floor", "_ceiling"))
        found[row["bucket"]] = normalised_likeness(value, floor, ceiling)
    return found


def keep(rows: Sequence[Row]) -> list[Row]:
    """Add rows to metrics/ablation.tsv, in place of earlier ones of the same choice and voice; return all of them."""
    kept: dict[tuple[Any, Any], Row] = {}
    for row in [*(read_table(places.ABLATION) if places.ABLATION.exists() else []), *rows]:
        kept[row["choice"], row["voice"]] = dict(row)
    if not kept:
        raise VoicepackError("no experiment is done. Run `python -m stages.ablation queue NAME…`, `dvc queue start`.")
    order = list(CHOICES)
    found = sorted(kept.values(), key=lambda row: (order.index(row["choice"]), row["voice"]))
    write_table(places.ABLATION, found, list(dict.fromkeys(column for row in found for column in row)))
    return found


def table(rows: Sequence[Row]) -> str:
    """Return the choices in Markdown: normalised likeness, how it differs from the first choice's, and quality.

    A choice is compared with the first one over the voices that have both.
    """
    voices = sorted({row["voice"] for row in rows})
    found = {choice: {row["voice"]: row for row in rows if row["choice"] == choice} for choice in CHOICES}
    baseline = next(iter(found.values()))
    lines = []
    for choice, by_voice in found.items():
        both = [voice for voice in by_voice if voice in baseline]
        if not both:
            continue
        cells = [choice]
        for measure in (_LIKENESS, *_MEASURES):
            values = [float(by_voice[voice][measure]) for voice in both]
            changes = [value - float(baseline[voice][measure]) for value, voice in zip(values, both, strict=True)]
            cells.append(
                f"{fmean(values):.3f} ({fmean(changes):+.3f})"
                if choice != next(iter(found))
                else f"{fmean(values):.3f}"
            )
        cells += [f"{float(by_voice[voice][_LIKENESS]):.3f}" if voice in by_voice else "" for voice in voices]
        lines.append(cells)
    return markdown_table(("", _LIKENESS, *_MEASURES, *voices), lines)


def lengths(rows: Sequence[Row]) -> str:
    """Return the normalised likeness by length of the sentence in Markdown, a row for each way to expand a vector.

    Over the voices that have all of them.
    """
    found = {
        name: {row["voice"]: row for row in rows if row["choice"] == choice} for name, choice in _EXPANSIONS.items()
    }
    voices = set.intersection(*(set(by_voice) for by_voice in found.values()))
    if not voices:
        return "Not measured yet."
    buckets = [column for column in rows[0] if column.startswith("phonemes_")]
    lines = [
        (name, *(f"{fmean(float(by_voice[voice][bucket]) for voice in voices):.3f}" for bucket in buckets))
        for name, by_voice in found.items()
    ]
    return markdown_table(("phonemes", *(bucket.removeprefix("phonemes_") for bucket in buckets)), lines)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (VoicepackError, subprocess.CalledProcessError) as error:
        sys.exit(f"ablation: {error}")
