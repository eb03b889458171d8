"""docs/tracking.md: a team's tracking server on a real PostgreSQL, and what becomes of a stage without it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from imports import ROOT
from servers import mlflow_server, postgres, postgres_programs

from stages.recorders import EXPERIMENT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(postgres_programs() is None, reason="no PostgreSQL on this machine (Debian: postgresql)"),
]
STAGE = """
import sys
from dataclasses import dataclass
from pathlib import Path
from stages.stage import running

@dataclass(frozen=True)
class Settings:
    lr: float

with running("work", Settings) as stage:
    for step in range(5):
        stage.run.log_metrics({"mel": 1.0 - 0.1 * step}, step)
        if len(sys.argv) > 2:
            input()
    Path(f"{stage.voice}.txt").write_text("0.6")
    stage.run.log_artifact(Path(f"{stage.voice}.txt"))
"""

GRAPH = """
stages:
  work:
    foreach: [ann, ben]
    do:
      cmd: python work.py ${item}
      deps: [work.py]
      params: [work]
      outs: ["${item}.txt"]
"""


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with postgres() as address:
        yield address


@pytest.fixture
def project(tmp_path: Path) -> Path:
    tracking = {"tensorboard": False, "wandb": False, "wandb_project": "voices"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"work": {"lr": 1e-4}, "tracking": tracking}))
    (tmp_path / "work.py").write_text(STAGE)
    (tmp_path / "dvc.yaml").write_text(GRAPH)
    author = ("-c", "user.name=a", "-c", "user.email=a@b")
    for command in (["git", "init", "-q"], ["git", "add", "-A"], ["git", *author, "commit", "-qm", "first"]):
        subprocess.run(command, cwd=tmp_path, check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def start(project: Path, server: str, *command: str) -> subprocess.Popen[str]:
    """Start a command of a project whose runs go to a server."""
    environment = os.environ | {"MLFLOW_TRACKING_URI": server, "PYTHONPATH": str(ROOT), "DVC_EXP_NAME": "tawny-owl"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=project, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_concurrent_stages_log_to_one_server(project: Path, database: str) -> None:
    from mlflow import MlflowClient

    with mlflow_server(project, database) as server:
        stages = [start(project, server, "dvc", "repro", "--single-item", f"work@{name}") for name in ("ann", "ben")]
        for stage in stages:
            _, said = stage.communicate(timeout=300)
            assert stage.returncode == 0, said
            assert "tracking:" not in said, said
        client = MlflowClient(server)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
        assert set(runs) == {"work@ann", "work@ben"}
        for name, run in runs.items():
            assert run.info.status == "FINISHED"
            assert run.data.params == {"work.lr": "0.0001"}
            history = client.get_metric_history(run.info.run_id, "mel")
            assert [each.step for each in history] == list(range(5))
            assert [each.path for each in client.list_artifacts(run.info.run_id)] == [f"{name.split('@')[1]}.txt"]
            said, _ = start(project, server, "python", "-m", "tools.find_run", name).communicate(timeout=300)
            assert said.split() == [run.info.run_id]
            for tag, query in searches().items():
                found = client.search_runs([experiment.experiment_id], query.format(run.data.tags[tag]))
                assert run.info.run_id in {each.info.run_id for each in found}, query
            assert not client.search_runs([experiment.experiment_id], query.format("no such value"))
    assert (project / "artifacts").is_dir()
    assert not (project / "mlflow.db").exists()


def test_a_stage_outlives_the_server(project: Path, database: str) -> None:
    """The server goes away in the middle: the stage ends well, has its result, and says so once."""
    with mlflow_server(project, database) as server:
        stage = start(project, server, "python", "work.py", "cleo", "slowly")
        assert stage.stdin is not None
        for _ in range(2):
            stage.stdin.write("\n")
        stage.stdin.flush()
        from mlflow import MlflowClient

        client = MlflowClient(server)
        while not any(run.info.run_name == "work@cleo" and run.data.metrics for run in search(client)):
            assert stage.poll() is None, stage.stderr.read() if stage.stderr else ""
    _, said = stage.communicate("\n" * 5, timeout=300)
    assert stage.returncode == 0, said
    assert (project / "cleo.txt").read_text() == "0.6"
    assert said.count("tracking: MLflow at") == 1


def searches() -> dict[str, str]:
    """Return what docs/tracking.md says to write into the search field, by its tag, with a place for the value."""
    found = re.findall(r"``(tags\.`([^`]+)` = )'[^']*'``", (ROOT / "docs/tracking.md").read_text())
    assert len(found) == 3
    return {tag: f"{query}'{{}}'" for query, tag in found}


def search(client: object) -> list[object]:
    """Return all runs that the server knows; none before the first stage has made the experiment."""
    experiment = client.get_experiment_by_name(EXPERIMENT)  # type: ignore[attr-defined]
    return client.search_runs([experiment.experiment_id]) if experiment else []  # type: ignore[attr-defined]
