"""The workflow for users' forks: its check of dvc.lock, run as it stands in the file, on what is committed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from imports import ROOT

WORKFLOW = ROOT / ".github/workflows/voices.yml"


@pytest.fixture(scope="module")
def steps() -> dict[str, Any]:
    """The commands of the job `voices`, by the name of their step."""
    job = yaml.safe_load(WORKFLOW.read_text())["jobs"]["voices"]
    return {step["name"]: step["run"] for step in job["steps"] if "name" in step}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone of the last commit, with the environment that runs the tests as its own."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(tmp_path / "clone")], check=True)
    (tmp_path / "clone/.venv/bin").mkdir(parents=True)
    (tmp_path / "clone/.venv/bin/dvc").symlink_to(Path(sys.executable).parent / "dvc")
    return tmp_path / "clone"


def run(clone: Path, script: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["bash", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)


def test_nothing_is_left_to_compute_in_what_is_committed(clone: Path, steps: dict[str, Any]) -> None:
    finished = run(clone, steps["Nothing is left to compute"])
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_a_lock_that_was_left_behind_fails(clone: Path, steps: dict[str, Any]) -> None:
    params = (clone / "params.yaml").read_text()
    (clone / "params.yaml").write_text(params.replace("rows: curve", "rows: flat"))
    assert run(clone, steps["Nothing is left to compute"]).returncode != 0
