"""Adding voices to params.yaml, one or one for each speaker of a dataset."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from imports import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project's settings, and recordings of two speakers."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    lines = [{"file_name": f"{name}.wav", "text": "Hello.", "speaker": name} for name in ("ann", "ben")]
    (tmp_path / "family/train").mkdir(parents=True)
    (tmp_path / "family/train/metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path


def add(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.add_voice", *arguments]
    return subprocess.run(
        command, cwd=project, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT)}
    )


def added(project: Path) -> dict[str, Any]:
    voices = yaml.safe_load((project / "params.yaml").read_text())["voices"]
    return {name: section for name, section in voices.items() if name != "demo"}


def test_every_speaker_of_a_dataset_gets_a_voice(project: Path) -> None:
    finished = add(project, "home", "family", "--every-speaker")
    assert finished.returncode == 0, finished.stderr
    assert added(project) == {
        "home_ann": {"data": "family", "speaker": "ann"},
        "home_ben": {"data": "family", "speaker": "ben"},
    }
    artifacts = yaml.safe_load((project / "dvc.yaml").read_text())["artifacts"]
    assert artifacts["home-ben"]["path"] == "models/voices/home_ben.pt"


@pytest.mark.parametrize("name", ["file", "allow_pickle"])
def test_a_name_that_a_pack_cannot_have_is_one_line(project: Path, name: str) -> None:
    finished = add(project, name, "family")
    assert finished.stderr.startswith(f"add_voice: a voice cannot be called '{name}'")
    assert added(project) == {}


def test_without_a_registry_nothing_is_added(project: Path) -> None:
    graph = project / "dvc.yaml"
    text = graph.read_text()
    graph.write_text(text.replace("artifacts:", "others:"))
    finished = add(project, "me", "family", "--speaker", "ann")
    assert finished.stderr == "add_voice: dvc.yaml: section 'artifacts' is missing. Add it, or restore it from Git.\n"
    assert added(project) == {}
    graph.write_text(text)
    assert add(project, "me", "family", "--speaker", "ann").stdout.startswith("params.yaml: voices.me added")


def test_a_speaker_whose_name_is_no_name_of_a_voice_adds_nobody(project: Path) -> None:
    metadata = project / "family/train/metadata.jsonl"
    metadata.write_text(metadata.read_text().replace('"speaker": "ben"', '"speaker": "Mary Ann"'))
    finished = add(project, "home", "family", "--every-speaker")
    assert finished.stderr == "add_voice: NAME is 'home_Mary Ann'. Use letters, digits, '_' and '-' only.\n"
    assert added(project) == {}


def test_one_speaker_is_chosen_by_name(project: Path) -> None:
    assert add(project, "me", "family", "--speaker", "ben").returncode == 0
    assert added(project) == {"me": {"data": "family", "speaker": "ben"}}


def test_what_is_there_already_is_left_as_it_is(project: Path) -> None:
    add(project, "me", "family", "--speaker", "ben")
    again = add(project, "me", "family")
    assert (again.returncode, again.stdout) == (0, "")
    assert added(project) == {"me": {"data": "family", "speaker": "ben"}}


@pytest.mark.parametrize("name", ["my-voice", "My_Voice"])
def test_a_name_that_the_registry_cannot_tell_from_another_is_one_line(project: Path, name: str) -> None:
    add(project, "my_voice", "family", "--speaker", "ann")
    finished = add(project, name, "family", "--speaker", "ben")
    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr == f"add_voice: NAME is '{name}', which is too like voice 'my_voice'. Choose another.\n"
    assert list(added(project)) == ["my_voice"]


def test_speakers_whose_names_the_registry_cannot_tell_apart_add_nobody(project: Path) -> None:
    metadata = project / "family/train/metadata.jsonl"
    metadata.write_text(metadata.read_text().replace('"speaker": "ben"', '"speaker": "Ann"'))
    finished = add(project, "home", "family", "--every-speaker")
    assert finished.stderr == "add_voice: NAME is 'home_Ann', which is too like voice 'home_ann'. Choose another.\n"
    assert added(project) == {}


def test_the_first_voice_of_a_project_without_any_is_added(project: Path) -> None:
    params = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(params[: params.index("\nvoices:")] + "\nvoices:\n")
    assert add(project, "me", "family", "--speaker", "ben").returncode == 0
    assert added(project) == {"me": {"data": "family", "speaker": "ben"}}


def test_a_dataset_that_names_nobody_is_one_line(project: Path) -> None:
    (project / "family/train/metadata.jsonl").write_text('{"file_name": "a.wav", "text": "Hello."}')
    finished = add(project, "home", "family", "--every-speaker")
    assert finished.returncode == 1
    assert finished.stderr == "add_voice: family: metadata.jsonl names no speaker. Leave out --every-speaker.\n"
