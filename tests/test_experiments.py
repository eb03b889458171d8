"""Experiments as people run them with DVC, on this project's own graph, and the MLflow runs that belong to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from quick_project import finish_queue, mlflow_runs, run, stages_run

from tools.find_run import find_run
from voicepack.errors import VoicepackError

pytestmark = pytest.mark.slow  # DVC is started dozens of times


@pytest.fixture
def project(quick_project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A quick project as the working directory, whose runs are in its own database."""
    monkeypatch.chdir(quick_project)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # restored afterwards: MLflow sets it by itself
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    return quick_project


def locked_rate(project: Path) -> Any:
    from dvc.utils.serialize import load_yaml

    return load_yaml(project / "dvc.lock")["stages"]["train@demo"]["params"]["params.yaml"]["train"]["lr"]


def shown(project: Path) -> dict[str, dict[str, str]]:
    """Return the rows of `dvc exp show --only-changed` by the name of the experiment."""
    table = run(project, "dvc exp show --only-changed --json > shown.json && cat shown.json")
    rows = [row for commit in json.loads(table) for each in commit["experiments"] or [] for row in each["revs"]]
    return {row["name"]: row["data"] for row in rows}


def test_a_rate_is_the_same_in_the_file_in_an_experiment_and_in_mlflow(project: Path) -> None:
    """YAML's readers differ in 1e-4, and DVC writes 0.00001 as 1e-05, which PyYAML takes for a string."""
    params = (project / "params.yaml").read_text()
    changed = params.replace("  lr: 0.15 ", "  lr: 1e-4 ")
    assert changed != params
    (project / "params.yaml").write_text(changed)
    assert stages_run(run(project, "dvc repro train@demo")) == ["train@demo"]
    assert stages_run(run(project, "dvc exp run -S train.lr=0.0001 train@demo")) == []
    found = {1e-4: find_run("train@demo")}
    for rate in ("3e-4", "1e-05"):
        assert stages_run(run(project, f"dvc exp run -S train.lr={rate} train@demo")) == ["train@demo"]
        assert locked_rate(project) == float(rate)
        found[float(rate)] = find_run("train@demo")
    recorded = {each.info.run_id: each.data.params["train.lr"] for each in mlflow_runs(project)}
    assert {rate: recorded[identity] for rate, identity in found.items()} == {rate: str(rate) for rate in found}


def test_an_experiment_leads_to_its_run_and_a_run_to_its_experiment(project: Path) -> None:
    run(project, "dvc exp run -n steady -S train.lr=3e-4 train@demo")
    # In a copy: what lies here stays as it is, and the run is here nevertheless.
    lock = (project / "dvc.lock").read_text()
    run(project, "dvc exp run --temp -n away -S train.lr=1e-5 train@demo")
    assert (project / "dvc.lock").read_text() == lock
    # A copy of the first: nothing runs, its results come from the cache, and so does its run.
    again = run(project, "dvc exp run -n again -S train.lr=3e-4 -S report.fixed_sentences=1 train@demo")
    assert stages_run(again) == []

    (steady,) = mlflow_runs(project, "tags.`dvc.exp` = 'steady'")
    (away,) = mlflow_runs(project, "tags.`dvc.exp` = 'away'")
    assert (steady.data.params["train.lr"], away.data.params["train.lr"]) == ("0.0003", "1e-05")
    assert find_run("train@demo", "steady") == steady.info.run_id
    assert find_run("train@demo", "away") == away.info.run_id
    assert find_run("train@demo", "again") == steady.info.run_id
    with pytest.raises(VoicepackError, match="'nobody' is no commit, branch, tag or experiment"):
        find_run("train@demo", "nobody")

    run(project, f"git checkout -q . && dvc exp apply {away.data.tags['dvc.exp']}")
    assert locked_rate(project) == 1e-5
    assert find_run("train@demo") == away.info.run_id


def test_a_grid_is_done_by_two_workers(project: Path) -> None:
    before = {each.info.run_id for each in mlflow_runs(project)}
    run(project, "dvc exp run --queue -S 'train.lr=1e-4,3e-4' -S 'train.seed=0,1' evaluate@demo")
    run(project, "dvc queue start --jobs 2")
    status = finish_queue(project)
    assert status.count("Success") == 4, status
    rows = shown(project)
    grid = {name: row["params"]["params.yaml"]["data"]["train"] for name, row in rows.items() if name}
    assert {(each["lr"], each["seed"]) for each in grid.values()} == {(1e-4, 0), (1e-4, 1), (3e-4, 0), (3e-4, 1)}
    runs = {each.data.tags["dvc.exp"]: each for each in mlflow_runs(project) if each.info.run_id not in before}
    assert set(runs) == set(grid)
    for name, each in runs.items():
        assert each.data.params["train.lr"] == str(grid[name]["lr"])
        assert each.data.params["train.seed"] == str(grid[name]["seed"])
        assert each.info.status == "FINISHED"
    likeness = {name: row["metrics"]["metrics/demo.json"]["data"]["likeness"] for name, row in rows.items() if name}
    chosen = max(likeness, key=likeness.__getitem__)
    run(project, f"dvc exp apply {chosen}")
    assert json.loads((project / "metrics/demo.json").read_text())["likeness"] == likeness[chosen]
    assert stages_run(run(project, "dvc repro evaluate@demo")) == []


def test_an_experiment_goes_to_a_git_remote_and_back(project: Path, tmp_path: Path) -> None:
    origin, database = tmp_path / "origin.git", f"sqlite:///{project}/mlflow.db"
    run(project, f"git init -q --bare -b main {origin} && git remote add origin {origin}")
    run(project, f"dvc remote add -d team {tmp_path / 'store'} && git commit -qam 'a remote'")
    run(project, "dvc push -q && git push -q origin main")
    run(project, "dvc exp run -n steady -S train.lr=3e-4 evaluate@demo")
    pack = (project / "models/voices/demo.pt").read_bytes()
    run(project, "dvc exp push origin steady && dvc exp remove steady && git checkout -q .")
    assert "steady" not in run(project, "dvc exp list")
    run(project, "dvc exp pull origin steady && dvc exp apply steady")
    assert locked_rate(project) == 3e-4
    # A colleague, who shares the tracking server.
    run(tmp_path, f"git clone -q {origin} colleague")
    colleague = tmp_path / "colleague"
    run(colleague, "dvc exp pull origin steady && dvc exp apply steady")
    assert (colleague / "models/voices/demo.pt").read_bytes() == pack
    (steady,) = mlflow_runs(project, "tags.`dvc.exp` = 'steady'")
    said = run(colleague, "python -m tools.find_run train@demo steady", MLFLOW_TRACKING_URI=database)
    assert said.split()[-1] == steady.info.run_id
