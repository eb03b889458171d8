"""Which files of this project a module imports, directly or through others. DVC must know, and does not look."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("voicepack", "stages")


def imported_files(module: Path) -> set[str]:
    """Return the project files behind a module, itself included, as paths relative to the root."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        file = waiting.pop()
        name = file.relative_to(ROOT).as_posix()
        if name in found:
            continue
        found.add(name)
        for node in ast.walk(ast.parse(file.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for imported in names:
                path = ROOT / (imported.replace(".", "/") + ".py")
                if imported.split(".")[0] in PACKAGES and path.exists():
                    waiting.append(path)
    return found
