"""The code behind every stage: one file for each, with the MD5 of every file that shapes its result.

A stage depends on its file here and not on some thirty library files: nobody need list them, and DVC, which looks at
every dependency of every stage of every voice several times a command, has one instead. `md5sum -c data/code/train.md5`
checks one by hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from stages import places
from stages.imports import imported_files
from stages.stage import running
from voicepack.files import written_whole

VOICE_STAGES = ("prepare", "extract", "train", "expand", "reference", "baselines", "evaluate", "card")
STAGES = ("weights", "encoder", "reader", "stock", "pairs", "pretrain", "demo", *VOICE_STAGES, "report")


@dataclass(frozen=True)
class CodeSettings:
    carriers: list[str]


def main() -> None:
    with running("code", CodeSettings) as stage:
        for name in STAGES:
            with written_whole(places.code(name)) as temporary:
                temporary.write_text(code_behind(name, stage.settings.carriers))


def code_behind(stage: str, carriers: Collection[str], root: Path = Path()) -> str:
    """Return the MD5 and the path of every file that shapes the result of a stage, a line each."""
    files = sorted(imported_files(f"stages/{stage}.py", root).difference(carriers))
    return "".join(f"{hashlib.md5((root / file).read_bytes()).hexdigest()}  {file}\n" for file in files)


if __name__ == "__main__":
    main()
