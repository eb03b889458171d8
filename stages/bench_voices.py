"""What DVC itself costs as voices grow in number: python -m stages.bench_voices 1 10 100, or make bench-voices.

Not a stage: times are never the same twice. Nothing is computed but what DVC computes: on a copy of the project whose
outputs are stand-ins (stages/many_voices.py). metrics/voices.tsv has one row per number of voices, the latest;
docs/many-voices.md shows them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from stages import places
from stages.add_voice import add_voice
from stages.many_voices import UP_TO_DATE, build, dvc, output, write_recordings
from voicepack.errors import VoicepackError
from voicepack.files import read_table, write_table
from voicepack.markdown import markdown_table, put_table
from voicepack.speed.process import measure
from voicepack.speed.timing import Spread, interleaved

_NEW = "new"
_PAGE = Path("docs/many-voices.md")
_WORKS = {
    "repro": "`dvc repro`, nothing to do",
    "status": "`dvc status`",
    "add": "`dvc repro --dry evaluate@new`",
    "record": "`dvc commit expand@…`",
}


def main() -> None:
    parser = argparse.ArgumentParser(description="What DVC itself costs as voices grow in number.")
    parser.add_argument("voices", type=int, nargs="+")
    parser.add_argument("--rounds", type=int, default=3, help="that count; one more before them does not")
    arguments = parser.parse_args()
    for count in arguments.voices:
        with tempfile.TemporaryDirectory() as folder:
            keep(bench(Path(folder), count, arguments.rounds))
    table = markdown(read_table(places.BENCH_VOICES))
    print(table)
    put_table(_PAGE, "voices", table)


def bench(folder: Path, count: int, rounds: int) -> dict[str, float]:
    """Return what DVC takes for a project of `count` voices. Raises VoicepackError if it is not up to date."""
    voices = build(folder, count)
    said = output(folder, "repro")
    if UP_TO_DATE not in said:
        raise VoicepackError(f"the project of {count} voices is not up to date for DVC")
    params = folder / "params.yaml"
    without = params.read_text()
    add_voice(_NEW, write_recordings(folder, _NEW), params)
    within = params.read_text()
    params.write_text(without)
    runs = {
        "repro": Runs(dvc(folder, "repro")),
        "status": Runs(dvc(folder, "status")),
        # A dry run by itself stops where a folder is missing that an earlier stage would have written.
        "add": Runs(dvc(folder, "repro", "--dry", "--ignore-errors", f"evaluate@{_NEW}")),
        "record": Runs(dvc(folder, "commit", "--force", f"expand@{voices[0]}")),
    }

    def adding() -> None:
        params.write_text(within)
        runs["add"].once()
        params.write_text(without)

    seconds = interleaved({name: each.once for name, each in runs.items()} | {"add": adding}, rounds)
    row: dict[str, float] = {"voices": count, "stages": said.count("Stage '"), "rounds": rounds}
    row["dvc_lock_bytes"] = (folder / "dvc.lock").stat().st_size
    for name, each in runs.items():
        spread = Spread.of(seconds[name])
        row |= {f"{name}_s": spread.median, f"{name}_s_low": spread.low, f"{name}_s_high": spread.high}
        row |= {f"{name}_cpu_s": statistics.median(each.cpu[1:]), f"{name}_gb": max(each.gigabytes)}
    return row


class Runs:
    """Runs of a command: the processor's seconds and memory."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command = command
        self.cpu: list[float] = []
        self.gigabytes: list[float] = []

    def once(self) -> None:
        """Run the command and note what it took."""
        usage = measure(self.command)
        self.gigabytes.append(usage.gigabytes)
        self.cpu.append(usage.processor_seconds)


def keep(row: dict[str, float]) -> None:
    """Write a row into the table, in place of an earlier one for as many voices."""
    rows = read_table(places.BENCH_VOICES) if places.BENCH_VOICES.exists() else []
    others = [each for each in rows if int(each["voices"]) != row["voices"]]
    write_table(places.BENCH_VOICES, sorted([*others, row], key=lambda each: int(each["voices"])), list(row))


def markdown(rows: list[dict[str, str]]) -> str:
    """Return the table as Markdown: seconds, their extremes, the processor's seconds, and memory."""
    lines = []
    for row in rows:
        cells = [row["voices"], row["stages"], f"{float(row['dvc_lock_bytes']) / 1e6:.2f} MB"]
        for name in _WORKS:
            seconds = Spread(*(float(row[f"{name}_s{suffix}"]) for suffix in ("", "_low", "_high")))
            cells.append(f"{seconds:.1f} s, CPU {float(row[f'{name}_cpu_s']):.1f} s, {float(row[f'{name}_gb']):.2f} GB")
        lines.append(cells)
    return markdown_table(("voices", "stages", "dvc.lock", *_WORKS.values()), lines)


if __name__ == "__main__":
    try:
        main()
    except VoicepackError as error:
        sys.exit(f"bench_voices: {error}")
