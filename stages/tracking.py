"""One MLflow run per executed stage, found again from the stage's inputs."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from voicepack.errors import VoicepackError

EXPERIMENT = "kokoro-voicepack"


class Run:
    """An open MLflow run. Metrics go in as one dictionary per step, because a call costs more than its numbers."""

    def log_parameters(self, parameters: Mapping[str, Any]) -> None:
        import mlflow

        mlflow.log_params({name: str(value)[:6000] for name, value in parameters.items()})

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        import mlflow

        mlflow.log_metrics(dict(metrics), step=step)

    def log_artifact(self, path: Path) -> None:
        """Keep a file with the run, or a folder under its own name."""
        import mlflow

        if path.is_dir():
            mlflow.log_artifacts(str(path), path.name)
        else:
            mlflow.log_artifact(str(path))


@contextmanager
def open_run(name: str) -> Iterator[Run]:
    """Open the MLflow run of a stage. `name` is the stage's address in DVC, such as `train@demo`.

    The tags lead from a stage to its run: `dvc.stage`, `dvc.exp`, `git.commit`, `git.dirty`, and
    `dvc.inputs_md5`, which `python -m stages.find_run STAGE` computes again from dvc.lock.
    """
    import mlflow

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    mlflow.set_tracking_uri(tracking_uri())
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(run_name=name, tags=_tags(name)):
        yield Run()


def tracking_uri(directory: Path | None = None) -> str:
    """Return MLFLOW_TRACKING_URI, or else a SQLite file at the root of the project, as an absolute path.

    `dvc exp run --temp` and `--queue` work in `.dvc/tmp/exps/NAME`, a copy that is deleted afterwards:
    from there the database is the one of the project that the copy was made from.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if uri:
        return uri
    directory = (directory or Path.cwd()).resolve()
    parts = directory.parts
    for index in range(len(parts) - 2):
        if parts[index : index + 3] == (".dvc", "tmp", "exps"):
            directory = Path(*parts[:index])
            break
    return f"sqlite:///{directory / 'mlflow.db'}"


def inputs_md5(dependencies: Mapping[str, str], parameters: Mapping[str, Any]) -> str:
    """Return one MD5 over what a stage was made from: the hash of every dependency, and its parameters."""
    canonical = json.dumps([dependencies, parameters], sort_keys=True, default=str)
    return hashlib.md5(canonical.encode()).hexdigest()


def locked_inputs_md5(address: str) -> str:
    """Hash the inputs of a stage as dvc.lock records them. Raises VoicepackError if it is not there."""
    lock = yaml.safe_load(Path("dvc.lock").read_text()) if Path("dvc.lock").exists() else {"stages": {}}
    if address not in lock["stages"]:
        raise VoicepackError(f"dvc.lock: no stage '{address}'. Run it: dvc repro {address}")
    stage = lock["stages"][address]
    dependencies = {each["path"]: each["md5"] for each in stage.get("deps", [])}
    parameters = {name: value for file in stage.get("params", {}).values() for name, value in file.items()}
    return inputs_md5(dependencies, parameters)


def _tags(name: str) -> dict[str, str]:
    tags = {
        "dvc.stage": os.environ.get("DVC_STAGE", name),
        "dvc.exp": os.environ.get("DVC_EXP_NAME", ""),
        "git.commit": git("rev-parse", "HEAD"),
        "git.dirty": str(bool(git("status", "--porcelain"))).lower(),
    }
    if "DVC_STAGE" in os.environ:
        tags["dvc.inputs_md5"] = _current_inputs_md5(os.environ["DVC_STAGE"])
    return tags


def _current_inputs_md5(address: str) -> str:
    """Hash the inputs as they are now, in the very way DVC is about to write them to dvc.lock."""
    from dvc.repo import Repo

    with Repo() as repo:
        stage = repo.stage.load_one(name=address)
        stage.save_deps()
        dependencies = {
            dependency.def_path: dependency.hash_info.value
            for dependency in stage.deps
            if dependency.protocol == "local" and dependency not in stage.params
        }
        parameters = {name: value for parameter in stage.params for name, value in parameter.hash_info.value.items()}
        return inputs_md5(dependencies, parameters)


def git(*arguments: str) -> str:
    """Return git's answer, or nothing where the project is not in a Git repository."""
    finished = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return finished.stdout.strip() if finished.returncode == 0 else ""
