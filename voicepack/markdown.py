"""Tables in Markdown, and pages that hold them between two marks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from voicepack.errors import VoicepackError
from voicepack.files import written_whole


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table. What would end a cell, a bar or a line break, is written so that it does not."""
    lines: list[Sequence[str]] = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, cells))} |" for cells in lines)


def put_table(page: Path, name: str, table: str) -> None:
    """Put a table between its two marks in a page, in place of what is there.

    Raises VoicepackError if there is no such page, or it has no such marks.
    """
    if not page.is_file():
        raise VoicepackError(f"{page}: no such file. Restore the page.")
    pattern = rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)"
    written, count = re.subn(pattern, lambda marks: f"{marks[1]}{table}\n{marks[2]}", page.read_text(), flags=re.DOTALL)
    if count != 1:
        raise VoicepackError(f"{page}: no place marked '<!-- {name} -->', or no end of it. Restore the page.")
    with written_whole(page) as temporary:
        temporary.write_text(written)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
