"""docs/tracking.md: a team's tracking server on a real PostgreSQL, and what becomes of a stage without it."""

from __future__ import annotations

import os
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
    return tmp_path


def start(project: Path, server: str, *arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {"MLFLOW_TRACKING_URI": server, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "work.py", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=project, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_concurrent_stages_log_to_one_server(project: Path, database: str) -> None:
    from mlflow import MlflowClient

    with mlflow_server(project, database) as server:
        stages = [start(project, server, voice) for voice in ("ann", "ben")]
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
    assert (project / "artifacts").is_dir()
    assert not (project / "mlflow.db").exists()


def test_a_stage_outlives_the_server(project: Path, database: str) -> None:
    """The server goes away in the middle: the stage ends well, has its result, and says so once."""
    with mlflow_server(project, database) as server:
        stage = start(project, server, "cleo", "slowly")
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


def search(client: object) -> list[object]:
    """Return all runs that the server knows; none before the first stage has made the experiment."""
    experiment = client.get_experiment_by_name(EXPERIMENT)  # type: ignore[attr-defined]
    return client.search_runs([experiment.experiment_id]) if experiment else []  # type: ignore[attr-defined]
