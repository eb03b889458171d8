"""dvc.yaml against the code, and what reruns when something changes."""

from __future__ import annotations

import dataclasses
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import pytest
import yaml
from imports import ROOT
from quick_project import stages_run

from stages import places
from stages.code import STAGES, VOICE_STAGES
from stages.imports import PACKAGES, imported_files
from tools import add_voice
from voicepack.errors import VoicepackError
from voicepack.voice_losses import LossWeights

GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
OTHER_SETTINGS = {  # that a stage depends on besides its own section
    "prepare": ["voices.${key}"],
    "expand": ["voices.${key}"],
    "evaluate": ["prepare.language"],
    "card": ["prepare.language"],
    "report": ["train.losses.speaker", "voices"],
}


def test_every_stage_depends_on_the_code_behind_it() -> None:
    assert [name for name in GRAPH if name != "code"] == list(STAGES)
    assert [name for name in GRAPH if "do" in GRAPH[name]] == list(VOICE_STAGES)
    assert GRAPH["code"]["deps"] == list(PACKAGES)
    assert GRAPH["code"]["outs"] == [str(places.code(name)) for name in STAGES]
    for name in STAGES:
        deps = GRAPH[name].get("do", GRAPH[name])["deps"]
        assert str(places.code(name)) in deps
        assert not [path for path in deps if path.endswith(".py")]


def test_stages_of_a_voice_import_what_is_heavy_only_where_they_use_it() -> None:
    """Each starts anew for every voice, and would take seconds for packages of which it may use one function."""
    code = f"import sys, {', '.join(f'stages.{name}' for name in VOICE_STAGES)}; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    heavy = {"dvc", "faster_whisper", "kokoro", "librosa", "mlflow", "numba", "pandas", "sklearn", "transformers"}
    assert not heavy.intersection(imported.split())


@pytest.mark.parametrize("name", GRAPH)
def test_stage_is_a_script_and_a_section(name: str) -> None:
    stage = GRAPH[name].get("do", GRAPH[name])
    assert stage["cmd"].startswith(f"python -m stages.{name}")
    assert name in stage["params"]
    assert name in yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.mark.parametrize("name", GRAPH)
def test_a_stage_depends_on_its_own_settings_and_on_few_others(name: str) -> None:
    """Each more reruns it when it need not; what it reads besides would not rerun it: see test_pipeline.py."""
    stage = GRAPH[name].get("do", GRAPH[name])
    assert sorted(stage["params"]) == sorted([name, *OTHER_SETTINGS.get(name, [])])


@pytest.fixture(scope="module")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which every stage is a shell command that copies nothing but its name.

    The graph (dependencies, parameters, outputs) is the real one; only the commands are quick.
    """
    folder = tmp_path_factory.mktemp("project")
    for name in ("stages", "voicepack", ".dvcignore", "params.yaml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    (folder / "metrics").mkdir()
    shutil.copy(ROOT / "metrics/bench.json", folder / "metrics")
    graph = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    for name, entry in graph["stages"].items():
        stage = entry.get("do", entry)
        outputs = [
            next(iter(output)) if isinstance(output, dict) else output
            for kind in ("outs", "metrics", "plots")
            for output in stage.get(kind, [])
        ]
        # What comes out depends on the parameters, as it does in the real stages: otherwise DVC would stop there.
        stage["cmd"] = " && ".join(
            f"mkdir -p $(dirname {output}) && (echo {name}; cat params.yaml) > {output}" for output in outputs
        )
    (folder / "dvc.yaml").write_text(yaml.safe_dump(graph, sort_keys=False))
    _dataset(folder / "recordings")
    _run(folder, "git", "init", "-q")
    _run(folder, "dvc", "init", "-q")
    _run(folder, "dvc", "repro", "-q")
    return folder


@pytest.fixture
def project(_template: Path, tmp_path: Path) -> Path:
    """A copy of it for each test, which may edit settings, graph and lock: no test sees what another has left."""
    return Path(shutil.copytree(_template, tmp_path / "project", symlinks=True))


def test_second_repro_runs_nothing(project: Path) -> None:
    assert _stages_run(project) == []


def test_learning_rate_reruns_training_and_what_follows(project: Path) -> None:
    params = (project / "params.yaml").read_text()
    changed = params.replace("  lr: 0.15 ", "  lr: 0.2 ")
    assert changed != params
    (project / "params.yaml").write_text(changed)
    assert _stages_run(project) == ["train@demo", "expand@demo", "evaluate@demo", "card@demo", "report"]


def test_adding_a_voice_runs_only_its_stages(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    assert add_voice.add_voice("lj", Path("recordings"))
    ran = _stages_run(project)
    assert sorted(ran) == sorted([*(f"{name}@lj" for name in VOICE_STAGES), "report"])
    assert ran[-1] == "report"


def test_adding_a_voice_keeps_the_comments(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    add_voice.add_voice("other", Path("recordings"))
    written = (project / "params.yaml").read_text()
    assert "# Every knob of the pipeline" in written
    assert yaml.safe_load(written)["voices"]["other"] == {"data": "recordings"}
    assert not add_voice.add_voice("other", Path("recordings"))


def test_data_outside_the_project_is_found_from_a_temporary_copy(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _dataset(tmp_path / "elsewhere")
    monkeypatch.chdir(project)
    add_voice.add_voice("far", Path(os.path.relpath(tmp_path / "elsewhere")))
    written = yaml.safe_load((project / "params.yaml").read_text())["voices"]["far"]["data"]
    assert written == str(tmp_path / "elsewhere")


@pytest.mark.parametrize("name", ["a b", "../x", "", "a.b"])
def test_names_that_dvc_cannot_use_are_refused(name: str, tmp_path: Path) -> None:
    _dataset(tmp_path)
    with pytest.raises(VoicepackError, match="Use letters, digits"):
        add_voice.add_voice(name, tmp_path)


def _dataset(folder: Path) -> None:
    (folder / "train").mkdir(parents=True)
    (folder / "train/metadata.jsonl").write_text('{"file_name": "a.wav", "text": "a"}\n')


def _run(folder: Path, *command: str) -> str:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    finished = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def _stages_run(project: Path) -> list[str]:
    return stages_run(_run(project, "dvc", "repro"))


@pytest.mark.parametrize(
    ("stage", "parts"),
    [("extract", ["train"]), ("train", ["train"]), ("expand", ["train"]), ("baselines", ["train"]),
     ("reference", ["train", "held_out"])],
)  # fmt: skip
def test_what_is_held_out_is_heard_by_the_measures_alone(stage: str, parts: list[str]) -> None:
    found = re.findall(r"read_clips\(.*?, \"(\w+)\"\)", (ROOT / f"stages/{stage}.py").read_text())
    assert found == parts


@pytest.mark.parametrize("name", STAGES)
def test_every_knob_of_a_stage_is_looked_at(name: str) -> None:
    module = importlib.import_module(f"stages.{name}")
    source = Path(str(module.__file__)).read_text()
    for kind in vars(module).values():
        if dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__ and kind.__name__.endswith("Settings"):
            for knob in kind.__annotations__:  # not in an error's words alone
                assert re.search(rf"(settings|self)\.{knob}\b(?!}})", source), knob
    (kind,) = re.findall(rf"running\(\"{name}\", (\w+)\)", source)
    behind = "".join((ROOT / file).read_text() for file in imported_files(f"stages/{name}.py", ROOT))
    knobs = list(_knobs(getattr(module, kind)))
    assert knobs
    for knob in knobs:  # the library's too
        assert re.search(rf"\w\.{knob}\b(?!}})", behind), knob


def _knobs(kind: type) -> Iterator[str]:
    """Return the names of all settings of a stage, with those that it inherits and those within them."""
    for name, held in get_type_hints(kind).items():
        if held is LossWeights:  # each by the name of its loss: test_losses.py
            continue
        yield from _knobs(held) if dataclasses.is_dataclass(held) else [name]
