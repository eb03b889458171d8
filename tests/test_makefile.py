"""Setting up, as far as it goes without installing anything: Python and pip are scripts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from imports import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the Makefile, and the files whose change sets up anew."""
    for name in ("Makefile", "requirements.txt", "requirements-no-deps.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "voicepack").mkdir()
    (tmp_path / "voicepack/environment.py").touch()
    script(tmp_path / "python", 'echo "$@" >> called')
    return tmp_path


def script(file: Path, line: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{line}\n")
    file.chmod(0o755)


def set_up(project: Path) -> subprocess.CompletedProcess[str]:
    """Run `make setup`; whatever pip is found first has no network."""
    script(project / "system/pip", "echo no network; exit 1")
    environment = os.environ | {"PATH": f"{project / 'system'}:{os.environ['PATH']}"}
    command = ["make", "setup", f"PYTHON={project / 'python'}"]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_an_environment_that_was_broken_off_is_made_again(project: Path) -> None:
    script(project / ".venv/bin/python", "exit 0")  # as `python -m venv` leaves it where ensurepip is missing
    assert set_up(project).returncode
    assert "-m venv .venv" in (project / "called").read_text().splitlines()


def test_an_environment_that_is_there_is_kept(project: Path) -> None:
    script(project / ".venv/bin/pip", "echo no network; exit 1")
    assert "no network" in set_up(project).stdout
    assert "venv" not in (project / "called").read_text()


def test_another_python_is_one_line(project: Path) -> None:
    script(project / "python", "exit 1")
    finished = set_up(project)
    assert f"make: Python 3.11 is needed, {project / 'python'} is another version." in finished.stdout
    assert not (project / ".venv").exists()
