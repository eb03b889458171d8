"""Every command of the README and of docs/ exists, with the flags and the knobs that it is given."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from imports import ROOT

from voicepack.command import main as voicepack

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
_COMMAND = re.compile(r"^(dvc|python -m (stages|tools|studies)\.\w+|python \w+\.py|make|voicepack)\b")
_WITH_COMMANDS = {"exp", "metrics", "plots", "remote", "queue", "artifacts"}  # such as `dvc exp run`


def commands(page: Path) -> list[str]:
    """Return the commands of a page: indented lines and code spans, each side of && by itself, without comments."""
    text = page.read_text().replace("\\\n", " ")
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    lines = [line.split(" #")[0].strip() for line in text.splitlines() if line.startswith("    ")]
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]
    parts = [part.strip() for line in lines + spans for part in re.split(r"&&|;| then ", line)]
    return [part for part in parts if _COMMAND.match(part)]


def examples() -> list[tuple[str, ast.Module]]:
    """Return the examples in Python of all pages, each with the name of its page."""
    blocks = (
        (page, block) for page in PAGES for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    )
    return [(page.name, ast.parse(block)) for page, block in blocks]


def test_examples_in_python_import_what_exists() -> None:
    """And nothing more of them is run: they speak, and ask hubs."""
    imported = []
    for page, example in examples():
        lines = [line for line in example.body if isinstance(line, ast.Import | ast.ImportFrom)]
        assert lines, page
        exec(compile(ast.Module(lines, []), page, "exec"), {})
        imported += [ast.unparse(line) for line in lines]
    assert {"from voicepack.enrollment import enroll", "from voicepack.kokoro import load_model"} <= set(imported)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(\s*([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_knobs_that_commands_set_are_in_params(page: Path) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    for command in commands(page):
        for name in re.findall(r"-S '?([\w.]+)=", command):
            value = params
            for key in name.split("."):
                assert key in value, command
                value = value[key]


def test_make_targets_and_modules_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        for command in commands(page):
            words = shlex.split(command)
            if words[0] == "make" and len(words) > 1 and "=" not in words[1]:
                assert f"\n{words[1]}:" in makefile, command
            elif words[:2] == ["python", "-m"]:
                assert importlib.util.find_spec(words[2]) is not None, command
            elif words[0] == "voicepack":
                with pytest.raises(SystemExit, match=r"^0$"):
                    voicepack([words[1], "--help"])


def test_dvc_has_the_commands_and_their_flags() -> None:
    asked: dict[tuple[str, ...], set[str]] = {}
    for page in PAGES:
        for command in commands(page):
            words = shlex.split(command)
            if words[0] == "dvc" and len(words) > 1 and words[1].isalpha():
                name = tuple(words[1 : 3 if words[1] in _WITH_COMMANDS else 2])
                asked.setdefault(name, set()).update(w.split("=")[0] for w in words if w.startswith("--"))
    assert len(asked) > 15
    for name, flags in asked.items():
        help_of = [sys.executable, "-m", "dvc", *name, "--help"]
        finished = subprocess.run(help_of, capture_output=True, text=True, check=False, cwd=ROOT)
        assert finished.returncode == 0, name
        assert all(flag in finished.stdout for flag in flags), (name, flags)
