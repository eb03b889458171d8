"""What each choice of the recipe is worth: the same voices made without it, as experiments of DVC.

    python -m stages.ablation queue lj libritts_121     one experiment per choice, for voices of params.yaml
    dvc queue start                                     hours; `dvc queue status` says how far it is
    python -m stages.ablation table lj libritts_121     writes the table of docs/ablation.md

The voices are evaluated as any other: `reference@NAME` is shared, because no choice here changes it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from dvc.exceptions import DvcException
from dvc.repo import Repo

from voicepack.confidence import interval
from voicepack.errors import VoicepackError
from voicepack.markdown import markdown_table, put_table

CHOICES: dict[str, dict[str, Any]] = {
    "as in params.yaml": {},
    "another seed": {"train.seed": 1},
    "no speaker loss": {"train.losses.speaker": 0},
    "no own prosody": {"train.own_prosody_every": 0},
    "no timbre loss": {"train.losses.timbre": 0},
    "no frame-wise mel loss": {"train.losses.mel": 0},
    "no mel statistics": {"train.losses.mel_statistics": 0},
    "no prior": {"train.losses.prior": 0},
    "half the steps": {"train.steps": 40},
    "twice the steps": {"train.steps": 160},
    "flat rows": {"expand.rows": "flat"},
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
    """Return the command that puts a choice into DVC's queue."""
    settings = [part for name, value in CHOICES[choice].items() for part in ("-S", f"{name}={value}")]
    targets = [f"evaluate@{voice}" for voice in voices]
    return ["dvc", "exp", "run", "--queue", "--name", experiment(choice), *settings, *targets]


def experiment(choice: str) -> str:
    """Return the name of a choice's experiment, such as `ablation-no-prior`."""
    return "ablation-" + choice.replace(" ", "-").replace(".", "-")


def read(voices: Sequence[str]) -> dict[str, dict[str, Mapping[str, float]]]:
    """Return the metrics of each voice by choice, of the experiments that are done.

    Raises VoicepackError if that of params.yaml itself is not among them.
    """
    found: dict[str, dict[str, Mapping[str, float]]] = {}
    with Repo() as repo:
        for choice in CHOICES:
            name = experiment(choice)
            try:
                files = repo.metrics.show(revs=[name])[name]["data"]
                found[choice] = {voice: files[f"metrics/{voice}.json"]["data"] for voice in voices}
            except (DvcException, KeyError):
                continue
    if next(iter(CHOICES)) not in found:
        raise VoicepackError(
            "no experiment is done. Run `python -m stages.ablation queue NAME…` and `dvc queue start`."
        )
    return found


def table(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Return the choices in Markdown: likeness, how it differs from params.yaml's, voice by voice, and quality.

    The interval is over voices: other voices, other mean.
    """
    baseline = next(iter(found.values()))
    header = ("", "normalised likeness", "change [95 %]", *baseline, *_MEASURES)
    rows = []
    for choice, metrics in found.items():
        likeness = {voice: values["likeness_normalised"] for voice, values in metrics.items()}
        changes = np.array([[likeness[voice] - baseline[voice]["likeness_normalised"]] for voice in likeness])
        change = interval(changes, np.ones(len(changes)))
        rows.append(
            (
                choice,
                f"{fmean(likeness.values()):.3f}",
                f"{change.value:+.3f} [{change.low:+.3f}, {change.high:+.3f}]" if changes.any() else "",
                *(f"{value:.3f}" for value in likeness.values()),
                *(f"{fmean(values[name] for values in metrics.values()):.3f}" for name in _MEASURES),
            )
        )
    return markdown_table(header, rows)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (VoicepackError, subprocess.CalledProcessError) as error:
        sys.exit(f"ablation: {error}")
