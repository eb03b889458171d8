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

from stages import places


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


def test_without_a_registry_nothing_is_added(project: Path) -> None:
    graph = project / "dvc.yaml"
    text = graph.read_text()
    graph.write_text(text.replace("artifacts:", "others:"))
    finished = add(project, "me", "family", "--speaker", "ann")
    assert finished.stderr == "add_voice: dvc.yaml: section 'artifacts' is missing. Add it, or restore it from Git.\n"
    assert added(project) == {}
    graph.write_text(text)
    assert add(project, "me", "family", "--speaker", "ann").stdout.startswith("params.yaml: voices.me added")


@pytest.mark.parametrize("left", ["", "train: {}\n"])
def test_without_the_section_of_voices_nothing_is_added(project: Path, left: str) -> None:
    """As after a merge that cut params.yaml off."""
    (project / "params.yaml").write_text(left)
    before = (project / "dvc.yaml").read_text()
    finished = add(project, "me", "family", "--speaker", "ann")
    assert finished.stderr == "add_voice: params.yaml: section 'voices' is missing. Add it, or restore it from Git.\n"
    assert (project / "dvc.yaml").read_text() == before


@pytest.mark.parametrize("name", ["reader", "summary", "encoder", "Bench_GPU"])
def test_a_name_under_which_measures_of_no_voice_lie_is_one_line(project: Path, name: str) -> None:
    finished = add(project, name, "family")
    said = f"NAME is '{name}', but metrics/{name}.json is not of a voice. Choose another."
    assert finished.stderr == f"add_voice: {said}\n"
    assert added(project) == {}


def test_all_metrics_that_are_not_of_a_voice_are_known() -> None:
    graph = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    metrics = {name for stage in graph["stages"].values() for each in stage.get("metrics", []) for name in each}
    written_by_commands = {*graph["metrics"], str(places.BENCH_GPU)}
    assert metrics | written_by_commands == set(map(str, places.NOT_OF_A_VOICE))


def call_ben(project: Path, name: str) -> None:
    """Call the second speaker of the recordings otherwise."""
    metadata = project / "family/train/metadata.jsonl"
    metadata.write_text(metadata.read_text().replace('"speaker": "ben"', f'"speaker": "{name}"'))


def test_a_speaker_may_have_a_name_that_no_voice_can_have(project: Path) -> None:
    call_ben(project, "Mary Ann")
    assert add(project, "home", "family", "--every-speaker").returncode == 0
    assert added(project)["home_Mary_Ann"] == {"data": "family", "speaker": "Mary Ann"}


def test_two_speakers_whose_voices_would_have_one_name_add_nobody(project: Path) -> None:
    metadata = project / "family/train/metadata.jsonl"
    metadata.write_text(metadata.read_text().replace('"speaker": "ann"', '"speaker": "Mary_Ann"'))
    call_ben(project, "Mary Ann")
    finished = add(project, "home", "family", "--every-speaker")
    assert finished.stderr == (
        "add_voice: 'Mary Ann' and 'Mary_Ann' would both be voice 'home_Mary_Ann'. Add each under a name of its own,"
        " with --speaker.\n"
    )
    assert added(project) == {}


@pytest.mark.parametrize("named", [True, False])
def test_a_speaker_who_is_not_there_is_one_line(project: Path, named: bool) -> None:
    if not named:
        (project / "family/train/metadata.jsonl").write_text('{"file_name": "a.wav", "text": "Hello."}')
    finished = add(project, "me", "family", "--speaker", "Nobody")
    known = "Known: ann, ben." if named else "No line of it names a speaker."
    assert finished.stderr == f"add_voice: family: no speaker 'Nobody'. {known}\n"
    assert added(project) == {}


def test_it_says_what_came_of_a_voice_that_is_there(project: Path) -> None:
    add(project, "me", "family", "--speaker", "ben")
    assert add(project, "me", "family", "--speaker", "ann").stdout == (
        "params.yaml: voices.me changed. Check who spoke, the licence and the consent, which are as they were.\n"
    )
    graph = project / "dvc.yaml"
    text = graph.read_text()
    graph.write_text(text[: text.index("  me:\n    path:")])
    said = "dvc.yaml: the packs of voices.me added to the registry.\n"
    assert [add(project, "me", "family").stdout for _ in range(2)] == [said, ""]
    assert graph.read_text() == text


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


def test_a_name_that_mlflow_could_not_keep_is_one_line(project: Path) -> None:
    assert add(project, 101 * "a", "family", "--speaker", "ann").stderr == (
        "add_voice: NAME has 101 letters. Use 100 at most.\n"
    )
    assert add(project, 100 * "a", "family", "--speaker", "ann").returncode == 0


def test_speakers_whose_names_the_registry_cannot_tell_apart_add_nobody(project: Path) -> None:
    call_ben(project, "Ann")
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
