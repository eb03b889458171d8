"""Which files of this project a module imports, directly or through others. DVC must know, and does not look."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

PACKAGES = ("stages", "voicepack")


def imported_files(module: str, root: Path = Path()) -> set[str]:
    """Return the project files behind a module, itself included, as paths relative to the root, like `module`."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        for imported in _imported_names((root / name).read_text()):
            path = Path(*imported.split("."))
            if path.parts[0] in PACKAGES:
                packages = [each / "__init__.py" for each in (path, *path.parents)]  # which Python runs as well
                waiting += [str(file) for file in (path.with_suffix(".py"), *packages) if (root / file).exists()]
    return found


@cache
def _imported_names(source: str) -> list[str]:
    """Return all that a module may import by name, modules or what is in them. Most stand behind several stages."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return names
