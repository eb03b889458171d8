"""What each choice of the recipe is worth: the same voices made without it, as experiments of DVC.

    python -m stages.ablation queue lj libritts_121     one experiment per choice, for voices of params.yaml
    dvc queue start                                     hours; `dvc queue status` says how far it is
    python -m stages.ablation table lj libritts_121     writes the table of docs/ablation.md

The voices are evaluated as any other: `reference@NAME` is shared, because no choice here changes it.
"""

from __future__ import annotations

import json
import math
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
from voicepack.markdown import markdown_table, put_table

CHOICES: dict[str, dict[str, Any]] = {
    "as in params.yaml": {},
    "seed 1": {"train.seed": 1},
    "no speaker loss": {"train.losses.speaker": 0},
    "no own prosody": {"train.own_prosody_every": 0},
    "no timbre loss": {"train.losses.timbre": 0},
    "no frame-wise mel loss": {"train.losses.mel": 0},
    "no mel statistics": {"train.losses.mel_statistics": 0},
    "no prior": {"train.losses.prior": 0},
    "40 steps": {"train.steps": 40},
    "160 steps": {"train.steps": 160},
    "flat rows": {"expand.rows": "flat"},
    # How much to record: what the voice is read from and trained on, of the same recordings.
    "one clip": {"train.max_seconds": 1, "extract.max_style_samples": 1},
    "15 s": {"train.max_seconds": 15, "extract.max_style_samples": 2},
    "30 s": {"train.max_seconds": 30, "extract.max_style_samples": 4},
    "120 s": {"train.max_seconds": 120},
}
_MEASURES = ("wer", "dnsmos", "f0_mean_ratio", "rate_ratio")
_PAGE = Path("docs/ablation.md")


def main(arguments: Sequence[str]) -> None:
    match arguments:
        case ["queue", *voices] if voices:
            for choice in CHOICES:
                subprocess.run(command(choice, voices), check=True)
        case ["table", *voices] if voices:
            rows = table(read(voices))
            print(rows)
            put_table(_PAGE, "ablation", rows)
        case _:
            raise VoicepackError("use `queue NAME…` or `table NAME…`, with names of voices in params.yaml.")


def command(choice: str, voices: Sequence[str]) -> list[str]:
    """Return the command that puts a choice into DVC's queue, in place of an earlier one on the same commit."""
    settings = [part for name, value in CHOICES[choice].items() for part in ("-S", f"{name}={value}")]
    targets = [f"evaluate@{voice}" for voice in voices]
    return ["dvc", "exp", "run", "--queue", "--force", "--name", experiment(choice), *settings, *targets]


def experiment(choice: str) -> str:
    """Return the name of a choice's experiment, such as `ablation-no-prior`."""
    return "ablation-" + choice.replace(" ", "-").replace(".", "-")


def read(voices: Sequence[str]) -> dict[str, dict[str, Mapping[str, float]]]:
    """Return the metrics of each voice by choice, of the experiments on this commit that are done.

    Raises VoicepackError if that of params.yaml itself is not among them, or one was done without a voice.
    """
    found: dict[str, dict[str, Mapping[str, float]]] = {}
    with Repo() as repo:
        done = dict(next(iter(repo.experiments.ls().values()), []))
    for choice in CHOICES:
        if revision := done.get(experiment(choice)):
            lock = yaml.safe_load(dvc.api.read("dvc.lock", rev=revision))["stages"]
            for voice in voices:
                check(lock, choice, voice)
            found[choice] = {voice: json.loads(dvc.api.read(f"metrics/{voice}.json", rev=revision)) for voice in voices}
    if next(iter(CHOICES)) not in found:
        raise VoicepackError("no experiment is done. Run `python -m stages.ablation queue NAME…`, `dvc queue start`.")
    return found


def check(lock: Mapping[str, Any], choice: str, voice: str) -> None:
    """Raise VoicepackError unless a voice was made with a choice, by the dvc.lock of its experiment."""
    for name, wanted in CHOICES[choice].items():
        section = name.split(".")[0]
        value: Any = lock.get(f"{section}@{voice}", {}).get("params", {}).get("params.yaml", {})
        for key in name.split("."):
            value = value.get(key, {})
        if value != wanted:
            raise VoicepackError(f"'{choice}' was not made for voice {voice}. Queue it for all voices of the table.")


def table(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Return the choices in Markdown: likeness, how it differs from params.yaml's, voice by voice, and quality.

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


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (VoicepackError, subprocess.CalledProcessError) as error:
        sys.exit(f"ablation: {error}")
