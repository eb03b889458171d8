"""Benches make a voice beside the project's own: they find what is shared, and change nothing of what was made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studies import made_apart
from voicepack.speed.process import Usage


def test_a_voice_is_made_beside_what_the_project_has_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    project = tmp_path / "project"
    for folder in ("models/kokoro", "models/voices", "data/code", "recordings/ann"):
        (project / folder).mkdir(parents=True)
    (project / "params.yaml").write_text("voices:\n  ann:\n    data: recordings/ann\n")
    (project / "models/voices/ann.pt").write_text("made before")
    monkeypatch.chdir(project)
    ran = []

    def stand_in(command: list[str], cwd: Path, env: dict[str, str], **_: Any) -> Usage:
        ran.append(command[2:])
        assert (cwd / "models/kokoro").samefile("models/kokoro")
        assert (cwd / "data/code").samefile("data/code")
        assert (cwd / "recordings/ann").samefile("recordings/ann")
        assert not (cwd / "models/voices").exists()
        assert (cwd / "params.yaml").is_file()
        assert env["PYTHONPATH"].split(":")[0] == str(Path.cwd())
        assert env["MLFLOW_TRACKING_URI"] == f"sqlite:///{project}/mlflow.db"
        return Usage(2.0, 0.5, 1.0, "")

    monkeypatch.setattr(made_apart, "measure", stand_in)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    found = dict(made_apart.made_apart("ann", tmp_path / "apart"))
    assert list(found) == list(made_apart.STAGES)
    assert ran == [[f"stages.{stage}", "ann"] for stage in made_apart.STAGES]
    assert (project / "models/voices/ann.pt").read_text() == "made before"
