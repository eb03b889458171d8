"""Who takes down what a stage reports: MLflow always, TensorBoard and Weights & Biases where params.yaml says so.

The numbers are in metrics/ whatever becomes of these. An MLflow server that is away therefore does not end a stage.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from filelock import FileLock

from voicepack.errors import VoicepackError, first_line

EXPERIMENT = "kokoro-voicepack"
Result = TypeVar("Result")


@dataclass(frozen=True)
class TrackingSettings:
    """Section `tracking` of params.yaml. No stage depends on it: turning one on recomputes nothing."""

    tensorboard: bool
    wandb: bool
    wandb_project: str


class Recorder(Protocol):
    """Takes down one run of a stage."""

    def parameters(self, parameters: Mapping[str, str]) -> None: ...

    def metrics(self, metrics: Mapping[str, float], step: int | None) -> None: ...

    def artifact(self, path: Path) -> None: ...

    def close(self, *, failed: bool) -> None: ...


class MlflowRecorder:
    """A run on the tracking server, or in the file mlflow.db.

    What cannot be delivered is given up at the first failure, with one line: a stage takes minutes to hours of
    computing, and is not to be lost to a server.
    """

    def __init__(self, name: str, uri: str, tags: Mapping[str, str]) -> None:
        import mlflow

        self._uri, self._lost = uri, False
        use_mlflow(uri)
        self._try(_choose_experiment, uri)
        self._try(mlflow.start_run, run_name=name, tags=dict(tags), log_system_metrics=True)

    def parameters(self, parameters: Mapping[str, str]) -> None:
        import mlflow

        self._try(mlflow.log_params, {name: value[:6000] for name, value in parameters.items()})

    def metrics(self, metrics: Mapping[str, float], step: int | None) -> None:
        import mlflow

        self._try(mlflow.log_metrics, dict(metrics), step=step)

    def artifact(self, path: Path) -> None:
        import mlflow

        if path.is_dir():
            self._try(mlflow.log_artifacts, str(path), path.name)
        else:
            self._try(mlflow.log_artifact, str(path))

    def close(self, *, failed: bool) -> None:
        import mlflow

        self._try(mlflow.end_run, "FAILED" if failed else "FINISHED")

    def _try(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        if self._lost:
            return
        try:
            ask_mlflow(call, *arguments, **options)
        except VoicepackError as error:
            self._lost = True
            print(
                f"tracking: MLflow at {shown(self._uri)} failed ({error}). The stage goes on without it; its metrics"
                " are in metrics/.",
                file=sys.stderr,
            )


def use_mlflow(uri: str) -> None:
    """Turn MLflow to a server or a database, and let it be brief: about what it does, and where nobody answers."""
    # By itself it tries for minutes, at every call, and tells of every change to a database.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    import mlflow

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    mlflow.set_tracking_uri(uri)


def ask_mlflow(call: Callable[..., Result], *arguments: Any, **options: Any) -> Result:
    """Call a function of MLflow and return its answer. Raises VoicepackError with the reason in a few words."""
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return call(*arguments, **options)
    except (MlflowException, RequestException, SQLAlchemyError, OSError) as error:
        # Of a request that failed, what it comes down to stands at the end.
        raise VoicepackError(first_line(error).rpartition("Caused by ")[2][:200]) from None


def shown(uri: str) -> str:
    """Return the address of a server without the user's name and password."""
    return re.sub(r"//[^@/]*@", "//", uri)


def database_file(uri: str) -> Path | None:
    """Return the file of a database that is one, or nothing for a server."""
    path = uri.removeprefix("sqlite:///")
    return Path(path) if path != uri else None


def _choose_experiment(uri: str) -> None:
    """Log into the project's experiment, making it, and the database that is to hold it, where it is missing.

    A database that is a file is left to one stage at a time: two that set it up at once would stumble over each other.
    Files are kept beside it. MLflow itself would keep all of them where the first stage ran, perhaps in a copy of the
    project that DVC deletes.
    """
    import mlflow

    file = database_file(uri)
    with FileLock(f"{file}.lock") if file else nullcontext():
        if file and mlflow.get_experiment_by_name(EXPERIMENT) is None:
            mlflow.create_experiment(EXPERIMENT, (file.resolve().parent / "mlruns").as_uri())
        experiment = mlflow.set_experiment(EXPERIMENT)
        # Again, by number: if another stage made it at the same moment, MLflow returned it, but would log elsewhere.
        mlflow.set_experiment(experiment_id=experiment.experiment_id)


class TensorBoardRecorder:
    """Event files in `runs/STAGE/TIME`, for `tensorboard --logdir runs`."""

    def __init__(self, name: str, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError:
            raise _not_installed("tensorboard") from None
        self._writer = SummaryWriter(str(folder / name / datetime.now().strftime("%Y%m%d-%H%M%S-%f")))

    def parameters(self, parameters: Mapping[str, str]) -> None:
        lines = [f"| {name} | {value} |" for name, value in parameters.items()]
        self._writer.add_text("parameters", "\n".join(["| name | value |", "|---|---|", *lines]))

    def metrics(self, metrics: Mapping[str, float], step: int | None) -> None:
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, step)

    def artifact(self, path: Path) -> None:
        """Add the WAV files; TensorBoard plays nothing else of what stages keep."""
        import soundfile

        for file in sorted(path.glob("*.wav")) if path.is_dir() else []:
            audio, rate = soundfile.read(file, dtype="float32")
            self._writer.add_audio(file.stem, audio, sample_rate=rate)

    def close(self, *, failed: bool) -> None:
        self._writer.close()


class WandbRecorder:
    """A run at Weights & Biases, or in the folder `wandb` with WANDB_MODE=offline, for `wandb sync`."""

    def __init__(self, name: str, project: str, folder: Path, tags: Mapping[str, str]) -> None:
        try:
            import wandb
        except ModuleNotFoundError:
            raise _not_installed("wandb") from None
        self._name = name.replace("@", "_")
        try:
            self._run = wandb.init(
                project=project, name=name, dir=folder, config={"tags": dict(tags)},
                settings=wandb.Settings(silent=True),
            )  # fmt: skip
        except wandb.errors.Error as error:
            raise VoicepackError(
                f"tracking.wandb is true, but Weights & Biases says: {first_line(error)} Run `wandb login`, or set"
                " WANDB_MODE=offline."
            ) from None

    def parameters(self, parameters: Mapping[str, str]) -> None:
        self._run.config.update(dict(parameters))

    def metrics(self, metrics: Mapping[str, float], step: int | None) -> None:
        self._run.log(dict(metrics), step=step)

    def artifact(self, path: Path) -> None:
        import wandb

        kept = wandb.Artifact(f"{self._name}_{path.stem}", type="samples" if path.is_dir() else "file")
        if path.is_dir():
            kept.add_dir(str(path))
        else:
            kept.add_file(str(path))
        self._run.log_artifact(kept)

    def close(self, *, failed: bool) -> None:
        import wandb

        self._run.finish(exit_code=int(failed))
        wandb.teardown()  # waits for the process that writes the run to the disk


def _not_installed(package: str) -> VoicepackError:
    return VoicepackError(
        f"tracking.{package} is true, but package '{package}' is not installed. Run `.venv/bin/pip install -e"
        f" '.[{package}]'`, or turn it off in params.yaml."
    )
