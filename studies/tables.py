"""Tables of metrics/ that studies add to, a few rows at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from voicepack.files import read_table


def earlier_rows(file: Path) -> list[dict[str, Any]]:
    """Return the rows of a table, none if it is not there."""
    return [dict(row) for row in read_table(file)] if file.exists() else []


def with_rows(file: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of a table, and after them `rows`, in place of all that have the same in `columns`."""

    def key(row: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(str(row[column]) for column in columns)

    replaced = set(map(key, rows))
    return [*(row for row in earlier_rows(file) if key(row) not in replaced), *map(dict, rows)]
