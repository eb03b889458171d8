"""The workflow for users' forks: its steps run as they stand in the file, on what is committed.

GitHub itself cannot be here: its command `gh` is a script that keeps what it is told to post.
"""

from __future__ import annotations

import json
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


def test_what_only_git_keeps_is_committed(clone: Path) -> None:
    """Metrics and plots of the graph that DVC does not cache: nothing else could bring them back."""
    lock = yaml.safe_load((clone / "dvc.lock").read_text())["stages"]
    graph = yaml.safe_load((clone / "dvc.yaml").read_text())["stages"]
    kept = [
        next(iter(each)).replace("${item}", "demo").replace("${key}", "demo")
        for stage in graph.values()
        for kind in ("metrics", "plots", "outs")
        for each in stage.get(kind, stage.get("do", {}).get(kind, []))
        if isinstance(each, dict) and next(iter(each.values())).get("cache") is False
    ]
    assert lock and len(kept) > 5
    assert [path for path in kept if not (clone / path).exists()] == []


def test_a_lock_that_was_left_behind_fails(clone: Path, steps: dict[str, Any]) -> None:
    params = (clone / "params.yaml").read_text()
    (clone / "params.yaml").write_text(params.replace("rows: prosody", "rows: flat"))
    assert run(clone, steps["Nothing is left to compute"]).returncode != 0


def test_what_changes_is_said_in_a_comment(clone: Path, steps: dict[str, Any], tmp_path: Path) -> None:
    metrics = clone / "metrics/demo.json"
    changed = json.loads(metrics.read_text()) | {"likeness": 0.125}
    metrics.write_text(json.dumps(changed))
    run(
        clone,
        "git -c user.name=a -c user.email=a@b commit -qam changed && git update-ref refs/remotes/origin/base HEAD~1",
    )
    gh = tmp_path / "bin/gh"
    gh.parent.mkdir()
    gh.write_text('#!/bin/sh\necho "$@" > posted.txt\n')
    gh.chmod(0o755)
    script = steps["What changes for the voices"].replace("${{ github.base_ref }}", "base")
    script = script.replace("${{ github.event.number }}", "7")
    assert "${{" not in script
    summary = tmp_path / "summary.md"
    finished = run(clone, f"export GITHUB_STEP_SUMMARY={summary} PATH={gh.parent}:$PATH\n{script}")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert (clone / "posted.txt").read_text().startswith("pr comment 7 --body-file comment.md")
    comment = (clone / "comment.md").read_text()
    assert comment == summary.read_text()
    (row,) = (line for line in comment.splitlines() if line.startswith("| metrics/demo.json"))
    assert "| likeness " in row
    assert "0.125" in row
