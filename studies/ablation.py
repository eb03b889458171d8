"""What each choice of the recipe is worth: the same voices made without it, as experiments of DVC.

    python -m studies.ablation queue lj libritts_121     one experiment per choice and voice of params.yaml
    dvc queue start                                      hours; `dvc queue status` says how far it is
    python -m studies.ablation table                     writes the tables of docs/ablation.md

The voices are evaluated as any other: `reference@NAME` is shared, because no choice here changes it. What is done goes
to metrics/ablation.tsv, which later experiments, here or elsewhere, add to: the table shows what there is.
"""

from __future__ import annotations

import itertools
import math
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from dvc.api import DVCFileSystem
from dvc.repo import Repo

from stages import places
from stages.stage import one_line_errors
from stages.voice import voice_names
from studies.ablation_table import LENGTH, MEASURES, Row, lengths, table
from studies.choices import CHOICES, settings_of
from studies.tables import with_rows
from tools.command import command_parser
from voicepack.errors import VoicepackError
from voicepack.evaluation import length_table, summarise
from voicepack.files import read_table, write_ragged_table
from voicepack.likeness import normalised_likeness
from voicepack.markdown import put_table
from voicepack.renders import Render, read_renders

_PAGE = Path("docs/ablation.md")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_parser("studies.ablation", __doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("queue", help="one experiment per choice and voice").add_argument(
        "voices", nargs="+", metavar="NAME", help="of params.yaml"
    )
    commands.add_parser("table", help="write the tables of docs/ablation.md")
    options = parser.parse_args(arguments)
    if options.command == "queue":
        queue(options.voices)
    else:
        write_tables()


def queue(voices: Sequence[str]) -> None:
    """Put all choices for voices into DVC's queue, in place of earlier experiments of the same on this commit.

    Raises VoicepackError if DVC refuses one.
    """
    earlier = experiments()
    for choice, voice in itertools.product(CHOICES, voices):
        if experiment(choice, voice) in earlier:
            _run(["dvc", "exp", "remove", experiment(choice, voice)])
        _run(command(choice, voice))


def write_tables() -> None:
    """Add what is done to metrics/ablation.tsv, and write the tables. Raises VoicepackError if nothing is done."""
    rows = keep(read())
    for name, text in {"ablation": table(rows), "lengths": lengths(rows)}.items():
        print(f"{text}\n")
        put_table(_PAGE, name, text)


def _run(command: Sequence[str]) -> None:
    if status := subprocess.run(command, check=False).returncode:
        raise VoicepackError(f"`{' '.join(command)}` failed with exit code {status}.")


def command(choice: str, voice: str) -> list[str]:
    """Return the command that puts a choice for a voice into DVC's queue.

    Without `--force`, which is not only about the name: it would run every stage anew, the encoder's training too.
    """
    settings = [part for name, value in settings_of(choice).items() for part in ("-S", f"{name}={value}")]
    return ["dvc", "exp", "run", "--queue", "--name", experiment(choice, voice), *settings, f"evaluate@{voice}"]


def experiment(choice: str, voice: str) -> str:
    """Return the name of an experiment, such as `ablation-no-prior-lj`."""
    return "ablation-" + re.sub(r"[^A-Za-z0-9_]+", "-", f"{choice} {voice}")


def experiments() -> dict[str, str]:
    """Return the revisions of the experiments on this commit by name."""
    with Repo() as repo:
        return {name: revision for name, revision in next(iter(repo.experiments.ls().values()), []) if revision}


def read() -> list[Row]:
    """Return what the experiments on this commit that are done have measured, one row per choice and voice."""
    names = {experiment(*each): each for each in itertools.product(CHOICES, voice_names())}
    done = {name: revision for name, revision in experiments().items() if name in names}
    rows = []
    for name, revision in done.items():
        choice, voice = names[name]
        renders = renders_of(voice, revision)
        measured = summarise(renders)
        row: Row = {"choice": choice, "voice": voice, "commit": revision[:7]}
        row |= {measure: measured.get(measure, math.nan) for measure in MEASURES}
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
            found[LENGTH + row["bucket"]] = normalised_likeness(value, floor, ceiling)
    return found


def keep(rows: Sequence[Row]) -> list[Row]:
    """Add rows to metrics/ablation.tsv, in place of earlier ones of the same choice and voice; return all of them.

    What is not a choice any more is left out. Raises VoicepackError if nothing is left.
    """
    kept = sorted(with_rows(places.ABLATION, rows, ("choice", "voice")), key=lambda row: row["voice"])
    found = [row for choice in CHOICES for row in kept if row["choice"] == choice]
    if not found:
        raise VoicepackError("no experiment is done. Run `python -m studies.ablation queue NAME…`, `dvc queue start`.")
    write_ragged_table(places.ABLATION, found)
    return [dict(row) for row in read_table(places.ABLATION)]


if __name__ == "__main__":
    with one_line_errors("ablation"):
        main()
