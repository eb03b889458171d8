"""A bench in parts, each of which gives figures by name and a table, and is written down as soon as it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from voicepack.errors import VoicepackError
from voicepack.files import read_json, write_json
from voicepack.markdown import put_table

Figures = dict[str, float]
Part = Callable[[str], tuple[Figures, str]]  # of a voice


def measured(parts: Mapping[str, Part], wanted: Sequence[str], voice: str) -> Iterator[tuple[str, Figures, str]]:
    """Measure the parts that are wanted, or all, and print the table of each; yield name, figures and table.

    Raises VoicepackError for a part that is not there, before any is measured.
    """
    if unknown := set(wanted) - set(parts):
        raise VoicepackError(f"no part '{unknown.pop()}'. Known: {', '.join(parts)}.")
    for name in wanted or parts:
        print(f"{name} …", flush=True)
        figures, table = parts[name](voice)
        print(f"\n{table}\n", flush=True)
        yield name, figures, table


def write_down(name: str, figures: Figures, table: str, file: Path, page: Path) -> None:
    """Add the figures of a part to a JSON file, and put its table into a page."""
    known = read_json(file) if file.exists() else {}
    write_json(file, known | figures)
    put_table(page, name, table)
