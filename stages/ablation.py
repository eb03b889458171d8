"""What each choice of the recipe is worth: the same voices made without it, as experiments of DVC.

    python -m stages.ablation queue lj libritts_121     one experiment per choice and voice of params.yaml
    dvc queue start                                     hours; `dvc queue status` says how far it is
    python -m stages.ablation table                     writes the tables of docs/ablation.md

The voices are evaluated as any other: `reference@NAME` is shared, because no choice here changes it. What is done goes
to metrics/ablation.tsv, which later experiments, here or elsewhere, add to: the table shows what there is.
"""

from __future__ import annotations

import itertools
import math
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, variance
from typing import Any

from dvc.api import DVCFileSystem
from dvc.repo import Repo
from scipy.stats import t

from stages import places
from stages.settings import load_settings
from voicepack.errors import VoicepackError
from voicepack.evaluation import length_table, summarise
from voicepack.files import read_table, write_ragged_table
from voicepack.likeness import normalised_likeness
from voicepack.markdown import markdown_table, put_table
from voicepack.renders import Render, read_renders

# Of every row, so that all of them take an evening: half the steps, and one seed of the renders instead of two. Rows
# that change in both halves, as those that are made have.
COMMON: dict[str, Any] = {"train.steps": 40, "evaluate.seeds": 1, "expand.rows": "curve"}
CHOICES: dict[str, dict[str, Any]] = {
    "40 steps": {},
    "80 steps": {"train.steps": 80},
    "not calibrated": {"expand.calibration_seconds": 0},
    "prior 0.3": {"train.losses.prior": 0.3},
    # How much to record, of the same recordings: what the voice is read from and trained on.
    "one clip": {"train.max_seconds": 1, "extract.max_style_samples": 1},
    "15 s": {"train.max_seconds": 15, "extract.max_style_samples": 2},
    "flat rows": {"expand.rows": "flat"},
    "prosodic rows": {"expand.rows": "prosody"},
    "no speaker loss": {"train.losses.speaker": 0},
    "30 s": {"train.max_seconds": 30, "extract.max_style_samples": 4},
    "seed 1": {"train.seed": 1},
    "seed 2": {"train.seed": 2},
    "projection's weights": {"train.network": "mlp", "train.lr": 3e-4},
    "no own prosody": {"train.own_prosody_every": 0},
    "no prior": {"train.losses.prior": 0},
    "no timbre loss": {"train.losses.timbre": 0},
    "no mel statistics": {"train.losses.mel_statistics": 0},
    "no frame-wise mel loss": {"train.losses.mel": 0},
    "120 s": {"train.max_seconds": 120},
}
_SEEDS = ("40 steps", "seed 1", "seed 2")  # the same but for chance
_EXPANSIONS = {"rows that change with length": "40 steps", "510 equal rows": "flat rows"}
_LENGTH = "phonemes_"  # before a bucket of lengths, in the names of columns
_MEASURES = ("likeness_normalised", "wer", "dnsmos", "f0_mean_ratio", "rate_ratio")
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
    voices = load_settings("voices", dict[str, dict[str, str]])
    names = {experiment(choice, voice): (choice, voice) for choice, voice in itertools.product(CHOICES, voices)}
    done = {name: revision for name, revision in experiments().items() if name in names}
    rows = []
    for name, revision in done.items():
        choice, voice = names[name]
        renders = renders_of(voice, revision)
        measured = summarise(renders)
        row: Row = {"choice": choice, "voice": voice, "commit": revision[:7]}
        row |= {measure: measured.get(measure, math.nan) for measure in _MEASURES}
        rows.append(row | likeness_by_length(length_table(renders)))
    return rows


def renders_of(voice: str, revision: str) -> list[Render]:
    """Return the renders of a voice, its floor and its ceiling in an experiment.

    Not its metrics, which are files of Git: a voice that was not committed yet has none in its experiments.
    """
    files = DVCFileSystem(rev=revision)
    with tempfile.TemporaryDirectory() as scratch:
        folders = (places.voice_samples(voice), places.reference(voice))
        for folder in folders:
            files.get(str(folder), str(Path(scratch, folder.name)), recursive=True)
        return [render for folder in folders for render in read_renders(Path(scratch, folder.name))]


def likeness_by_length(lengths: Sequence[Row]) -> Row:
    """Return the normalised likeness by length of the sentence, where the judge has a scale for it."""
    found = {}
    for row in lengths:
        value, floor, ceiling = (row[f"likeness{suffix}"] for suffix in ("", "_floor", "_ceiling"))
        if ceiling > floor:
            found[_LENGTH + row["bucket"]] = normalised_likeness(value, floor, ceiling)
    return found


def keep(rows: Sequence[Row]) -> list[Row]:
    """Add rows to metrics/ablation.tsv, in place of earlier ones of the same choice and voice; return all of them.

    What is not a choice any more is left out. Raises VoicepackError if nothing is left.
    """
    kept: dict[tuple[Any, Any], Row] = {}
    for row in [*(read_table(places.ABLATION) if places.ABLATION.exists() else []), *rows]:
        kept[row["choice"], row["voice"]] = dict(row)
    found = [row for choice in CHOICES for _, row in sorted(kept.items()) if row["choice"] == choice]
    if not found:
        raise VoicepackError("no experiment is done. Run `python -m stages.ablation queue NAME…`, `dvc queue start`.")
    write_ragged_table(places.ABLATION, found)
    return [dict(row) for row in read_table(places.ABLATION)]


def table(rows: Sequence[Row]) -> str:
    """Return the choices in Markdown: each measure and its change from the first choice, and likeness by voice.

    A choice is compared with the first one over the voices that have both; with the change stands what chance alone
    keeps it within in 19 of 20 cases, where that is known.
    """
    voices = sorted({row["voice"] for row in rows})
    found = {choice: {row["voice"]: row for row in rows if row["choice"] == choice} for choice in CHOICES}
    first, baseline = next(iter(found.items()))
    chances = {measure: chance(rows, measure) for measure in _MEASURES}
    lines = []
    for choice, by_voice in found.items():
        cells = [choice]
        for measure in _MEASURES:
            both = [voice for voice in by_voice if by_voice[voice][measure] and baseline.get(voice, {}).get(measure)]
            if not both:
                break
            values, base = ([float(each[voice][measure]) for voice in both] for each in (by_voice, baseline))
            change, interval = fmean(values) - fmean(base), chances[measure] * math.sqrt(2 / len(both))
            within = "" if math.isnan(interval) else f" ± {interval:.3f}"
            cells.append(f"{fmean(values):.3f}" + ("" if choice == first else f" ({change:+.3f}{within})"))
        else:
            own = [by_voice.get(voice, {}).get(_MEASURES[0]) for voice in voices]
            lines.append([*cells, *(f"{float(value):.3f}" if value else "" for value in own)])
    return markdown_table(("", *_MEASURES, *voices), lines)


def chance(rows: Sequence[Row], measure: str) -> float:
    """Return the half-width of the 95 % interval of a measure of one voice trained once, by Student's t over the seeds.

    From the variance among the seeds, mean over the voices that have all of them; nan if none has.
    """
    by_voice: dict[str, list[float]] = {}
    for row in rows:
        if row["choice"] in _SEEDS and row[measure] != "":
            by_voice.setdefault(row["voice"], []).append(float(row[measure]))
    variances = [variance(values) for values in by_voice.values() if len(values) == len(_SEEDS)]
    if not variances:
        return math.nan
    return float(t.ppf(0.975, len(variances) * (len(_SEEDS) - 1))) * math.sqrt(fmean(variances))


def lengths(rows: Sequence[Row]) -> str:
    """Return the normalised likeness by length of the sentence in Markdown, a row for each way to expand a vector.

    Over the voices that have all of them.
    """
    found = [{row["voice"]: row for row in rows if row["choice"] == choice} for choice in _EXPANSIONS.values()]
    voices = set.intersection(*map(set, found))
    columns = [
        column
        for column in rows[0]
        if column.startswith(_LENGTH) and voices and all(each[voice][column] for each in found for voice in voices)
    ]
    lines = [
        (name, *(f"{fmean(float(each[voice][column]) for voice in voices):.3f}" for column in columns))
        for name, each in zip(_EXPANSIONS, found, strict=True)
    ]
    header = ("phonemes", *(column.removeprefix(_LENGTH) for column in columns))
    return markdown_table(header, lines) if voices else "Not measured yet."


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (VoicepackError, subprocess.CalledProcessError) as error:
        sys.exit(f"ablation: {error}")
