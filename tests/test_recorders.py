"""Who takes down what a stage reports, each for real; and a server that is away."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from imports import ROOT

from stages import recorders
from stages.recorders import EXPERIMENT, MlflowRecorder, Recorder, TensorBoardRecorder, WandbRecorder, shown
from voicepack.audio import write_audio
from voicepack.errors import VoicepackError


@pytest.fixture(autouse=True)
def _own_mlflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    yield
    import mlflow

    mlflow.end_run()


def report(recorder: Recorder, folder: Path) -> None:
    write_audio(folder / "samples/test_1.wav", torch.linspace(-0.5, 0.5, 24_000))
    recorder.parameters({"train.lr": "0.0001"})
    for step in range(3):
        recorder.metrics({"mel": 1.0 - 0.1 * step}, step)
    recorder.artifact(folder / "samples")
    recorder.close(failed=False)


def test_tensorboard_has_curves_and_samples(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    report(TensorBoardRecorder("train@me", tmp_path / "runs"), tmp_path)
    (run,) = (tmp_path / "runs/train@me").iterdir()
    events = accumulator.EventAccumulator(str(run))
    events.Reload()
    assert [(each.step, round(each.value, 3)) for each in events.Scalars("mel")] == [(0, 1.0), (1, 0.9), (2, 0.8)]
    assert events.Tags()["audio"] == ["test_1"]


def test_weights_and_biases_keeps_a_run_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    report(WandbRecorder("train@me", "voices", tmp_path, {"dvc.stage": "train@me"}), tmp_path)
    (run,) = (tmp_path / "wandb").glob("offline-run-*")
    recorded = next(run.glob("run-*.wandb")).read_bytes()
    for expected in (b"train@me", b"mel", b"train.lr", b"train_me_samples"):
        assert expected in recorded


def test_stages_that_start_at_once_share_a_database_that_is_not_there_yet(tmp_path: Path) -> None:
    code = "import sys; from stages.recorders import MlflowRecorder as M; M(*sys.argv[1:], {}).close(failed=False)"
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    names = ("train@me", "train@you", "train@her")
    stages = [
        subprocess.Popen([sys.executable, "-c", code, name, uri], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for name in names
    ]
    assert [stage.communicate()[1] for stage in stages] == [""] * 3
    import mlflow

    mlflow.set_tracking_uri(uri)
    found = mlflow.search_runs(experiment_names=[EXPERIMENT], output_format="list")
    assert sorted(run.info.run_name for run in found) == sorted(names)


def test_a_stage_logs_into_the_experiment_that_another_makes_at_the_same_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a server there is no lock: each of two stages may find no experiment, and one of them makes it first."""
    import mlflow
    from mlflow.tracking._tracking_service.client import TrackingServiceClient as Client

    uri, unseen, find = f"sqlite:///{tmp_path / 'mlflow.db'}", [EXPERIMENT], Client.get_experiment_by_name
    MlflowRecorder("train@me", uri, {}).close(failed=False)
    mlflow.set_experiment("Default")  # where a process begins
    monkeypatch.setattr(recorders, "database_file", lambda _: None)
    monkeypatch.setattr(
        Client, "get_experiment_by_name", lambda self, name: None if unseen and unseen.pop() else find(self, name)
    )
    MlflowRecorder("train@you", uri, {}).close(failed=False)
    found = mlflow.search_runs(experiment_names=[EXPERIMENT], output_format="list")
    assert {run.info.run_name for run in found} == {"train@me", "train@you"}
    assert not unseen


@pytest.mark.parametrize(
    ("module", "make"),
    [
        ("torch.utils.tensorboard", lambda: TensorBoardRecorder("work", Path("runs"))),
        ("wandb", lambda: WandbRecorder("work", "voices", Path(), {})),
    ],
)
def test_a_package_that_is_missing_is_named(module: str, make: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert callable(make)
    with pytest.raises(VoicepackError, match=r"is not installed\. Run `\.venv/bin/pip install -e '\.\["):
        make()


def test_files_lie_beside_the_database_wherever_the_first_stage_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVC deletes the copy of the project in which it ran an experiment."""
    copy = tmp_path / ".dvc/tmp/exps/copy"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    report(MlflowRecorder("train@me", f"sqlite:///{tmp_path / 'mlflow.db'}", {}), tmp_path)
    assert list((tmp_path / "mlruns").rglob("*.wav"))
    assert not list(copy.iterdir())


def test_a_damaged_database_is_said_once_and_ends_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mlflow.db").write_text("no database")
    report(MlflowRecorder("train@me", f"sqlite:///{tmp_path / 'mlflow.db'}", {}), tmp_path)
    (said,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tracking:")]
    assert "mlflow.db failed (" in said


def test_a_password_is_not_shown() -> None:
    assert shown("postgresql://ann:secret@host:5432/mlflow") == "postgresql://host:5432/mlflow"
    assert shown("sqlite:////home/ann/mlflow.db") == "sqlite:////home/ann/mlflow.db"


@pytest.mark.parametrize("listening", [False, True], ids=["away", "silent"])
def test_a_server_that_is_away_or_never_answers_is_said_once_and_ends_nothing(
    listening: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listening:
            server.listen()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        report(MlflowRecorder("train@me", address, {}), tmp_path)
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tracking:")]
    assert len(said) == 1
    assert f"{address} failed" in said[0]
    assert ("Read timed out" if listening else "Connection refused") in said[0]
    assert "its metrics are in metrics/" in said[0]
