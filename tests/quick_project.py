"""A copy of this project that computes nothing: its own graph, settings, registry and Makefile, with quick stages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from imports import ROOT

_AUTHOR = {f"GIT_{role}_{what}": "a@b" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
_COPIED = (".dvcignore", ".gitignore", "Makefile", "docs", "dvc.yaml", "metrics/bench.json", "metrics/encoder.json",
           "params.yaml", "stages", "tools", "voicepack")  # fmt: skip


def build(folder: Path) -> None:
    """Make the project in a folder, run its whole graph, and commit the results to a new Git repository."""
    for name in _COPIED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    for stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]:
        shutil.copy(ROOT / "tests/stand_in.py", folder / f"stages/{stage}.py")
    (folder / ".venv").symlink_to(sys.prefix)
    run(folder, "git init -q -b main && echo .venv >> .git/info/exclude && dvc init -q && dvc repro -q")
    commit(folder, "the demo voice")


def run(folder: Path, script: str, *, fails: bool = False, **environment: str) -> str:
    """Run lines of a shell in a project, with this Python; return what they say.

    Into files: pipes would be kept open by a worker of DVC's queue, which now and then outlives its work.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_"))}
    path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        finished = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script], cwd=folder, env=inherited | _AUTHOR | path | environment,
            stdout=output, stderr=errors, check=False, timeout=900,
        )  # fmt: skip
        for file in (output, errors):
            file.seek(0)
        said = output.read() + errors.read()
    assert (finished.returncode != 0) == fails, f"{script}\n{said}"
    return said


def commit(folder: Path, message: str) -> None:
    """Commit all that Git does not ignore."""
    run(folder, f"git add -A && git commit -qm '{message}'")


def stages_run(said: str) -> list[str]:
    """Return the stages that a `dvc` command said it ran."""
    return [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage")]


def finish_queue(folder: Path) -> str:
    """Wait until the workers have done all queued experiments and are gone; return what is said of the queue."""
    until = time.monotonic() + 900
    while time.monotonic() < until:
        status = run(folder, "dvc queue status")
        if "Running" not in status and "Queued" not in status and "0 active" in status:
            return status
        time.sleep(1)
    raise TimeoutError(status)


def mlflow_runs(folder: Path, query: str = "") -> list[Any]:
    """Return the runs in a project's database that a query finds, as the search field of MLflow takes it."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiments = [each.experiment_id for each in client.search_experiments()]
    return list(client.search_runs(experiments, query))
