"""One MLflow run per executed stage, found again from what DVC remembers."""

from __future__ import annotations

import inspect
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from imports import ROOT

from stages.stage import running
from stages.tracking import tracking_uri
from tools.find_run import find_run
from voicepack.errors import VoicepackError

ENVIRONMENT = (
    "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES",
    "DVC_STAGE", "DVC_EXP_NAME", "RANK",
)  # fmt: skip
TRACKING = "tracking:\n  tensorboard: false\n  wandb: false\n  wandb_project: voices\n"
PARAMS = "work:\n  lr: {lr}\n  losses:\n    mel: 0.5\n" + TRACKING


@dataclass(frozen=True)
class Losses:
    mel: float


@dataclass(frozen=True)
class Settings:
    lr: float
    losses: Losses


SCRIPT = f"""
from dataclasses import dataclass
from pathlib import Path
from stages.stage import running

{inspect.getsource(Losses)}
{inspect.getsource(Settings)}
with running("work", Settings) as stage:
    Path("out.txt").write_text(str(stage.settings.lr))
    stage.run.log_metrics({{"answer": 42.0}})
"""
GRAPH = (
    "stages:\n  work:\n    cmd: python work.py\n    deps: [work.py, data]\n    params: [work]\n    outs: [out.txt]\n"
)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database. Creating its tables takes seconds, copying it does not."""
    from mlflow import MlflowClient

    database = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{database}").search_experiments()
    return database


@pytest.fixture
def project(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project in a Git repository, with the database at its root, as the working directory."""
    for name in ENVIRONMENT:  # some are set on the way: what they were before is restored afterwards
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["work"])
    shutil.copy(migrated, tmp_path / "mlflow.db")
    (tmp_path / "params.yaml").write_text(PARAMS.format(lr="1e-3"))
    (tmp_path / "work.py").write_text(SCRIPT)
    (tmp_path / "dvc.yaml").write_text(GRAPH)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.txt").write_text("a")
    (tmp_path / ".gitignore").write_text("mlflow.db\nout.txt\n__pycache__\n")
    call(tmp_path, "git", "init", "-q")
    call(tmp_path, "git", "add", "-A")
    call(tmp_path, "git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "first")
    return tmp_path


def call(folder: Path, *command: str) -> str:
    """Run a command with this Python and this project first."""
    environment = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    environment |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    finished = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout.strip()


def runs(folder: Path) -> list[Any]:
    """Return the runs in a project's database, the newest first."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiments = [each.experiment_id for each in client.search_experiments()]
    return list(client.search_runs(experiments, order_by=["attributes.start_time DESC"]))


def test_the_database_is_where_the_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    assert tracking_uri() == "http://localhost:5000"


def test_the_database_is_at_the_root_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    expected = f"sqlite:///{tmp_path.resolve() / 'mlflow.db'}"
    assert expected.startswith("sqlite:////")
    assert tracking_uri() == expected
    # `dvc exp run --temp` and `--queue` work in a copy that is deleted.
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "abc"
    for folder, its_project in ((copy, tmp_path), (copy / "deeper", tmp_path), (tmp_path / "exps", tmp_path / "exps")):
        folder.mkdir(parents=True, exist_ok=True)
        monkeypatch.chdir(folder)
        assert tracking_uri() == f"sqlite:///{its_project.resolve() / 'mlflow.db'}"
    # As the pages write it for `mlflow ui`: in the copy it would be deleted.
    monkeypatch.chdir(copy)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///runs/team.db")
    assert tracking_uri() == f"sqlite:///{tmp_path.resolve() / 'runs/team.db'}"


def test_a_stage_leaves_a_run_that_says_what_it_was(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["work", "anna"])
    monkeypatch.setenv("DVC_EXP_NAME", "tawny-owl")
    with running("work", Settings) as stage:
        assert (stage.name, stage.voice) == ("work", "anna")
        assert stage.settings == Settings(1e-3, Losses(0.5))
        stage.run.log_metrics({"mel": 2.0}, step=1)
        stage.run.log_metrics({"mel": 1.5}, step=2)
    (run,) = runs(project)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "work@anna"
    assert run.data.params == {"work.lr": "0.001", "work.losses.mel": "0.5"}
    assert run.data.metrics["mel"] == 1.5
    assert run.data.metrics["stage_seconds"] > 0
    tags = run.data.tags
    assert tags["dvc.stage"] == "work@anna"
    assert tags["dvc.exp"] == "tawny-owl"
    assert tags["git.commit"] == call(project, "git", "rev-parse", "HEAD")
    assert tags["git.dirty"] == "false"


def test_what_the_machine_does_meanwhile_is_recorded(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.2")
    with running("work", Settings):
        time.sleep(2)
    (run,) = runs(project)
    assert {"system/cpu_utilization_percentage", "system/system_memory_usage_megabytes"} <= set(run.data.metrics)


def test_only_the_first_of_several_processes_leaves_a_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in ("1", "0"):
        monkeypatch.setenv("RANK", number)
        with running("work", Settings) as stage:
            stage.run.log_metrics({"mel": float(number)})
            stage.run.log_artifact(project / "data/a.txt")
    (run,) = runs(project)
    assert run.data.metrics["mel"] == 0
    assert run.data.params == {"work.lr": "0.001", "work.losses.mel": "0.5"}


def test_what_a_user_can_mend_is_one_line_and_a_failed_run(project: Path) -> None:
    (project / "data/a.txt").write_text("changed")
    with pytest.raises(SystemExit) as caught, running("work", Settings):
        raise VoicepackError("data/a.txt: no voice in it. Record one.")
    assert caught.value.code == "work: data/a.txt: no voice in it. Record one."  # a string: Python exits with 1
    (run,) = runs(project)
    assert run.info.status == "FAILED"
    assert run.data.tags["git.dirty"] == "true"
    assert "stage_seconds" not in run.data.metrics


def test_wrong_params_are_one_line_and_no_run(project: Path) -> None:
    (project / "params.yaml").write_text(PARAMS.format(lr="fast"))
    with pytest.raises(SystemExit) as caught, running("work", Settings):
        pytest.fail("the stage ran")
    assert isinstance(caught.value.code, str)
    assert caught.value.code.startswith("work: params.yaml: work.lr is 'fast'")
    assert "\n" not in caught.value.code
    assert runs(project) == []


def test_a_defect_is_a_failed_run_with_its_traceback(project: Path) -> None:
    with pytest.raises(ZeroDivisionError), running("work", Settings):
        raise ZeroDivisionError
    assert [run.info.status for run in runs(project)] == ["FAILED"]


def test_dvc_lock_leads_to_the_run_behind_it(project: Path) -> None:
    call(project, "dvc", "init", "-q")
    call(project, "dvc", "repro", "-q")
    slow = find_run("work")
    assert [run.info.run_id for run in runs(project)] == [slow]
    (project / "params.yaml").write_text(PARAMS.format(lr="2e-3"))
    call(project, "dvc", "repro", "-q")
    fast = find_run("work")
    found = {run.info.run_id: run.data for run in runs(project)}
    assert set(found) == {slow, fast}
    assert found[slow].params["work.lr"] == "0.001"
    assert found[fast].params["work.lr"] == "0.002"
    assert found[fast].metrics["answer"] == 42.0
    assert found[fast].tags["dvc.stage"] == "work"
    # Back again: DVC takes the output from its cache and runs nothing, and the run is still found.
    (project / "params.yaml").write_text(PARAMS.format(lr="1e-3"))
    call(project, "dvc", "repro", "-q")
    assert find_run("work") == slow
    assert len(runs(project)) == 2
    with pytest.raises(VoicepackError, match=r"dvc\.lock: no stage 'train@anna'"):
        find_run("train@anna")


def test_a_small_number_in_dvc_lock_leads_to_its_run_too(project: Path) -> None:
    """DVC writes 0.00001 as 1e-05, which PyYAML reads as a string."""
    (project / "params.yaml").write_text(PARAMS.format(lr="1e-5"))
    call(project, "dvc", "init", "-q")
    call(project, "dvc", "repro", "-q")
    assert "1e-05" in (project / "dvc.lock").read_text()
    assert [run.info.run_id for run in runs(project)] == [find_run("work")]


@pytest.fixture
def made_elsewhere(project: Path) -> Path:
    """The project with a stage in its lock file that has no run in its database."""
    lock = {"deps": [{"path": "data", "hash": "md5", "md5": "0" * 32}], "params": {"params.yaml": {"work": 1}}}
    (project / "dvc.lock").write_text(f"schema: '2.0'\nstages: {{work: {lock}}}\n".replace("'", '"'))
    return project


def test_a_lock_file_in_the_middle_of_a_merge_is_one_line(made_elsewhere: Path) -> None:
    (made_elsewhere / "dvc.lock").write_text("<<<<<<< HEAD\nschema: '2.0'\n")
    with pytest.raises(VoicepackError, match=r"^dvc\.lock: not valid YAML\. Finish the merge first\.$"):
        find_run("work")


def test_a_stage_that_ran_elsewhere_is_one_line(made_elsewhere: Path) -> None:
    with pytest.raises(VoicepackError, match="It ran elsewhere") as caught:
        find_run("work")
    assert "\n" not in str(caught.value)


def test_without_a_database_it_is_one_line_and_none_is_made(made_elsewhere: Path) -> None:
    database = made_elsewhere / "mlflow.db"
    database.unlink()
    with pytest.raises(VoicepackError, match=r"mlflow\.db: no such file\. No stage has left an MLflow run here\.$"):
        find_run("work")
    assert not database.exists()


def test_a_server_that_is_away_is_one_line_within_seconds(
    made_elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        start = time.monotonic()
        with pytest.raises(VoicepackError, match=f"^{address} does not answer ") as caught:
            find_run("work")
    assert time.monotonic() - start < 30
    assert "Connection refused" in str(caught.value)
    assert "\n" not in str(caught.value)
