"""One run per executed stage, found again in MLflow from the stage's inputs."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stages.recorders import (
    MlflowRecorder,
    Recorder,
    TensorBoardRecorder,
    TrackingSettings,
    WandbRecorder,
    database_file,
)
from stages.settings import load_settings
from voicepack.errors import VoicepackError


class Run:
    """An open run of a stage. Metrics go in as one dictionary per step, because a call costs more than its numbers."""

    def __init__(self, recorders: Sequence[Recorder] = ()) -> None:
        self._recorders = recorders

    def log_parameters(self, parameters: Mapping[str, Any]) -> None:
        for recorder in self._recorders:
            recorder.parameters({name: str(value) for name, value in parameters.items()})

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        for recorder in self._recorders:
            recorder.metrics(metrics, step)

    def log_artifact(self, path: Path) -> None:
        """Keep a file with the run, or a folder under its own name."""
        for recorder in self._recorders:
            recorder.artifact(path)


@contextmanager
def open_run(name: str) -> Iterator[Run]:
    """Open the run of a stage. `name` is the stage's address in DVC, such as `train@demo`.

    The tags lead from a stage to its run: `dvc.stage`, `dvc.exp`, `git.commit`, `git.dirty`, and
    `dvc.inputs_md5`, which `python -m tools.find_run STAGE` computes again from dvc.lock.
    Of several processes (`voicepack.processes`) only the first opens one.
    """
    if os.environ.get("RANK", "0") != "0":  # the launcher's number of this process
        yield Run()
        return
    settings, tags = load_settings("tracking", TrackingSettings), _tags(name)
    recorders: list[Recorder] = []
    failed = True
    try:
        if settings.tensorboard:
            recorders.append(TensorBoardRecorder(name, project_folder() / "runs"))
        if settings.wandb:
            recorders.append(WandbRecorder(name, settings.wandb_project, project_folder(), tags))
        recorders.append(MlflowRecorder(name, tracking_uri(), tags))
        yield Run(recorders)
        failed = False
    finally:
        for recorder in recorders:
            recorder.close(failed=failed)


def tracking_uri() -> str:
    """Return MLFLOW_TRACKING_URI, or else the SQLite file mlflow.db; a file's path is from the root of the project."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    file = database_file(uri)
    return f"sqlite:///{project_folder() / file}" if file else uri


def project_folder() -> Path:
    """Return the root of the project that the working directory is, or is a copy of.

    `dvc exp run --temp` and `--queue` work in `.dvc/tmp/exps/NAME`, a copy that is deleted afterwards: what is to
    outlive it belongs into the project that it was made from.
    """
    directory = Path.cwd().resolve()
    parts = directory.parts
    for index in range(len(parts) - 2):
        if parts[index : index + 3] == (".dvc", "tmp", "exps"):
            return Path(*parts[:index])
    return directory


def inputs_md5(dependencies: Mapping[str, str], parameters: Mapping[str, Any]) -> str:
    """Return one MD5 over what a stage was made from: the hash of every dependency, and its parameters."""
    canonical = json.dumps([dependencies, parameters], sort_keys=True, default=str)
    return hashlib.md5(canonical.encode()).hexdigest()


def locked_inputs_md5(address: str, revision: str = "") -> str:
    """Hash the inputs of a stage as dvc.lock records them, here or in a commit, tag, branch or experiment of DVC.

    Raises VoicepackError if it is not there.
    """
    # By DVC's reader: PyYAML's takes 1e-05, as DVC writes 0.00001, for a string.
    from dvc.utils.serialize import YAMLFileCorruptedError, parse_yaml

    where = f"dvc.lock of {revision}" if revision else "dvc.lock"
    try:
        stages = parse_yaml(_lock(revision), "dvc.lock").get("stages", {})
    except YAMLFileCorruptedError:
        raise VoicepackError(f"{where}: not valid YAML. Finish the merge first.") from None
    if address not in stages:
        raise VoicepackError(f"{where}: no stage '{address}'. Run it: dvc repro {address}")
    stage = stages[address]
    dependencies = {each["path"]: each["md5"] for each in stage.get("deps", [])}
    parameters = {name: value for file in stage.get("params", {}).values() for name, value in file.items()}
    return inputs_md5(dependencies, parameters)


def _lock(revision: str) -> str:
    """Return dvc.lock as it lies here, or as a revision has it; nothing where that has none."""
    if not revision:
        try:
            return Path("dvc.lock").read_text()
        except FileNotFoundError:
            raise VoicepackError("dvc.lock: no such file. Run this from the root of the project.") from None
    from dvc.repo import Repo
    from dvc.scm import RevError, SCMError, resolve_rev

    try:
        with Repo() as repo:
            commit = resolve_rev(repo.scm, revision)  # knows the names of experiments too
    except (RevError, SCMError):
        raise VoicepackError(f"'{revision}' is no commit, branch, tag or experiment. See dvc exp list --all.") from None
    return git("show", f"{commit}:./dvc.lock")


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
