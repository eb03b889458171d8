"""What each choice of the recipe is worth: the same voices made without it, as experiments of DVC.

    python -m stages.ablation queue lj libritts_121     one experiment per choice, for voices of params.yaml
    dvc queue start                                     hours; `dvc queue status` says how far it is
    python -m stages.ablation table lj libritts_121     writes the table of docs/ablation.md

The voices are evaluated as any other: `reference@NAME` is shared, because no choice here changes it.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import dvc.api
import yaml
from dvc.repo import Repo

from voicepack.errors import VoicepackError
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
_MEASURES = ("wer", "dnsmos", "f0_mean_ratio", "rate_ratio")
_PAGE = Path("docs/ablation.md")


def main(arguments: Sequence[str]) -> None:
    match arguments:
        case ["queue", *voices] if voices:
            earlier = _experiments()
            for choice in CHOICES:
                if experiment(choice) in earlier:
                    subprocess.run(["dvc", "exp", "remove", experiment(choice)], check=True)
                subprocess.run(command(choice, voices), check=True)
        case ["table", *voices] if voices:
            revisions = done(voices)
            tables = {"ablation": table(read_metrics(revisions, voices)), "lengths": lengths(revisions, voices)}
            for name, rows in tables.items():
                print(f"{rows}\n")
                put_table(_PAGE, name, rows)
        case _:
            raise VoicepackError("use `queue NAME…` or `table NAME…`, with names of voices in params.yaml.")


def command(choice: str, voices: Sequence[str]) -> list[str]:
    """Return the command that puts a choice into DVC's queue.

    Without `--force`, which is not only about the name: it would run every stage anew, the encoder's training too.
    """
    settings = [part for name, value in settings_of(choice).items() for part in ("-S", f"{name}={value}")]
    targets = [f"evaluate@{voice}" for voice in voices]
    return ["dvc", "exp", "run", "--queue", "--name", experiment(choice), *settings, *targets]


def settings_of(choice: str) -> dict[str, Any]:
    """Return the settings of params.yaml that a choice is made with, by name."""
    return {**COMMON, **CHOICES[choice]}


def experiment(choice: str) -> str:
    """Return the name of a choice's experiment, such as `ablation-no-prior`."""
    return "ablation-" + re.sub(r"\W+", "-", choice)


def done(voices: Sequence[str]) -> dict[str, str]:
    """Return the revision of each choice whose experiment on this commit is done.

    Raises VoicepackError if the first choice is not among them, or one was done without a voice.
    """
    revisions = _experiments()
    found = {choice: revisions[experiment(choice)] for choice in CHOICES if experiment(choice) in revisions}
    if next(iter(CHOICES)) not in found:
        raise VoicepackError("no experiment is done. Run `python -m stages.ablation queue NAME…`, `dvc queue start`.")
    for choice, revision in found.items():
        lock = yaml.safe_load(dvc.api.read("dvc.lock", rev=revision))["stages"]
        for voice in voices:
            check(lock, choice, voice)
    return found


def check(lock: Mapping[str, Any], choice: str, voice: str) -> None:
    """Raise VoicepackError unless a voice was made with a choice, by the dvc.lock of its experiment."""
    for name, wanted in settings_of(choice).items():
        section = name.split(".")[0]
        value: Any = lock.get(f"{section}@{voice}", {}).get("params", {}).get("params.yaml", {})
        for key in name.split("."):
            value = value.get(key, {})
        if value != wanted:
            raise VoicepackError(f"'{choice}' was not made for voice {voice}. Queue it for all voices of the table.")


def table(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Return the choices in Markdown: likeness, how it differs from the first choice's, voice by voice, and quality.

    Raises VoicepackError for a voice whose likeness has no scale.
    """
    baseline = next(iter(found.values()))
    header = ("", "normalised likeness", "change, least and most", *baseline, *_MEASURES)
    rows = []
    for choice, metrics in found.items():
        if without := [voice for voice, values in metrics.items() if "likeness_normalised" not in values]:
            raise VoicepackError(f"{without[0]}: the judge has no scale for this voice. Leave it out.")
        likeness = {voice: values["likeness_normalised"] for voice, values in metrics.items()}
        changes = [value - baseline[voice]["likeness_normalised"] for voice, value in likeness.items()]
        rows.append(
            (
                choice,
                f"{fmean(likeness.values()):.3f}",
                f"{fmean(changes):+.3f} ({min(changes):+.3f} to {max(changes):+.3f})" if any(changes) else "",
                *(f"{value:.3f}" for value in likeness.values()),
                *(f"{fmean(values.get(name, math.nan) for values in metrics.values()):.3f}" for name in _MEASURES),
            )
        )
    return markdown_table(header, rows)


def read_metrics(revisions: Mapping[str, str], voices: Sequence[str]) -> dict[str, dict[str, Mapping[str, float]]]:
    """Return the metrics of each voice by choice."""
    return {
        choice: {voice: json.loads(dvc.api.read(f"metrics/{voice}.json", rev=revision)) for voice in voices}
        for choice, revision in revisions.items()
    }


def lengths(revisions: Mapping[str, str], voices: Sequence[str]) -> str:
    """Return the normalised likeness by length of the sentence in Markdown, a row for each way to expand a vector."""
    rows = []
    for name, choice in _EXPANSIONS.items():
        if choice not in revisions:
            continue
        by_bucket: dict[str, list[float]] = {}
        for voice in voices:
            text = dvc.api.read(f"metrics/lengths/{voice}.tsv", rev=revisions[choice])
            for row in csv.DictReader(io.StringIO(text), delimiter="\t"):
                value, floor, ceiling = (float(row[f"likeness{suffix}"]) for suffix in ("", "_floor", "_ceiling"))
                by_bucket.setdefault(row["bucket"], []).append(normalised_likeness(value, floor, ceiling))
        rows.append((name, *(f"{fmean(values):.3f}" for values in by_bucket.values())))
    return markdown_table(("phonemes", *by_bucket), rows)


def _experiments() -> dict[str, str]:
    """Return the revisions of the experiments on this commit by name."""
    with Repo() as repo:
        return {name: revision for name, revision in next(iter(repo.experiments.ls().values()), []) if revision}


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (VoicepackError, subprocess.CalledProcessError) as error:
        sys.exit(f"ablation: {error}")
