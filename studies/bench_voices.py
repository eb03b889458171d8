"""What DVC itself costs as voices grow in number: python -m studies.bench_voices 1 10 100, or make bench-voices.

Not a stage: times are never the same twice. Nothing is computed but what DVC computes: on a copy of the project whose
outputs are stand-ins (studies/many_voices.py). metrics/voices.tsv has one row per number of voices, with the latest of
each figure; docs/many-voices.md shows them.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from stages import places
from stages.stage import one_line_errors
from studies.many_voices import UP_TO_DATE, build, dvc, output, write_recordings
from studies.tables import earlier_rows, with_rows
from tools.add_voice import add_voice
from tools.command import command_parser
from voicepack.errors import VoicepackError
from voicepack.files import read_table, write_ragged_table
from voicepack.markdown import markdown_table, put_table
from voicepack.speed.process import Usage, measure
from voicepack.speed.timing import Spread

_NEW = "new"
_PAGE = Path("docs/many-voices.md")
_MEMORY = Path("/dev/shm")  # of Linux
_IDLE = ("repro", "all", "memory", "status")  # find nothing to do
_WORKS = {
    "repro": "`dvc repro`, nothing to do",
    "all": "`dvc repro -P`, the same",
    "memory": "`dvc repro`, lock file in memory",
    "status": "`dvc status`",
    "add": "`dvc repro --dry evaluate@new`",
    "record": "`dvc commit expand@…`",
}


def main() -> None:
    parser = command_parser("studies.bench_voices", __doc__)
    parser.add_argument("voices", type=int, nargs="+")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(_WORKS), default=list(_WORKS), help="for very many voices")
    arguments = parser.parse_args()
    for count in arguments.voices:
        with tempfile.TemporaryDirectory() as folder:
            keep(bench(Path(folder), count, arguments.rounds, arguments.only))
    table = markdown(read_table(places.BENCH_VOICES))
    print(table)
    put_table(_PAGE, "voices", table)


def bench(folder: Path, count: int, rounds: int, only: Sequence[str]) -> dict[str, float]:
    """Return what DVC takes for a project of `count` voices. Raises VoicepackError if it is not up to date."""
    voices = build(folder, count)
    params = folder / "params.yaml"
    without = params.read_text()
    add_voice(_NEW, write_recordings(folder, _NEW), params)
    within = params.read_text()
    params.write_text(without)
    commands = {
        "repro": ("repro",),
        "all": ("repro", "--all-pipelines"),
        "memory": ("repro",),
        "status": ("status",),
        # A dry run by itself stops where a folder is missing that an earlier stage would have written.
        "add": ("repro", "--dry", "--ignore-errors", f"evaluate@{_NEW}"),
        "record": ("commit", "--force", f"expand@{voices[0]}"),
    }
    usages: dict[str, list[Usage]] = {name: [] for name in commands if name in only}
    if not _MEMORY.is_dir():
        usages.pop("memory", None)

    def run(name: str) -> Usage:
        params.write_text(within if name == "add" else without)
        with _lock_in_memory(folder) if name == "memory" else nullcontext():
            usage = measure(dvc(folder, *commands[name]))
        if name in _IDLE and UP_TO_DATE not in usage.output:
            raise VoicepackError(f"the project of {count} voices is not up to date for DVC")
        return usage

    for _ in range(rounds):
        for name, each in usages.items():
            each.append(run(name))
    row: dict[str, float] = {"voices": count, "stages": len(output(folder, "stage", "list").splitlines())}
    row |= {"rounds": rounds, "dvc_lock_bytes": (folder / "dvc.lock").stat().st_size}
    for name, each in usages.items():
        spread = Spread.of([usage.seconds for usage in each])
        row |= {f"{name}_s": spread.median, f"{name}_s_low": spread.low, f"{name}_s_high": spread.high}
        row[f"{name}_cpu_s"] = statistics.median(usage.processor_seconds for usage in each)
        row[f"{name}_gb"] = max(usage.gigabytes for usage in each)
    return row


@contextmanager
def _lock_in_memory(folder: Path) -> Iterator[None]:
    """Let DVC keep the file of its locks in memory, as docs/many-voices.md says."""
    lock, memory = folder / ".dvc/tmp/rwlock", _MEMORY / f"{folder.name}-rwlock"
    lock.unlink(missing_ok=True)
    lock.symlink_to(memory)
    try:
        yield
    finally:
        memory.unlink(missing_ok=True)
        lock.unlink()


def keep(row: dict[str, float]) -> None:
    """Write a row into the table. What it does not have is kept from an earlier one for as many voices."""
    same = (each for each in earlier_rows(places.BENCH_VOICES) if int(each["voices"]) == row["voices"])
    kept: dict[str, Any] = next(same, {})
    rows = with_rows(places.BENCH_VOICES, [kept | row], ("voices",))
    write_ragged_table(places.BENCH_VOICES, sorted(rows, key=lambda each: int(each["voices"])))


def markdown(rows: list[dict[str, str]]) -> str:
    """Return the table as Markdown: seconds, their extremes, the processor's seconds, and memory."""
    lines = []
    for row in rows:
        cells = [row["voices"], row["stages"], f"{float(row['dvc_lock_bytes']) / 1e6:.2f} MB"]
        for name in _WORKS:
            if not row.get(f"{name}_s"):
                cells.append("")
                continue
            seconds = Spread(*(float(row[f"{name}_s{suffix}"]) for suffix in ("", "_low", "_high")))
            cells.append(f"{seconds:.1f} s, CPU {float(row[f'{name}_cpu_s']):.1f} s, {float(row[f'{name}_gb']):.2f} GB")
        lines.append(cells)
    return markdown_table(("voices", "stages", "dvc.lock", *_WORKS.values()), lines)


if __name__ == "__main__":
    with one_line_errors("bench_voices"):
        main()
